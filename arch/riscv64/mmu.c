// SPDX-License-Identifier: MIT
// Roots and device mappings. Two roots exist: the boot table of head.S (the whole direct map in
// 1 GiB pages, the image writable and executable), and the kernel's, which mm fills and which
// replaces it. Every user root has the upper half of the kernel's; an entry that the kernel's root
// gains later (a device far away) reaches the others by riscv_mmu_mend(). That cannot help where a
// kernel stack is missing: mm makes those root entries before the first copy.
#include "internal.h"

#include <hal/mmio.h>
#include <hal/mmu.h>
#include <lib/string.h>

#define UPPER_FIRST (HAL_PT_ENTRIES / 2)
#define MMIO_TABLES 8

unsigned riscv_pt_levels = 3;
paddr_t riscv_image_phys;
uint64_t riscv_kernel_satp;

static unsigned asid_bits;
static _Alignas(HAL_PAGE_SIZE) pte_t kernel_root[HAL_PT_ENTRIES];
static _Alignas(HAL_PAGE_SIZE) pte_t mmio_tables[MMIO_TABLES][HAL_PT_ENTRIES];
static unsigned mmio_tables_used;

paddr_t hal_image_paddr(const void *va)
{
	return (uintptr_t)va - HAL_KERNEL_BASE + riscv_image_phys;
}

pte_t *hal_mmu_kernel_root(void)
{
	return hal_direct(hal_image_paddr(kernel_root));
}

static unsigned va_index(vaddr_t va, unsigned level)
{
	return va >> (HAL_PAGE_SHIFT + HAL_PT_BITS * level) & (HAL_PT_ENTRIES - 1);
}

static unsigned probe_asid_bits(void)
{
	uint64_t satp = csr_read(satp);
	csr_write(satp, satp | (uint64_t)SATP_ASID_MASK << SATP_ASID_SHIFT);
	uint64_t kept = csr_read(satp) >> SATP_ASID_SHIFT & SATP_ASID_MASK;
	csr_write(satp, satp);
	hal_tlb_flush_all();
	return (unsigned)__builtin_popcountll(kept);
}

void riscv_mmu_init(void)
{
	asid_bits = probe_asid_bits();
	riscv_kernel_satp = (uint64_t)SATP_MODE_SV39 << SATP_MODE_SHIFT |
			    hal_image_paddr(kernel_root) >> HAL_PAGE_SHIFT;
}

unsigned hal_mmu_asid_bits(void)
{
	return asid_bits;
}

void hal_mmu_enable_kernel_root(void)
{
	csr_write(satp, riscv_kernel_satp);
	hal_tlb_flush_all();
}

void hal_mmu_init_user_root(pte_t *root)
{
	memcpy(root + UPPER_FIRST, kernel_root + UPPER_FIRST, UPPER_FIRST * sizeof(pte_t));
}

static pte_t *table_of(pte_t entry)
{
	return hal_direct(hal_pte_paddr(entry));
}

/** The table below *@entry, made if there is none; NULL: a leaf is in the way, or no table left. */
static pte_t *mmio_table(pte_t *entry, unsigned level)
{
	if (hal_pte_is_present(*entry))
		return hal_pte_is_leaf(*entry, level) ? NULL : table_of(*entry);
	if (mmio_tables_used == MMIO_TABLES)
		return NULL;
	pte_t *table = mmio_tables[mmio_tables_used++];
	*entry = hal_pte_table(hal_image_paddr(table));
	return hal_direct(hal_image_paddr(table));
}

/** Map the largest page that fits at @pa below @end. Returns its size, 0 = no table left. */
static uint64_t map_device_page(paddr_t pa, paddr_t end)
{
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE;
	vaddr_t va = (vaddr_t)hal_direct(pa);
	pte_t *entry = &hal_mmu_kernel_root()[va_index(va, 2)];
	for (unsigned level = 2;; level--) {
		uint64_t size = 1ull << (HAL_PAGE_SHIFT + HAL_PT_BITS * level);
		if (hal_pte_is_leaf(*entry, level))
			return size - (pa & (size - 1)); // mapped already
		if (!hal_pte_is_present(*entry) && is_aligned(pa, size) && size <= end - pa) {
			*entry = hal_pte_leaf(pa, prot, level);
			return size;
		}
		pte_t *table = mmio_table(entry, level);
		if (!table)
			return 0;
		entry = &table[va_index(va, level - 1)];
	}
}

vaddr_t hal_mmio_map(paddr_t addr, size_t size)
{
	if (size == 0 || addr >= HAL_DIRECT_SIZE || size > HAL_DIRECT_SIZE - addr)
		return 0;
	paddr_t end = align_up(addr + size, (paddr_t)HAL_PAGE_SIZE);
	for (paddr_t pa = align_down(addr, (paddr_t)HAL_PAGE_SIZE); pa < end;) {
		uint64_t mapped = map_device_page(pa, end);
		if (mapped == 0)
			return 0;
		pa += mapped;
	}
	hal_tlb_flush_all();
	return (vaddr_t)hal_direct(addr);
}

vaddr_t hal_mmio_map_combining(paddr_t addr, size_t size)
{
	// What memory is cached is decided outside the page tables.
	return hal_mmio_map(addr, size);
}

/** Whether the kernel's table maps @va for an access that needs @prot. */
static bool kernel_allows(vaddr_t va, unsigned prot)
{
	const pte_t *table = hal_mmu_kernel_root();
	for (unsigned level = 2;; level--) {
		pte_t entry = table[va_index(va, level)];
		if (!hal_pte_is_present(entry))
			return false;
		if (hal_pte_is_leaf(entry, level))
			return (hal_pte_prot(entry) & prot) == prot;
		if (level == 0)
			return false;
		table = table_of(entry);
	}
}

bool riscv_mmu_mend(vaddr_t va, unsigned prot)
{
	uint64_t satp = csr_read(satp);
	if (va < HAL_DIRECT_BASE || !kernel_allows(va, prot))
		return false;
	paddr_t active = (satp & ((1ull << SATP_ASID_SHIFT) - 1)) << HAL_PAGE_SHIFT;
	pte_t *root = hal_direct(active);
	if (active == hal_image_paddr(riscv_boot_root))
		return false;
	root[va_index(va, 2)] = kernel_root[va_index(va, 2)];
	hal_tlb_flush_kernel_page(va);
	return true;
}
