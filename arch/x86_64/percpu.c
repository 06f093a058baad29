// SPDX-License-Identifier: MIT
// Where each CPU's area is. The boot CPU uses section .percpu of the image itself.
#include <arch/x86.h>
#include <hal/bootinfo.h>
#include <hal/percpu.h>

__attribute__((section(".percpu.head"), used)) struct x86_percpu x86_percpu_head;

struct hal_percpu *x86_percpu_areas[CPUS_MAX];

struct hal_percpu *hal_percpu_of(cpuid_t cpu)
{
	return cpu < CPUS_MAX ? x86_percpu_areas[cpu] : NULL;
}

size_t hal_percpu_size(void)
{
	return (size_t)(_percpu_end - _percpu_start);
}

void hal_percpu_setup(cpuid_t cpu, void *area)
{
	struct hal_percpu *head = area;
	head->cpu = cpu;
	head->arch[X86_PERCPU_DELTA] = (uintptr_t)area - (uintptr_t)_percpu_start;
	head->arch[X86_PERCPU_SELF] = (uintptr_t)area;
	head->arch[X86_PERCPU_DEADLINE] = UINT64_MAX;
	x86_percpu_areas[cpu] = head;
}

void x86_percpu_load(cpuid_t cpu)
{
	x86_wrmsr(X86_MSR_GS_BASE, (uintptr_t)x86_percpu_areas[cpu]);
	x86_wrmsr(X86_MSR_KERNEL_GS_BASE, 0);
}

void x86_percpu_init_boot(void)
{
	hal_percpu_setup(0, _percpu_start);
	x86_percpu_load(0);
}
