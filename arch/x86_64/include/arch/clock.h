// SPDX-License-Identifier: MIT
// The TSC where it can be trusted, else a chipset counter (hal/drivers/timer).
#pragma once

#include <arch/msr.h>

extern bool x86_clock_is_tsc;
uint64_t x86_clock_read_chipset(void);
void x86_timer_set(uint64_t ticks);

static inline uint64_t hal_clock_read(void)
{
	if (unlikely(!x86_clock_is_tsc))
		return x86_clock_read_chipset();
	// Not before what was read earlier: else time could run backwards between CPUs.
	__asm__ volatile("lfence" : : : "memory");
	return x86_rdtsc();
}

static inline uint64_t hal_clock_read_unordered(void)
{
	return likely(x86_clock_is_tsc) ? x86_rdtsc() : x86_clock_read_chipset();
}

static inline void hal_timer_set(uint64_t ticks)
{
	x86_timer_set(ticks);
}

static inline bool hal_clock_is_for_users(void)
{
	return x86_clock_is_tsc;
}
