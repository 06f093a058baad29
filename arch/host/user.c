// SPDX-License-Identifier: MIT
// User mode of the laboratory: C functions on stacks of their own. They enter the kernel on the
// current thread's kernel stack as system-call entry does on a machine, with all that they need to
// continue in the trapframe at its top.
#include "host.h"

#include <arch/user.h>
#include <hal/atomic.h>
#include <hal/irqflags.h>
#include <hal/upcall.h>
#include <uapi/ipc.h>

bool host_is_slow_path_only;
uint64_t host_fast_path_count; // by one CPU, or it is not exact

static struct trapframe *entry_frame(void)
{
	return hal_stack_trapframe(hal_percpu()->entry_sp);
}

/** Kernel side of an entry: @arg is the trapframe. Never returns to its caller. */
static void enter_syscall(void *arg)
{
	struct trapframe *tf = arg;
	struct upcall_resume resume = {tf, NULL};

	host_san_arrive(&host_cpu()->entry_stack);
	switch (host_is_slow_path_only ? IPC_NULL : tf->nr) {
	case IPC_CALL:
		resume = upcall_ipc_call(tf);
		break;
	case IPC_REPLY_RECV:
		resume = upcall_ipc_reply_recv(tf);
		break;
	case IPC_SIGNAL:
		resume = upcall_ipc_signal(tf);
		break;
	case IPC_SEND:
		resume = upcall_ipc_send(tf);
		break;
	default:
		upcall_syscall(tf);
	}
	host_cpu()->stack_left = resume.stack_left;
	if (resume.stack_left)
		__atomic_fetch_add(&host_fast_path_count, 1, __ATOMIC_RELAXED);
	host_user_return(resume.tf);
}

static void enter_irq(void *arg)
{
	struct trapframe *tf = arg;

	host_san_arrive(&host_cpu()->entry_stack);
	host_irq_take(tf);
	host_user_return(tf);
}

/** Leave user mode: continue in @fn(trapframe) on the kernel stack; returns in user mode again. */
static void enter_kernel(struct trapframe *tf, void (*fn)(void *))
{
	struct host_cpu *cpu = host_cpu();
	struct host_stack *kernel = &cpu->entry_stack;

	hal_irq_disable();
	tf->pc = (uintptr_t)__builtin_return_address(0);
	tf->sp = tf->fp = (uintptr_t)__builtin_frame_address(0);
	host_stack_note(&tf->user);
	*kernel = (struct host_stack){
		.top = hal_percpu()->entry_sp,
		.bottom = hal_percpu()->entry_sp - HAL_KSTACK_SIZE,
	};
	host_san_leave(&tf->user, kernel);
	host_asm_enter(&tf->user.sp, (uintptr_t)tf, fn, tf);
	// The thread may be on another CPU now, but its trapframe never moves.
	host_san_arrive(&tf->user);
	// After the fast path returned another thread's frame: the stack of the one before is left.
	_Atomic uint32_t *left = host_cpu()->stack_left;
	host_cpu()->stack_left = NULL;
	if (left)
		store_release(left, 0);
	tf->user.sp = 0;
	hal_irq_enable();
}

int64_t host_syscall(struct host_call *call)
{
	struct trapframe *tf = entry_frame();

	do {
		tf->flags = HOST_TF_USER | HOST_TF_SYSCALL;
		tf->nr = call->nr;
		memcpy(tf->args, call->args, sizeof(tf->args));
		tf->result = 0;
		tf->ipc_tag = call->tag;
		tf->ipc_badge = tf->ipc_sender = 0;
		memcpy(tf->ipc_words, call->words, sizeof(tf->ipc_words));
		tf->call = call;
		enter_kernel(tf, enter_syscall);
	} while (tf->flags & HOST_TF_RESTART);
	call->result = tf->result;
	call->tag = tf->ipc_tag;
	call->badge = tf->ipc_badge;
	call->sender = tf->ipc_sender;
	memcpy(call->words, tf->ipc_words, sizeof(call->words));
	return call->result;
}

void host_user_point(void)
{
	struct trapframe *tf = entry_frame();

	if (!host_irq_is_pending(host_cpu()))
		return;
	tf->flags = HOST_TF_USER;
	tf->call = NULL;
	enter_kernel(tf, enter_irq);
}

/** User side of a frame that begins at its program counter. */
static void first_user_code(void *arg)
{
	struct trapframe *tf = arg;
	void (*fn)(uint64_t, uint64_t, uint64_t) = (void (*)(uint64_t, uint64_t, uint64_t))tf->pc;

	host_san_arrive(&tf->user);
	tf->user.sp = 0;
	hal_irq_enable();
	fn(tf->call_args[0], tf->call_args[1], tf->call_args[2]);
	host_die("a user function returned instead of making its exit call");
}

void host_user_return(struct trapframe *tf)
{
	if (hal_irq_is_enabled())
		host_die("return to user mode with interrupts on");
	if (!tf->user.sp) {
		tf->user.top = tf->sp;
		tf->user.bottom = tf->sp - HOST_USER_STACK_SIZE;
		tf->user.sp = host_context_frame(tf->sp, first_user_code, tf);
	}
	host_san_leave(NULL, &tf->user);
	host_asm_resume(tf->user.sp);
}
