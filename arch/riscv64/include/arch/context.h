// SPDX-License-Identifier: MIT
// A thread that does not run: its stack pointer. User mode's tp is a register of the trapframe, so
// nothing else needs to be carried.
#pragma once

#include <arch/layout.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>

struct hal_context {
	uint64_t sp; // below it the callee-saved registers; 0 = user kind
};

_Static_assert(HAL_KSTACK_SIZE == 1ul << RISCV_KSTACK_SHIFT, "entry.S tests stacks by the shift");

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
	(void)to;
	(void)from;
}

static inline void hal_context_swap_tls(struct hal_context *prev, struct hal_context *next)
{
	(void)prev;
	(void)next;
}

static inline void hal_context_set_entry_stack(vaddr_t stack_top)
{
	struct hal_percpu *cpu = hal_percpu();
	cpu->entry_sp = stack_top;
	hal_stack_trapframe(stack_top)->percpu = (uintptr_t)cpu; // for the next entry from user mode
}
