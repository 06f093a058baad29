// SPDX-License-Identifier: MIT
// First C of the boot CPU, in the high half with the boot map: per-CPU head, device tree, console.
#include <arch/boot.h>
#include <arch/sysreg.h>
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <hal/cpu.h>
#include <hal/dt.h>
#include <hal/mmu.h>
#include <hal/power.h>
#include <hal/upcall.h>

#define PANIC_STATUS 3

paddr_t arch_image_base;
unsigned arch_boot_el;

noreturn_fn void arch_boot(paddr_t fdt, unsigned boot_el, paddr_t image_base);

/** Without a device tree there is no console either: tell a debugger at least. */
static noreturn_fn void give_up(const char *text)
{
	arch_semihosting(4, text); // SYS_WRITE0
	hal_power_exit(PANIC_STATUS);
}

/** Make the blob reachable; false: there is none. */
static bool map_fdt(paddr_t fdt)
{
	if (fdt == 0 || fdt >= HAL_DIRECT_SIZE || !arch_boot_map_normal(fdt, fdt + FDT_HEADER_BYTES))
		return false;
	uint32_t size = fdt_total_size(hal_direct(fdt));
	return size != 0 && arch_boot_map_normal(fdt, fdt + size);
}

static void describe_image(void)
{
	bootinfo.image.base = arch_image_base;
	bootinfo.image.size = align_up((uint64_t)(_image_end - _image_start), MIB(2));
	bootinfo_reserve(bootinfo.image.base, bootinfo.image.size);
	bootinfo.mapped_base = align_down(arch_image_base, GIB(1));
	bootinfo.mapped_end = align_up(arch_image_base + bootinfo.image.size, GIB(1));
}

noreturn_fn void arch_boot(paddr_t fdt, unsigned boot_el, paddr_t image_base)
{
	arch_image_base = image_base;
	arch_boot_el = boot_el;
	arch_percpu_init_boot();
	arch_cpu_init_early();
	arch_mmu_init();
	if (!map_fdt(fdt))
		give_up("halcyon: no device tree in x0\n");
	describe_image();
	if (dt_fill_bootinfo(hal_direct(fdt), fdt, read_sysreg(mpidr_el1) & MPIDR_AFFINITY) != 0)
		give_up("halcyon: the device tree is malformed\n");
	uint32_t size = fdt_total_size(hal_direct(fdt));
	if (!bootinfo_is_ram(fdt, size) && !arch_map_firmware(fdt, size))
		give_up("halcyon: the device tree cannot be mapped\n");
	dt_probe(DT_CLASS_power);
	hal_console_init();
	upcall_boot();
}
