// SPDX-License-Identifier: MIT
// Contexts of threads that have not run yet, and the walk along frame pointers.
#include <hal/context.h>

/** What hal_context_switch() leaves on the stack (entry.S), from sp upwards. */
struct switch_frame {
	uint64_t x29, x30;
	uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28;
};
static_assert(sizeof(struct switch_frame) == 96, "as in entry.S");

extern char arch_kernel_thread_start[];

void hal_context_init_kernel(struct hal_context *ctx, vaddr_t stack_top, void (*entry)(void *),
			     void *arg)
{
	// Below the place of the trapframe: the thread may build one there and go to user mode.
	struct switch_frame *frame = (struct switch_frame *)hal_stack_trapframe(stack_top) - 1;
	*frame = (struct switch_frame){
		.x30 = (uintptr_t)arch_kernel_thread_start,
		.x19 = (uintptr_t)entry,
		.x20 = (uintptr_t)arg,
	};
	ctx->sp = (uintptr_t)frame;
	ctx->tls = 0;
}

void hal_context_init_user(struct hal_context *ctx, vaddr_t stack_top)
{
	(void)stack_top; // hal_context_switch() is told it
	ctx->sp = 0;
	ctx->tls = 0;
}

void hal_backtrace(uintptr_t fp, bool (*visit)(void *arg, uintptr_t pc), void *arg)
{
	if (fp == 0)
		fp = (uintptr_t)__builtin_frame_address(0);
	// A record is {caller's fp, return address}. User mode chooses the first x29 of an entry, so a
	// chain is followed only upwards within one stack's size, which is memory that exists.
	uintptr_t limit = fp + HAL_KSTACK_SIZE;
	while (fp >= (uintptr_t)1 << 63 && is_aligned(fp, 8)) {
		const uintptr_t *record = (const uintptr_t *)fp;
		if (record[1] == 0 || !visit(arg, record[1]))
			return;
		if (record[0] <= fp || record[0] >= limit)
			return;
		fp = record[0];
	}
}
