// SPDX-License-Identifier: MIT
// The vDSO's names, counter and system call on RISC-V.
#pragma once

#include <stdint.h>

#define VDSO(name) __vdso_##name
enum { NR_clock_gettime = 113, NR_clock_getres = 114, NR_gettimeofday = 169, NR_time = -1, NR_getcpu = 168 };

static inline uint64_t read_counter(void)
{
	uint64_t ticks;
	__asm__ volatile("rdtime %0" : "=r"(ticks) : : "memory");
	return ticks;
}

static inline long call(long nr, long a, long b, long c)
{
	register long a7 __asm__("a7") = nr;
	register long a0 __asm__("a0") = a;
	register long a1 __asm__("a1") = b;
	register long a2 __asm__("a2") = c;
	__asm__ volatile("ecall" : "+r"(a0) : "r"(a7), "r"(a1), "r"(a2) : "memory");
	return a0;
}

/** Nothing that a program may read says which CPU it is on; Linux's makes the call, too. */
static inline int get_cpu(unsigned *cpu, unsigned *node)
{
	return (int)call(NR_getcpu, (long)cpu, (long)node, 0);
}
