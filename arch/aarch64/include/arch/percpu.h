// SPDX-License-Identifier: MIT
// TPIDR_EL1 holds the address of this CPU's area.
#pragma once

/** Uses of hal_percpu.arch[]. */
enum {
	ARCH_PERCPU_OFFSET, // this area's address minus that of section .percpu in the image
	ARCH_PERCPU_EMERGENCY_SP, // top of the stack for a kernel stack overflow
};

/** Distance from section .percpu to each CPU's area; 0 also for a CPU that has none. */
extern uintptr_t arch_percpu_offsets[];

register uintptr_t arch_stack_pointer __asm__("sp");

static inline struct hal_percpu *hal_percpu(void)
{
	// Not volatile, so that two uses in a row become one; the input from the stack makes it be
	// read again after whatever may have moved the thread to another CPU.
	struct hal_percpu *pc;
	__asm__("mrs %0, tpidr_el1"
		: "=r"(pc)
		: "Q"(*(const uintptr_t *)arch_stack_pointer));
	return pc;
}

static inline void *hal_percpu_this(void *var)
{
	return (char *)var + hal_percpu()->arch[ARCH_PERCPU_OFFSET];
}

static inline void *hal_percpu_ptr(void *var, cpuid_t cpu)
{
	return (char *)var + arch_percpu_offsets[cpu];
}

static inline struct thread *current_thread(void)
{
	return hal_percpu()->current;
}

static inline cpuid_t this_cpu(void)
{
	return hal_percpu()->cpu;
}
