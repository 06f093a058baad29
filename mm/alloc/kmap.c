// SPDX-License-Identifier: MIT
// The final kernel map: all RAM in the direct map, writable and never executable, and the image by
// its sections. Nothing is both writable and executable, under any address: where the direct map
// shows the image's code and constants it is read-only.
#include <hal/bootinfo.h>
#include <hal/mmu.h>
#include <kernel/panic.h>
#include <mm/bootmem.h>
#include <mm/kstack_layout.h>
#include <mm/pagetable.h>

#include "private.h"

#define PROT_RO (HAL_PROT_READ | HAL_PROT_GLOBAL)
#define PROT_RW (PROT_RO | HAL_PROT_WRITE)
#define PROT_RX (PROT_RO | HAL_PROT_EXEC)

struct pagetable kernel_pagetable;

static void map(struct pagetable *pt, vaddr_t va, paddr_t pa, uint64_t size, unsigned prot)
{
	if (pagetable_map_range(pt, va, pa, size, prot) != 0)
		panic("memory: no page tables for the kernel's map");
}

static void map_section(struct pagetable *pt, const char *start, const char *end, unsigned prot)
{
	map(pt, (vaddr_t)start, hal_image_paddr(start), (uint64_t)(end - start), prot);
}

/** The direct map's view of a section that must not change. */
static void protect_alias(struct pagetable *pt, const char *start, const char *end)
{
	paddr_t pa = hal_image_paddr(start);
	map(pt, (vaddr_t)hal_direct(pa), pa, (uint64_t)(end - start), PROT_RO);
}

void kmap_init(void)
{
	struct pagetable *pt = &kernel_pagetable;
	pagetable_init_kernel(pt);
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		const struct boot_range *ram = &bootinfo.ram[i];
		map(pt, (vaddr_t)hal_direct(ram->base), ram->base, ram->size, PROT_RW);
	}
	map_section(pt, _text_start, _text_end, PROT_RX);
	map_section(pt, _rodata_start, _rodata_end, PROT_RO);
	map_section(pt, _data_start, _data_end, PROT_RW);
	protect_alias(pt, _text_start, _text_end);
	protect_alias(pt, _rodata_start, _rodata_end);
	// User roots are copies of this one: what they share must hang below it from the start.
	if (pagetable_fill_root(pt, HAL_KMAP_BASE, HAL_KMAP_BASE + KSTACK_AREA_SIZE) != 0)
		panic("memory: no page tables for the kernel's map");
	hal_mmu_enable_kernel_root();
	bootmem_use_all_ram();
}
