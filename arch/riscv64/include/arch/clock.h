// SPDX-License-Identifier: MIT
// The time CSR; stimecmp where Sstc is there, else a call to the firmware.
#pragma once

#include <arch/csr.h>
#include <lib/types.h>

/** Whether stimecmp may be used. Set by hal_clock_init(). */
extern bool riscv_use_stimecmp;
void riscv_sbi_set_timer(uint64_t ticks);

static inline uint64_t hal_clock_read(void)
{
	return csr_read(time);
}

static inline uint64_t hal_clock_read_unordered(void)
{
	return hal_clock_read();
}

static inline void hal_timer_set(uint64_t ticks)
{
	if (likely(riscv_use_stimecmp))
		csr_write(CSR_STIMECMP, ticks);
	else
		riscv_sbi_set_timer(ticks);
}

static inline bool hal_clock_is_for_users(void)
{
	return true;
}
