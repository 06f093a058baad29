// SPDX-License-Identifier: MIT
// First C code of the boot hart and of the others, and the per-CPU areas.
#include "internal.h"

#include <arch/cpu.h>
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <hal/context.h>
#include <hal/cpu.h>
#include <hal/dt.h>
#include <hal/mmu.h>
#include <hal/percpu.h>
#include <hal/upcall.h>

#define EMERGENCY_STACK_SIZE KIB(4)

static struct hal_percpu percpu_head __attribute__((section(".percpu.head"), used));
static DEFINE_PERCPU(char, emergency_stack[EMERGENCY_STACK_SIZE]) __attribute__((aligned(16)));

struct hal_percpu *riscv_percpu_areas[CPUS_MAX];

void riscv_percpu_init(cpuid_t cpu, void *area)
{
	struct hal_percpu *head = area;
	uintptr_t delta = (uintptr_t)area - (uintptr_t)_percpu_start;
	head->cpu = cpu;
	head->arch[RISCV_PERCPU_DELTA] = delta;
	head->arch[RISCV_PERCPU_SATP_MODE] = riscv_kernel_satp & ~0ull << SATP_MODE_SHIFT;
	head->arch[RISCV_PERCPU_USER_TOP] =
		(1ul << (HAL_PAGE_SHIFT + HAL_PT_BITS * hal_pte_levels() - 1)) - HAL_PAGE_SIZE;
	head->arch[RISCV_PERCPU_ASID_BITS] = hal_mmu_asid_bits();
	head->arch[RISCV_PERCPU_EMERGENCY] =
		(uintptr_t)percpu_emergency_stack + delta + EMERGENCY_STACK_SIZE;
	riscv_percpu_areas[cpu] = head;
}

struct hal_percpu *hal_percpu_of(cpuid_t cpu)
{
	return cpu < CPUS_MAX ? riscv_percpu_areas[cpu] : NULL;
}

size_t hal_percpu_size(void)
{
	return (size_t)(_percpu_end - _percpu_start);
}

void hal_percpu_setup(cpuid_t cpu, void *area)
{
	riscv_percpu_init(cpu, area);
}

static void read_device_tree(paddr_t fdt, uint64_t hartid)
{
	// A header that is not reachable is no better than none.
	if (fdt == 0 || fdt >= HAL_DIRECT_SIZE - MIB(2)) {
		bootinfo_set_boot_cpu(hartid);
		bootinfo.loader = "SBI";
		bootinfo.machine = "";
		bootinfo_warn("no device tree: a1 was 0x%llx at entry", (unsigned long long)fdt);
		return;
	}
	dt_fill_bootinfo(hal_direct(fdt), fdt, hartid);
}

noreturn_fn void riscv_boot(uint64_t hartid, paddr_t fdt, paddr_t image)
{
	riscv_image_phys = image;
	riscv_percpu_init(0, _percpu_start);
	bootinfo.mapped_base = 0;
	bootinfo.mapped_end = HAL_DIRECT_SIZE;
	bootinfo.image = (struct boot_range){image, (uint64_t)(_image_end - _image_start)};
	bootinfo_reserve(bootinfo.image.base, bootinfo.image.size);
	read_device_tree(fdt, hartid);
	riscv_read_features();
	riscv_mmu_init();
	riscv_percpu_init(0, _percpu_start); // again, for what is known only now
	hal_console_init();
	upcall_boot();
}

noreturn_fn void riscv_secondary(void)
{
	asm volatile("fence.i" ::: "memory"); // code that was written while this hart was off
	upcall_secondary(this_cpu());
}
