// SPDX-License-Identifier: MIT
// The vDSO's names, counter and system call on AArch64.
#pragma once

#include <stdint.h>

#define VDSO(name) __kernel_##name
enum { NR_clock_gettime = 113, NR_clock_getres = 114, NR_gettimeofday = 169, NR_time = -1, NR_getcpu = 168 };

static inline uint64_t read_counter(void)
{
	uint64_t ticks;
	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
	return ticks;
}

static inline long call(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

/** For no name that is exported. */
static inline int get_cpu(unsigned *cpu, unsigned *node)
{
	return (int)call(NR_getcpu, (long)cpu, (long)node, 0);
}
