// SPDX-License-Identifier: MIT
// The kernel's root table and device mappings.
//
// Until mm has filled x86_kernel_root, all CPUs use the boot map of boot.S, which shows the first
// 4 GiB, cached or not as the MTRRs say. Devices mapped in that time are remembered and entered into
// the kernel root when it becomes active. From then on there is one kernel half: mm's walker adds
// tables by compare-exchange, and so does map_device() here, with tables from a small pool.
#include <hal/mmu.h>

#include <arch/x86.h>
#include <hal/atomic.h>
#include <hal/bootinfo.h>
#include <hal/mmio.h>

#define POOL_TABLES 24
#define PENDING_MAX 48
#define KERNEL_HALF (HAL_PT_ENTRIES / 2)

struct table {
	_Alignas(HAL_PAGE_SIZE) pte_t entries[HAL_PT_ENTRIES];
};

_Alignas(HAL_PAGE_SIZE) pte_t x86_kernel_root[HAL_PT_ENTRIES];
extern pte_t x86_boot_root[HAL_PT_ENTRIES];

static struct table pool[POOL_TABLES];
static _Atomic uint32_t pool_used;

// Written by the boot CPU alone.
static struct pending {
	paddr_t base, end;
	unsigned prot;
} pending[PENDING_MAX];
static unsigned pending_count;
static bool is_root_active;

paddr_t hal_image_paddr(const void *va)
{
	return (vaddr_t)va - HAL_KERNEL_BASE;
}

pte_t *hal_mmu_kernel_root(void)
{
	return x86_kernel_root;
}

unsigned hal_mmu_asid_bits(void)
{
	return 0;
}

void hal_mmu_init_user_root(pte_t *root)
{
	for (unsigned i = KERNEL_HALF; i < HAL_PT_ENTRIES; i++)
		root[i] = x86_kernel_root[i];
}

static unsigned index_at(vaddr_t va, unsigned level)
{
	return va >> (HAL_PAGE_SHIFT + level * HAL_PT_BITS) & (HAL_PT_ENTRIES - 1);
}

bool x86_mmu_sync_root(vaddr_t addr)
{
	unsigned i = index_at(addr, 3);
	pte_t *root = hal_direct(x86_read_cr3() & X86_PTE_ADDR);

	if (i < KERNEL_HALF || !is_root_active || hal_pte_is_present(root[i]) ||
	    !hal_pte_is_present(x86_kernel_root[i]))
		return false;
	root[i] = x86_kernel_root[i];
	return true;
}

static struct table *pool_take(void)
{
	uint32_t i = fetch_add_relaxed(&pool_used, 1);
	if (i < POOL_TABLES)
		return &pool[i];
	store_relaxed(&pool_used, POOL_TABLES);
	return NULL;
}

/** The table that @entry leads to; made if there is none. NULL: the pool is empty. */
static pte_t *table_below(pte_t *entry)
{
	_Atomic uint64_t *word = (_Atomic uint64_t *)&entry->bits;

	if (load_acquire(word) == 0) {
		struct table *table = pool_take();
		uint64_t expected = 0;
		if (!table)
			return NULL;
		// Who loses the race wastes a table: it happens while booting, if ever.
		cas_acq_rel(word, &expected, hal_pte_table(hal_image_paddr(table)).bits);
	}
	return hal_direct(hal_pte_paddr(*entry));
}

/** Map the page at @pa, or 2 MiB when @end allows. Returns the bytes mapped, 0 = no table. */
static size_t map_step(pte_t *root, paddr_t pa, paddr_t end, unsigned prot)
{
	vaddr_t va = HAL_DIRECT_BASE + pa;

	for (unsigned level = 3;; level--) {
		pte_t *entry = &root[index_at(va, level)];
		size_t size = HAL_PAGE_SIZE << level * HAL_PT_BITS;
		if (hal_pte_is_leaf(*entry, level)) // RAM beside it, or mapped before
			return size - (pa & (size - 1));
		bool is_whole = level == 0 || (level == 1 && is_aligned(pa, size) &&
					       end - pa >= size && entry->bits == 0);
		if (is_whole) {
			*entry = hal_pte_leaf(pa, prot, level);
			hal_mmu_sync_new(va);
			return size;
		}
		root = table_below(entry);
		if (!root)
			return 0;
	}
}

static bool map_range(pte_t *root, paddr_t base, paddr_t end, unsigned prot)
{
	while (base < end) {
		size_t done = map_step(root, base, end, prot);
		if (done == 0)
			return false;
		base += done;
	}
	return true;
}

/** Keep [@base, @end) for the kernel root, joined with all that it touches: a PC's many ACPI tables mostly
 *  stand side by side, in no order. */
static bool remember(paddr_t base, paddr_t end, unsigned prot)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < pending_count; i++) {
		struct pending range = pending[i];
		if (range.prot == prot && base <= range.end && range.base <= end) {
			base = min(base, range.base);
			end = max(end, range.end);
		} else {
			pending[kept++] = range;
		}
	}
	pending_count = kept;
	if (pending_count == PENDING_MAX)
		return false;
	pending[pending_count++] = (struct pending){base, end, prot};
	return true;
}

static vaddr_t map_device(paddr_t addr, size_t size, unsigned more)
{
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE | more;
	if (size == 0 || addr >= HAL_DIRECT_SIZE || size > HAL_DIRECT_SIZE - addr)
		return 0;
	paddr_t base = align_down(addr, HAL_PAGE_SIZE);
	paddr_t end = align_up(addr + size, HAL_PAGE_SIZE);

	if (is_root_active) {
		if (!map_range(x86_kernel_root, base, end, prot))
			return 0;
	} else if (!remember(base, end, prot) ||
		   (end > X86_BOOT_MAP_END && !map_range(x86_boot_root, base, end, prot))) {
		return 0;
	}
	return HAL_DIRECT_BASE + addr;
}

vaddr_t hal_mmio_map(paddr_t addr, size_t size)
{
	return map_device(addr, size, 0);
}

vaddr_t hal_mmio_map_combining(paddr_t addr, size_t size)
{
	return map_device(addr, size, HAL_PROT_COMBINE);
}

void hal_mmu_enable_kernel_root(void)
{
	if (!is_root_active) {
		// Kernel stacks must never need x86_mmu_sync_root(): its table is there from the start.
		table_below(&x86_kernel_root[index_at(HAL_KMAP_BASE, 3)]);
		for (unsigned i = 0; i < pending_count; i++) {
			if (!map_range(x86_kernel_root, pending[i].base, pending[i].end, pending[i].prot))
				bootinfo_warn("no page table for the device at 0x%lx",
					      (unsigned long)pending[i].base);
		}
		is_root_active = true;
	}
	hal_mmu_deactivate();
	x86_write_cr4(x86_read_cr4() | X86_CR4_PGE);
}
