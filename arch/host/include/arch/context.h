// SPDX-License-Identifier: MIT
// A kernel thread that does not run: callee-saved registers on its stack, as on the machine.
#pragma once

#include <arch/trapframe.h>
#include <hal/percpu.h>

struct hal_context {
	struct host_stack stack; // sp 0 = user kind
	uint64_t tls; // user thread pointer
};

static inline struct trapframe *hal_stack_trapframe(vaddr_t stack_top)
{
	return (struct trapframe *)stack_top - 1;
}

static inline void hal_context_set_user(struct hal_context *ctx)
{
	ctx->stack.sp = 0;
}

static inline bool hal_context_is_user(const struct hal_context *ctx)
{
	return ctx->stack.sp == 0;
}

static inline void hal_context_copy_user(struct hal_context *to, const struct hal_context *from)
{
	to->tls = from->tls;
}

/** The thread pointer is a field of the context, so there is no register to swap. */
static inline void hal_context_swap_tls(struct hal_context *prev, struct hal_context *next)
{
	(void)prev;
	(void)next;
}

static inline void hal_context_set_entry_stack(vaddr_t stack_top)
{
	hal_percpu()->entry_sp = stack_top;
}
