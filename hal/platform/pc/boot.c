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

void loader_keep_memory(paddr_t base, uint64_t size, uint32_t type)
{
	if (type == E820_RAM || size > UINT64_MAX - base)
		return;
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		const struct boot_range *r = &bootinfo.ram[i];
		paddr_t start = max(base, r->base), end = min(base + size, r->base + r->size);
		if (start >= end)
			continue;
		bootinfo_warn("memory map: 0x%llx to 0x%llx is RAM and of type %u: not used",
			      (unsigned long long)start, (unsigned long long)end, type);
		bootinfo_reserve(start, end - start);
	}
}

static bool is_reserved(paddr_t base, uint64_t size)
{
	for (unsigned i = 0; i < bootinfo.reserved_count; i++) {
		const struct boot_range *r = &bootinfo.reserved[i];
		if (base < r->base + r->size && r->base < base + size)
			return true;
	}
	return false;
}

/** The highest place of free RAM in the boot map for @size bytes, or 0. */
static paddr_t find_room(uint64_t size)
{
	for (unsigned i = bootinfo.ram_count; i-- > 0;) {
		const struct boot_range *r = &bootinfo.ram[i];
		if (r->base >= X86_BOOT_MAP_END || r->size < size)
			continue;
		paddr_t end = min(r->base + r->size, (paddr_t)X86_BOOT_MAP_END);
		paddr_t base = align_down(end - min(size, end), (paddr_t)HAL_PAGE_SIZE);
		if (base >= r->base && base != 0 && !is_reserved(base, size))
			return base;
	}
	return 0;
}

void loader_set_initrd(paddr_t start, paddr_t end)
{
	// QEMU's microvm puts it at the very end of RAM, where the firmware has declared a page its
	// own; what is not RAM will not be mapped, so it moves down.
	if (end > start && !bootinfo_is_ram(start, end - start)) {
		const void *from = loader_phys(start, end - start);
		paddr_t to = from ? find_room(end - start) : 0;
		if (to != 0) {
			memmove(hal_direct(to), from, end - start);
			end = to + (end - start);
			start = to;
		}
	}
	bootinfo_set_initrd(start, end);
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
	pc_topology_read();
	pc_console_route();
}
