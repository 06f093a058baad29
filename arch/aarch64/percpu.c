// SPDX-License-Identifier: MIT
// Per-CPU areas. The boot CPU's is section .percpu of the image itself.
#include <arch/boot.h>
#include <hal/bootinfo.h>
#include <hal/percpu.h>

// A panic needs two or three KiB; a whole kernel stack would double most CPUs' areas.
#define EMERGENCY_STACK_SIZE KIB(8)

extern char _percpu_start[], _percpu_end[];

struct hal_percpu arch_percpu_head __attribute__((section(".percpu.head"), used));
static DEFINE_PERCPU(char, emergency_stack)[EMERGENCY_STACK_SIZE] __attribute__((aligned(16)));

uintptr_t arch_percpu_offsets[CPUS_MAX];
static struct hal_percpu *heads[CPUS_MAX];

struct hal_percpu *hal_percpu_of(cpuid_t cpu)
{
	return heads[cpu];
}

size_t hal_percpu_size(void)
{
	return (size_t)(_percpu_end - _percpu_start);
}

void hal_percpu_setup(cpuid_t cpu, void *area)
{
	struct hal_percpu *pc = area;
	uintptr_t offset = (uintptr_t)area - (uintptr_t)_percpu_start;
	pc->cpu = cpu;
	pc->arch[ARCH_PERCPU_OFFSET] = offset;
	pc->arch[ARCH_PERCPU_EMERGENCY_SP] =
		(uintptr_t)percpu_emergency_stack + offset + EMERGENCY_STACK_SIZE;
	arch_percpu_offsets[cpu] = offset;
	heads[cpu] = pc;
}

void arch_percpu_init_boot(void)
{
	hal_percpu_setup(0, _percpu_start);
}
