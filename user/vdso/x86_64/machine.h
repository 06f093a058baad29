// SPDX-License-Identifier: MIT
// The vDSO's names, counter and system call on x86_64.
#pragma once

#include <stdint.h>

#define VDSO(name) __vdso_##name
enum { NR_clock_gettime = 228, NR_clock_getres = 229, NR_gettimeofday = 96, NR_time = 201, NR_getcpu = 309 };

static inline uint64_t read_counter(void)
{
	uint32_t low, high;
	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline long call(long nr, long a, long b, long c)
{
	long result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

/** The kernel keeps the CPU's number as the limit of a segment (X86_CPU_SELECTOR). */
static inline int get_cpu(unsigned *cpu, unsigned *node)
{
	unsigned number;
	__asm__ volatile("lsl %1, %0" : "=r"(number) : "r"(0x3b));
	if (cpu)
		*cpu = number;
	if (node)
		*node = 0;
	return 0;
}
