// SPDX-License-Identifier: MIT
// F and D state. sstatus.FS is a CPU's, not a trapframe's: off, or on with current's registers.
#pragma once

#include <arch/csr.h>

struct riscv_fpu_state {
	uint64_t f[32];
	uint32_t fcsr;
};

// Of a signal frame's union, which begins like that: room for Q state, then two words of a list of
// extensions.
#define RISCV_FPU_NO_RECORD 512

/** fpu.S; the unit is on. */
void riscv_fpu_save(struct riscv_fpu_state *state);
void riscv_fpu_restore(const struct riscv_fpu_state *state);

static inline void hal_fpu_save(void *state)
{
	if ((csr_read(sstatus) & SSTATUS_FS) != SSTATUS_FS_DIRTY)
		return;
	riscv_fpu_save(state);
	csr_clear(sstatus, SSTATUS_FS);
	csr_set(sstatus, SSTATUS_FS_CLEAN);
}

static inline void hal_fpu_restore(const void *state)
{
	csr_set(sstatus, SSTATUS_FS);
	riscv_fpu_restore(state);
	// The loads made it dirty.
	csr_clear(sstatus, SSTATUS_FS & ~SSTATUS_FS_CLEAN);
}

#define HAL_FPU_STATE_MAX sizeof(struct riscv_fpu_state)

static inline void hal_fpu_switch(void *prev, const void *next)
{
	// What was saved before and not changed since needs no store; the loads make it dirty again.
	if ((csr_read(sstatus) & SSTATUS_FS) == SSTATUS_FS_DIRTY)
		riscv_fpu_save(prev);
	riscv_fpu_restore(next);
	csr_clear(sstatus, SSTATUS_FS & ~SSTATUS_FS_CLEAN);
}

static inline void hal_fpu_disable(void)
{
	csr_clear(sstatus, SSTATUS_FS);
}
