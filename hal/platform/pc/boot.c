// SPDX-License-Identifier: MIT
// From loader and firmware to bootinfo, on the boot map: memory, command line, initrd, then the
// console, then ACPI. Loader information is believed only where it lies in the boot map.
#include <arch/x86.h>
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <hal/mmu.h>
#include <hal/upcall.h>
#include <lib/string.h>

#include "loader.h"
#include "pc.h"

#define E820_RAM 1
#define BIOS_DATA_END 0x1000 // vectors and BIOS data: firmware's even where the map says RAM

const void *loader_phys(paddr_t addr, size_t len)
{
	if (addr == 0 || addr >= X86_BOOT_MAP_END || len > X86_BOOT_MAP_END - addr)
		return NULL;
	return hal_direct(addr);
}

const char *loader_string(paddr_t addr, size_t max)
{
	const char *text = loader_phys(addr, max);
	if (!text)
		return "";
	return strnlen(text, max) < max ? text : "";
}

void loader_add_memory(paddr_t base, uint64_t size, uint32_t type)
{
	// Every other type, known or not, is somebody's.
	if (type == E820_RAM)
		bootinfo_add_ram(base, size);
}

/** The APIC id of the running CPU: 32 bits where there is leaf 0Bh, as in boot.S. */
static uint32_t own_apic_id(void)
{
	if (x86_cpuid(0, 0).eax >= 0xb) {
		struct x86_cpuid r = x86_cpuid(0xb, 0);
		if (r.ebx != 0)
			return r.edx;
	}
	return x86_cpuid(1, 0).ebx >> 24;
}

void pc_boot(enum x86_boot_protocol protocol, paddr_t info)
{
	bootinfo.loader = bootinfo.machine = "";
	bool ok = protocol == X86_BOOT_PVH ? pvh_read(info) : multiboot2_read(info);
	bootinfo_reserve(0, BIOS_DATA_END);
	hal_console_init();
	if (!ok || bootinfo.ram_count == 0)
		upcall_kernel_exception(NULL, "the boot loader gave no usable memory map");
	bootinfo_set_boot_cpu(own_apic_id());
	pc_acpi_read();
}
