// SPDX-License-Identifier: MIT
// tp is the address of this CPU's area while in the kernel. User mode's own tp is in its trapframe.
#pragma once

#include <arch/csr.h>

/** What the backend keeps in hal_percpu.arch[]. */
enum riscv_percpu {
	RISCV_PERCPU_DELTA, // area minus _percpu_start: adds up with a section address
	RISCV_PERCPU_SATP_MODE, // mode field of satp, in place
	RISCV_PERCPU_ASID_BITS,
	RISCV_PERCPU_SATP, // a started CPU: satp to begin with; it makes it 0 when it does not take that
	RISCV_PERCPU_USER_TOP, // the same everywhere; here it is one load
	RISCV_PERCPU_EMERGENCY, // end of the stack for a kernel stack overflow
};

extern char _percpu_start[], _percpu_end[];
extern struct hal_percpu *riscv_percpu_areas[];

register struct hal_percpu *riscv_tp asm("tp");

static inline struct hal_percpu *hal_percpu(void)
{
	return riscv_tp;
}

static inline void *hal_percpu_this(void *var)
{
	return (char *)var + riscv_tp->arch[RISCV_PERCPU_DELTA];
}

static inline void *hal_percpu_ptr(void *var, cpuid_t cpu)
{
	return (char *)var + riscv_percpu_areas[cpu]->arch[RISCV_PERCPU_DELTA];
}

static inline struct thread *current_thread(void)
{
	return riscv_tp->current;
}

static inline cpuid_t this_cpu(void)
{
	return riscv_tp->cpu;
}
