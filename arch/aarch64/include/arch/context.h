// SPDX-License-Identifier: MIT
// sp is where hal_context_switch() left the callee-saved registers, 0 for the user kind; tls is
// TPIDR_EL0 of a thread that does not run.
#pragma once

#include <arch/sysreg.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>

struct hal_context {
	uintptr_t sp;
	uint64_t tls;
};

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
	// @from is the caller's own: its register is newer than its context.
	(void)from;
	to->tls = read_sysreg(tpidr_el0);
}

static inline void hal_context_swap_tls(struct hal_context *prev, struct hal_context *next)
{
	prev->tls = read_sysreg(tpidr_el0);
	write_sysreg(tpidr_el0, next->tls);
}

static inline void hal_context_set_entry_stack(vaddr_t stack_top)
{
	// An exception of user mode starts at SP_EL1, which the return to user mode left at the top.
	(void)stack_top;
}
