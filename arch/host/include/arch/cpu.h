// SPDX-License-Identifier: MIT
// Relaxing and waiting are where the laboratory passes the CPU on and delivers interrupts.
#pragma once

void host_cpu_relax(void);
void host_cpu_yield(void);
void host_cpu_wait(void);
uint64_t host_clock_read(void);

#define HAL_CPU_UNALIGNED 1

static inline void hal_cpu_relax(void)
{
	host_cpu_relax();
}

#define HAL_IDLE_POLLS 0 // a scenario of its own explores it

static inline void hal_cpu_yield(void)
{
	host_cpu_yield();
}

static inline void hal_cpu_wait(void)
{
	host_cpu_wait();
}

static inline uint64_t hal_cpu_counter(void)
{
	return host_clock_read();
}
