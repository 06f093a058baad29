// SPDX-License-Identifier: MIT
#pragma once

#include <arch/sysreg.h>

/** The cycle counter runs (a PMU exists). Same on all CPUs: the boot CPU decides. */
extern bool arch_has_pmu;

#define HAL_CPU_UNALIGNED 1

static inline void hal_cpu_relax(void)
{
	__asm__ volatile("yield" : : : "memory");
}

#define HAL_IDLE_POLLS 2

static inline void hal_cpu_yield(void)
{
	__asm__ volatile("msr daifclr, #2\n\tyield\n\tmsr daifset, #2" : : : "memory");
}

static inline void hal_cpu_wait(void)
{
	// An interrupt that is pending but masked ends WFI. The barrier: what was written before is
	// visible before this CPU sleeps.
	__asm__ volatile("dsb sy\n\twfi" : : : "memory");
}

static inline uint64_t hal_cpu_counter(void)
{
	isb();
	return arch_has_pmu ? read_sysreg(pmccntr_el0) : read_sysreg(cntvct_el0);
}
