// SPDX-License-Identifier: MIT
// New contexts, the user thread pointer and back-traces. The switch itself is in entry.S.
#include <hal/context.h>

#include <arch/x86.h>
#include <hal/mmu.h>

void hal_context_init_kernel(struct hal_context *ctx, vaddr_t stack_top, void (*entry)(void *),
			     void *arg)
{
	extern void x86_thread_start(void);
	// As hal_context_switch() pops them: r15 r14 r13 r12 rbx rbp, return address. Two words more
	// give x86_thread_start an aligned stack. All below the place of the trapframe: the thread may
	// build one there and go to user mode.
	uint64_t *sp = (uint64_t *)hal_stack_trapframe(stack_top) - 9;

	sp[0] = sp[1] = 0;
	sp[2] = (uint64_t)arg;
	sp[3] = (uint64_t)entry;
	sp[4] = sp[5] = 0;
	sp[6] = (uint64_t)x86_thread_start;
	sp[7] = sp[8] = 0;
	*ctx = (struct hal_context){.sp = (uintptr_t)sp};
}

void hal_context_init_user(struct hal_context *ctx, vaddr_t stack_top)
{
	(void)stack_top;
	*ctx = (struct hal_context){.sp = 0};
}

static bool is_kernel_address(uintptr_t addr)
{
	return addr >= HAL_DIRECT_BASE;
}

void hal_backtrace(uintptr_t fp, bool (*visit)(void *arg, uintptr_t pc), void *arg)
{
	if (fp == 0)
		fp = (uintptr_t)__builtin_frame_address(0);
	// A frame lies above the last one and on the same stack, so a broken chain ends soon.
	while (is_kernel_address(fp) && is_aligned(fp, sizeof(uintptr_t))) {
		const uintptr_t *frame = (const uintptr_t *)fp;
		uintptr_t pc = frame[1];
		if (pc < (uintptr_t)_text_start || pc >= (uintptr_t)_text_end || !visit(arg, pc))
			return;
		if (frame[0] <= fp || frame[0] - fp > HAL_KSTACK_SIZE)
			return;
		fp = frame[0];
	}
}
