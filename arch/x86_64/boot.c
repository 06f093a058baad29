// SPDX-License-Identifier: MIT
// The boot CPU's way from boot.S to upcall_boot(), and the other CPUs' to upcall_secondary().
#include <arch/x86.h>
#include <hal/bootinfo.h>
#include <hal/mmu.h>
#include <hal/upcall.h>

extern char _load_start[];

noreturn_fn void x86_boot_main(enum x86_boot_protocol protocol, paddr_t info);
noreturn_fn void x86_secondary_main(cpuid_t cpu);

void x86_boot_main(enum x86_boot_protocol protocol, paddr_t info)
{
	x86_percpu_init_boot();
	x86_trap_init();
	x86_cpu_load_tables();
	x86_cpu_detect();

	bootinfo.mapped_base = 0;
	bootinfo.mapped_end = X86_BOOT_MAP_END;
	bootinfo.image.base = (paddr_t)_load_start;
	bootinfo.image.size = hal_image_paddr(_image_end) - bootinfo.image.base;
	bootinfo_reserve(bootinfo.image.base, bootinfo.image.size);
	pc_boot(protocol, info);
	x86_smp_reserve_trampoline();
	upcall_boot();
}

void x86_secondary_main(cpuid_t cpu)
{
	x86_percpu_load(cpu);
	x86_cpu_load_tables();
	x86_smp_note_start(cpu);
	upcall_secondary(cpu);
}
