// SPDX-License-Identifier: MIT
// Roots and device mappings. Two roots exist: the boot table of head.S (the whole direct map in
// 1 GiB pages, the image writable and executable), and the kernel's, which mm fills and which
// replaces it. The kernel is in the last 256 GiB, so its table of Sv39 is the same with more levels,
// below tables with one entry each. Every user root has the kernel's half of the kernel's root. With
// Sv39, an entry that this gains later (a device far away) reaches the others by riscv_mmu_mend(). That
// cannot help where a kernel stack is missing: mm makes those root entries before the first copy.
//
// How many levels there are is decided at boot, still under the boot table: the most that the device
// tree says of all harts, paging= allows and the boot hart takes. A hart that takes less when it starts
// is refused (head.S).
#include "internal.h"

#include <arch/cpu.h>
#include <hal/bootinfo.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <lib/string.h>

#define MMIO_TABLES 8

unsigned riscv_pt_levels = RISCV_LEVELS_MIN;
paddr_t riscv_image_phys;
uint64_t riscv_kernel_satp;

static unsigned asid_bits;
static _Alignas(HAL_PAGE_SIZE) pte_t kernel_half[HAL_PT_ENTRIES]; // the root of Sv39
static _Alignas(HAL_PAGE_SIZE) pte_t upper_tables[RISCV_LEVELS_MAX - RISCV_LEVELS_MIN][HAL_PT_ENTRIES];
static _Alignas(HAL_PAGE_SIZE) pte_t mmio_tables[MMIO_TABLES][HAL_PT_ENTRIES];
static unsigned mmio_tables_used;

paddr_t hal_image_paddr(const void *va)
{
	return (uintptr_t)va - HAL_KERNEL_BASE + riscv_image_phys;
}

static pte_t *root_table(unsigned levels)
{
	return levels == RISCV_LEVELS_MIN ? kernel_half : upper_tables[levels - RISCV_LEVELS_MIN - 1];
}

pte_t *hal_mmu_kernel_root(void)
{
	return hal_direct(hal_image_paddr(root_table(riscv_pt_levels)));
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

static uint64_t satp_of(unsigned levels)
{
	uint64_t mode = SATP_MODE_SV39 + levels - RISCV_LEVELS_MIN;
	return mode << SATP_MODE_SHIFT | hal_image_paddr(root_table(levels)) >> HAL_PAGE_SHIFT;
}

/** Let the roots of more levels lead to @half, a root of Sv39. */
static void hang_below_upper(const pte_t *half)
{
	for (unsigned i = 0; i < array_len(upper_tables); i++) {
		upper_tables[i][HAL_PT_ENTRIES - 1] = hal_pte_table(hal_image_paddr(half));
		half = upper_tables[i];
	}
	hal_tlb_flush_all();
}

/** Whether this hart has @levels. The boot table hangs below their root, so the kernel's half stays what it
 *  is, down to the tables that the hart may remember. */
static bool hart_takes(unsigned levels)
{
	uint64_t before = csr_read(satp);
	csr_write(satp, satp_of(levels));
	bool is_taken = csr_read(satp) == satp_of(levels);
	csr_write(satp, before);
	hal_tlb_flush_all();
	return is_taken;
}

const char *riscv_paging_name(unsigned levels)
{
	static const char names[][5] = {"sv39", "sv48", "sv57"};
	return names[levels - RISCV_LEVELS_MIN];
}

unsigned riscv_paging_levels(const char *word)
{
	for (unsigned levels = RISCV_LEVELS_MIN; levels <= RISCV_LEVELS_MAX; levels++) {
		if (str_has_prefix(word, riscv_paging_name(levels)) && (!word[4] || word[4] == ' '))
			return levels;
	}
	return 0;
}

/** What the last "paging=" of the command line says; 0 = nothing. */
static unsigned levels_asked(void)
{
	const char *at = bootinfo.cmdline, *word, *last = NULL;
	while ((word = bootinfo_next_word("paging=", &at)))
		last = word;
	if (!last)
		return 0;
	unsigned levels = riscv_paging_levels(last);
	if (!levels)
		bootinfo_warn("command line: paging=%.*s is not sv39, sv48 or sv57: ignored",
			      (int)((strchr(last, ' ') ?: last + strlen(last)) - last), last);
	return levels;
}

void riscv_mmu_init(void)
{
	unsigned asked = levels_asked(), levels = riscv_features.pt_levels;
	asid_bits = probe_asid_bits();
	if (asked)
		levels = min(levels, asked);
	hang_below_upper(riscv_boot_root);
	while (levels > RISCV_LEVELS_MIN && !hart_takes(levels))
		levels--;
	hang_below_upper(kernel_half);
	if (asked > levels)
		bootinfo_warn("command line: paging=%s, but the harts have %s at most",
			      riscv_paging_name(asked), riscv_paging_name(levels));
	riscv_pt_levels = levels;
	riscv_kernel_satp = satp_of(levels);
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
	unsigned first = va_index(HAL_DIRECT_BASE, riscv_pt_levels - 1);
	memcpy(root + first, root_table(riscv_pt_levels) + first, (HAL_PT_ENTRIES - first) * sizeof(pte_t));
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
	pte_t *entry = &kernel_half[va_index(va, 2)];
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
	const pte_t *table = kernel_half;
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
	if (riscv_pt_levels == RISCV_LEVELS_MIN) // else it is one table for all
		root[va_index(va, 2)] = kernel_half[va_index(va, 2)];
	hal_tlb_flush_kernel_page(va);
	return true;
}
