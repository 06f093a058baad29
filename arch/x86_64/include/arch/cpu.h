// SPDX-License-Identifier: MIT
// Pause, halt and the time-stamp counter.
#pragma once

#include <arch/msr.h>

#define HAL_CPU_UNALIGNED 1

static inline void hal_cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

#define HAL_IDLE_POLLS 2

static inline void hal_cpu_yield(void)
{
	__asm__ volatile("sti; pause; cli" : : : "memory");
}

static inline void hal_cpu_wait(void)
{
	// STI takes effect after HLT: nothing can slip between. The interrupt is taken right here,
	// by its handler, because a halted CPU with interrupts off would never wake.
	__asm__ volatile("sti; hlt; cli" : : : "memory");
}

static inline uint64_t hal_cpu_counter(void)
{
	return x86_rdtsc();
}
