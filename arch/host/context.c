// SPDX-License-Identifier: MIT
// Contexts: real stack switches, each announced to the sanitizers.
//
// Every switch runs in three steps: host_san_leave() says which stack comes next, the registers are
// swapped, and host_san_arrive() is the first thing on the new stack, be it an old one (behind
// host_asm_switch) or a fresh one (first_kernel, first_user).
#include "host.h"

#include <arch/user.h>
#include <hal/explore.h>
#include <hal/irqflags.h>
#include <hal/upcall.h>

void host_asm_first(void);

uintptr_t host_context_frame(vaddr_t top, void (*fn)(void *), void *arg)
{
	uint64_t *sp = (uint64_t *)align_down(top, 16ul);

	*--sp = (uintptr_t)host_asm_first; // which begins with the stack as aligned as a call wants
	*--sp = 0; // rbp
	*--sp = 0; // rbx
	*--sp = (uintptr_t)fn; // r12
	*--sp = (uintptr_t)arg; // r13
	*--sp = 0; // r14
	*--sp = 0; // r15
	return (uintptr_t)sp;
}

/** What a new kernel thread starts with, at the place of its trapframe. */
struct kernel_start {
	struct hal_context *ctx;
	void (*entry)(void *);
	void *arg;
};

static void first_kernel(void *arg)
{
	struct kernel_start start = *(struct kernel_start *)arg;

	host_san_arrive(&start.ctx->stack);
	upcall_thread_start();
	start.entry(start.arg);
	host_die("the entry function of a kernel thread returned");
}

void hal_context_init_kernel(struct hal_context *ctx, vaddr_t stack_top, void (*entry)(void *),
			     void *arg)
{
	struct kernel_start *start = (struct kernel_start *)hal_stack_trapframe(stack_top);

	static_assert(sizeof(*start) <= sizeof(struct trapframe), "it lies in the frame's place");
	*start = (struct kernel_start){ctx, entry, arg};
	hal_context_init_user(ctx, stack_top);
	ctx->stack.sp = host_context_frame((vaddr_t)start, first_kernel, start);
}

void hal_context_init_user(struct hal_context *ctx, vaddr_t stack_top)
{
	*ctx = (struct hal_context){
		.stack = {.bottom = stack_top - HAL_KSTACK_SIZE, .top = stack_top},
	};
}

static void first_user(void *arg)
{
	struct hal_context *ctx = arg;
	struct trapframe *tf = hal_stack_trapframe(ctx->stack.top);

	host_san_arrive(&ctx->stack);
	upcall_user_resume(tf);
	hal_context_enter_user(tf);
}

/** Where @next continues. A context of the user kind begins at the top of its stack. */
static uintptr_t resume_point(struct hal_context *next, vaddr_t next_top)
{
	if (!hal_context_is_user(next))
		return next->stack.sp;
	next->stack.top = next_top;
	next->stack.bottom = next_top - HAL_KSTACK_SIZE;
	return host_context_frame((vaddr_t)hal_stack_trapframe(next_top), first_user, next);
}

void hal_context_switch(struct hal_context *prev, struct hal_context *next, vaddr_t next_top)
{
	uintptr_t sp = resume_point(next, next_top);

	if (hal_irq_is_enabled())
		host_die("hal_context_switch() with interrupts on");
	hal_explore_point(next);
	// A thread that this CPU adopted (the first ones) has never had its bounds noted.
	host_stack_note(&prev->stack);
	host_san_leave(&prev->stack, &next->stack);
	host_asm_switch(&prev->stack.sp, sp);
	host_san_arrive(&prev->stack);
}

void hal_context_leave(struct hal_context *prev, struct hal_context *next, vaddr_t next_top)
{
	uintptr_t sp = resume_point(next, next_top);

	if (hal_irq_is_enabled())
		host_die("hal_context_leave() with interrupts on");
	hal_explore_point(next);
	prev->stack = (struct host_stack){0};
	host_san_leave(NULL, &next->stack);
	host_asm_resume(sp);
}

/** A call that begins a stack anew; lies below the top of the new stack. */
struct stack_call {
	struct host_stack stack;
	void (*fn)(void *);
	void *arg;
};

static void first_call(void *arg)
{
	struct stack_call *call = arg;

	host_san_arrive(&call->stack);
	call->fn(call->arg);
	host_die("a function called on a fresh stack returned");
}

void hal_context_call_on_stack(vaddr_t stack_top, void (*fn)(void *), void *arg)
{
	struct host_cpu *cpu = host_cpu();
	// The present frames may be on that very stack: build the call lower than this one.
	uintptr_t here = (uintptr_t)__builtin_frame_address(0);
	uintptr_t limit = stack_top - sizeof(struct trapframe);
	struct stack_call *call;

	if (here > cpu->stack_bottom && here <= stack_top && stack_top == cpu->stack_top)
		limit = min(limit, here - KIB(8));
	call = (struct stack_call *)(limit - sizeof(*call));
	call = (struct stack_call *)align_down((uintptr_t)call, 64ul);
	*call = (struct stack_call){
		.stack = {.bottom = stack_top - HAL_KSTACK_SIZE, .top = stack_top},
		.fn = fn,
		.arg = arg,
	};
	host_san_leave(NULL, &call->stack);
	host_asm_call((vaddr_t)call, first_call, call);
}

void hal_context_enter_user(struct trapframe *tf)
{
	hal_irq_disable();
	host_user_return(tf);
}

void hal_context_enter_other(struct trapframe *tf, _Atomic uint32_t *stack_left)
{
	// The other thread lets go of this stack, once it runs on its own.
	host_cpu()->stack_left = stack_left;
	host_user_return(tf);
}

void hal_backtrace(uintptr_t fp, bool (*visit)(void *arg, uintptr_t pc), void *arg)
{
	struct host_cpu *cpu = host_cpu();

	if (!fp)
		fp = (uintptr_t)__builtin_frame_address(0);
	while (cpu && fp >= cpu->stack_bottom && fp + 16 <= cpu->stack_top && is_aligned(fp, 8ul)) {
		uintptr_t next = ((uintptr_t *)fp)[0];
		uintptr_t pc = ((uintptr_t *)fp)[1];

		if (!pc || !visit(arg, pc) || next <= fp)
			return;
		fp = next;
	}
}
