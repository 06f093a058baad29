// SPDX-License-Identifier: MIT
// In the kernel GS points to the CPU's area; hal_percpu.arch[] holds what the inlines need.
#pragma once

enum {
	X86_PERCPU_DELTA, // this area - section .percpu
	X86_PERCPU_SELF, // the area's address
	X86_PERCPU_APIC_ID,
	X86_PERCPU_DEADLINE, // clock ticks at which the timer is to fire
};

extern struct hal_percpu *x86_percpu_areas[];
extern char _percpu_start[], _percpu_end[];

#define X86_PERCPU_READ(member)                                                                    \
	({                                                                                         \
		__typeof__(((struct hal_percpu *)0)->member) value_;                               \
		__asm__ volatile("mov %%gs:%c1, %0"                                                \
				 : "=r"(value_)                                                    \
				 : "i"(offsetof(struct hal_percpu, member)));                      \
		value_;                                                                            \
	})

static inline struct hal_percpu *hal_percpu(void)
{
	return (struct hal_percpu *)X86_PERCPU_READ(arch[X86_PERCPU_SELF]);
}

static inline void *hal_percpu_this(void *var)
{
	return (char *)var + X86_PERCPU_READ(arch[X86_PERCPU_DELTA]);
}

static inline void *hal_percpu_ptr(void *var, cpuid_t cpu)
{
	return (char *)x86_percpu_areas[cpu] + ((char *)var - _percpu_start);
}

static inline struct thread *current_thread(void)
{
	return X86_PERCPU_READ(current);
}

static inline cpuid_t this_cpu(void)
{
	return X86_PERCPU_READ(cpu);
}
