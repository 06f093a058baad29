// SPDX-License-Identifier: MIT
// State: q0-q31, then FPSR and FPCR: 528 bytes (arch/aarch64/fpu.S).
#pragma once

#include <arch/sysreg.h>

/** The registers alone; the unit is on. */
void arch_fpu_store(void *state);
void arch_fpu_load(const void *state);

static inline void hal_fpu_save(void *state)
{
	arch_fpu_store(state);
}

static inline void hal_fpu_restore(const void *state)
{
	write_sysreg(cpacr_el1, CPACR_FPEN);
	isb();
	arch_fpu_load(state);
}

#define HAL_FPU_STATE_MAX 528

static inline void hal_fpu_switch(void *prev, const void *next)
{
	arch_fpu_store(prev);
	arch_fpu_load(next);
}

static inline void hal_fpu_disable(void)
{
	// No ISB: the return to user mode is one, and the kernel executes no such instruction.
	write_sysreg(cpacr_el1, 0);
}
