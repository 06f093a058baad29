// SPDX-License-Identifier: MIT
// The generic timer's virtual counter and timer (Arm ARM D11): the only pair that is the kernel's
// own at EL1 on every machine, and equal to the physical one where the kernel set CNTVOFF_EL2 = 0.
#pragma once

#include <arch/sysreg.h>

static inline uint64_t hal_clock_read(void)
{
	// Without the ISB the counter may be read early, before older instructions: time would run
	// backwards between two CPUs that synchronise through memory.
	uint64_t ticks;
	__asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

static inline uint64_t hal_clock_read_unordered(void)
{
	return read_sysreg(cntvct_el0);
}

static inline void hal_timer_set(uint64_t ticks)
{
	// UINT64_MAX needs no case of its own: an unsigned 64-bit counter never reaches it.
	write_sysreg(cntv_cval_el0, ticks);
	write_sysreg(cntv_ctl_el0, 1);
	isb();
}

static inline bool hal_clock_is_for_users(void)
{
	return true;
}
