// SPDX-License-Identifier: MIT
// Contexts of threads that have not run yet, and the walk along frame pointers.
#include <arch/sysreg.h>
#include <hal/context.h>
#include <hal/irqflags.h>

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

/** Translate @addr as a read of the kernel: a walk in a panic must not fault. */
static bool is_readable(uintptr_t addr)
{
	irqflags_t flags = hal_irq_save(); // PAR_EL1 is the CPU's
	__asm__ volatile("at s1e1r, %0" : : "r"(addr) : "memory");
	isb();
	bool is_mapped = !(read_sysreg(par_el1) & 1);
	hal_irq_restore(flags);
	return is_mapped;
}

void hal_backtrace(uintptr_t fp, bool (*visit)(void *arg, uintptr_t pc), void *arg)
{
	if (fp == 0)
		fp = (uintptr_t)__builtin_frame_address(0);
	// A record is {caller's fp, return address}. x29 may be anything where the interrupted code was
	// user mode's or was compiled without frame pointers: only upwards, within one stack's size.
	uintptr_t limit = fp + HAL_KSTACK_SIZE;
	while (fp >= (uintptr_t)1 << 63 && is_aligned(fp, 16) && is_readable(fp)) {
		const uintptr_t *record = (const uintptr_t *)fp;
		if (record[1] == 0 || !visit(arg, record[1]))
			return;
		if (record[0] <= fp || record[0] >= limit)
			return;
		fp = record[0];
	}
}
