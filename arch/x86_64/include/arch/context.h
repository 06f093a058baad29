// SPDX-License-Identifier: MIT
// What a switch carries beside the kernel stack. User programs cannot write the FS and GS bases
// themselves (CR4.FSGSBASE is off), so these copies are always right.
#pragma once

#include <arch/layout.h>
#include <arch/msr.h>
#include <arch/trapframe.h>

struct hal_context {
	uintptr_t sp; // 0: user kind
	uint64_t fs_base, gs_base;
};

/** Offset from GS of TSS.rsp0, from which SYSCALL and interrupts take the stack. */
#define X86_GS_RSP0 144

static inline struct trapframe *hal_stack_trapframe(vaddr_t stack_top)
{
	return (struct trapframe *)(stack_top - sizeof(struct trapframe));
}

static inline void hal_context_set_user(struct hal_context *ctx)
{
	ctx->sp = 0;
}

static inline bool hal_context_is_user(const struct hal_context *ctx)
{
	return ctx->sp == 0;
}

static inline void hal_context_copy_user(struct hal_context *to, const struct hal_context *from)
{
	to->fs_base = from->fs_base;
	to->gs_base = from->gs_base;
}

static inline void hal_context_swap_tls(struct hal_context *prev, struct hal_context *next)
{
	x86_wrmsr(X86_MSR_FS_BASE, next->fs_base);
	// A program may have zeroed its GS base by loading the selector: equal copies prove nothing.
	if (unlikely(prev->gs_base | next->gs_base))
		x86_wrmsr(X86_MSR_KERNEL_GS_BASE, next->gs_base);
}

static inline void hal_context_set_entry_stack(vaddr_t stack_top)
{
	__asm__ volatile("movq %0, %%gs:%c1" : : "r"(stack_top), "i"(X86_GS_RSP0) : "memory");
}

/** arch_prctl(ARCH_SET_GS): the GS base that the program sees. */
void x86_context_set_gs_base(struct trapframe *tf, struct hal_context *ctx, uint64_t base);
