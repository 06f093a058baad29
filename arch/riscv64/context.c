// SPDX-License-Identifier: MIT
// New contexts, and the walk over frame pointers. The switch itself is in entry.S.
#include "internal.h"

#include <hal/context.h>
#include <lib/string.h>

/** What hal_context_switch() leaves on a stack (SWITCH_SIZE of entry.S). */
struct switch_frame {
	uint64_t ra;
	uint64_t s[12];
	uint64_t pad;
};

_Static_assert(sizeof(struct switch_frame) == 112, "entry.S: SWITCH_SIZE");

void hal_context_init_kernel(struct hal_context *ctx, vaddr_t stack_top, void (*entry)(void *),
			     void *arg)
{
	// The trapframe's place stays free: the thread may become a process and enter user mode.
	struct switch_frame *frame = (struct switch_frame *)hal_stack_trapframe(stack_top) - 1;
	memset(frame, 0, sizeof(*frame));
	frame->ra = (uintptr_t)riscv_kernel_thread_start;
	frame->s[1] = (uintptr_t)entry;
	frame->s[2] = (uintptr_t)arg;
	ctx->sp = (uintptr_t)frame;
}

void hal_context_init_user(struct hal_context *ctx, vaddr_t stack_top)
{
	(void)stack_top; // the switch gets it again
	hal_context_set_user(ctx);
}

/** Frame pointers are believed only on the stack that they began on. */
static bool is_frame(uintptr_t fp, uintptr_t low)
{
	return fp > low && fp - low <= HAL_KSTACK_SIZE && is_aligned(fp, 8);
}

void hal_backtrace(uintptr_t fp, bool (*visit)(void *arg, uintptr_t pc), void *arg)
{
	uintptr_t stack_end = hal_percpu()->entry_sp;
	if (fp == 0)
		fp = (uintptr_t)__builtin_frame_address(0);
	uintptr_t low = stack_end - HAL_KSTACK_SIZE;
	while (is_frame(fp, low + 16) && fp <= stack_end) {
		// Below the frame pointer: return address, then the caller's frame pointer.
		const uintptr_t *frame = (const uintptr_t *)fp - 2;
		if (frame[1] < HAL_KERNEL_BASE || !visit(arg, frame[1]))
			return;
		low = fp - 16;
		fp = frame[0];
	}
}
