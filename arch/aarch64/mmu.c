// SPDX-License-Identifier: MIT
// Kernel page tables as far as the port owns them. Two roots: the boot map (head.S), in use until
// hal_mmu_enable_kernel_root(), and the final kernel root, which mm fills. Device mappings go into
// the final root and, while it is used, into the boot map. Tables come from a small pool in the
// image, so that devices can be mapped before there is an allocator.
// `lock` guards both roots' direct map against two mappers; mm does not touch it after boot.
#include <arch/boot.h>
#include <arch/sysreg.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <stdatomic.h>

// 4 KiB each: a device in a GiB and 2 MiB of its own takes two, three in a 512 GiB of its own.
#define POOL_TABLES 64

pte_t arch_kernel_root[HAL_PT_ENTRIES] __attribute__((aligned(4096)));
uint64_t arch_ttbr0_none;

static pte_t pool[POOL_TABLES][HAL_PT_ENTRIES] __attribute__((aligned(4096)));
static unsigned pool_used;
static bool is_boot_map_active = true;
static atomic_flag lock = ATOMIC_FLAG_INIT;

paddr_t hal_image_paddr(const void *va)
{
	return (vaddr_t)va - HAL_KERNEL_BASE + arch_image_base;
}

static unsigned level_shift(unsigned level)
{
	return HAL_PAGE_SHIFT + HAL_PT_BITS * level;
}

/** The table that @entry names. Those of the boot map are in the image and reached there: the part of the
 *  direct map that is about to be split may hold them. */
static pte_t *table_below(pte_t entry)
{
	paddr_t pa = hal_pte_paddr(entry);
	if (pa - arch_image_base < (paddr_t)(_image_end - _image_start))
		return (pte_t *)(HAL_KERNEL_BASE + (pa - arch_image_base));
	return hal_direct(pa);
}

static pte_t *entry_in(pte_t *table, vaddr_t va, unsigned level)
{
	return &table[(va >> level_shift(level)) % HAL_PT_ENTRIES];
}

static pte_t *new_table(void)
{
	return pool_used < POOL_TABLES ? pool[pool_used++] : NULL;
}

/** Make visible to the table walkers what was stored through @entry. */
static void set_entry(pte_t *entry, pte_t value)
{
	__atomic_store_n(&entry->bits, value.bits, __ATOMIC_RELEASE);
	__asm__ volatile("dsb ishst\n\tisb" : : : "memory");
}

/** Replace the leaf at @entry by a table of smaller leaves that map the same. */
static bool split_leaf(pte_t *entry, unsigned level)
{
	pte_t *table = new_table();
	if (!table)
		return false;
	paddr_t pa = hal_pte_paddr(*entry);
	unsigned prot = hal_pte_prot(*entry);
	for (unsigned i = 0; i < HAL_PT_ENTRIES; i++)
		table[i] = hal_pte_leaf(pa + ((paddr_t)i << level_shift(level - 1)), prot, level - 1);
	// Break before make; nothing uses this part of the direct map meanwhile.
	set_entry(entry, hal_pte_none());
	hal_tlb_flush_all();
	set_entry(entry, hal_pte_table(hal_image_paddr(table)));
	return true;
}

/** Whether @va is mapped with @prot already, by a leaf of any size. */
static bool is_mapped(pte_t *root, vaddr_t va, unsigned prot)
{
	pte_t *table = root;
	for (unsigned at = hal_pte_levels() - 1;; at--) {
		pte_t entry = *entry_in(table, va, at);
		if (hal_pte_is_leaf(entry, at))
			return hal_pte_prot(entry) == prot;
		if (!hal_pte_is_present(entry))
			return false;
		table = table_below(entry);
	}
}

/** The entry of @va at @level, with tables made on the way. NULL: the pool is empty, or the final
 *  map has a larger leaf there, which is in use and cannot be split. */
static pte_t *walk(pte_t *root, vaddr_t va, unsigned level)
{
	pte_t *table = root;
	for (unsigned at = hal_pte_levels() - 1; at > level; at--) {
		pte_t *entry = entry_in(table, va, at);
		if (!hal_pte_is_present(*entry)) {
			pte_t *made = new_table();
			if (!made)
				return NULL;
			set_entry(entry, hal_pte_table(hal_image_paddr(made)));
		} else if (hal_pte_is_leaf(*entry, at) &&
			   (root == arch_kernel_root || !split_leaf(entry, at))) {
			return NULL;
		}
		table = table_below(*entry);
	}
	return entry_in(table, va, level);
}

/** Map one page or 2 MiB block of the direct map. */
static bool map_leaf(pte_t *root, paddr_t pa, unsigned prot, unsigned level)
{
	pte_t *entry = walk(root, HAL_DIRECT_BASE + pa, level);
	if (!entry)
		return false;
	pte_t leaf = hal_pte_leaf(pa, prot, level);
	if (!hal_pte_is_present(*entry)) {
		set_entry(entry, leaf);
		return true;
	}
	// A table, or a leaf with other attributes: only a block of the boot map may give way.
	if (!hal_pte_is_leaf(*entry, level) || root == arch_kernel_root)
		return false;
	set_entry(entry, hal_pte_none());
	hal_tlb_flush_all();
	set_entry(entry, leaf);
	return true;
}

static bool map_direct(pte_t *root, paddr_t base, paddr_t end, unsigned prot)
{
	for (paddr_t pa = base; pa < end;) {
		if (is_mapped(root, HAL_DIRECT_BASE + pa, prot)) {
			pa += HAL_PAGE_SIZE;
			continue;
		}
		bool is_block = is_aligned(pa, MIB(2)) && end - pa >= MIB(2);
		// A block where smaller leaves stand already: page by page.
		if (is_block && map_leaf(root, pa, prot, 1)) {
			pa += MIB(2);
			continue;
		}
		if (!map_leaf(root, pa, prot, 0))
			return false;
		pa += HAL_PAGE_SIZE;
	}
	return true;
}

static bool map_both(paddr_t addr, uint64_t size, unsigned prot)
{
	if (size == 0 || addr >= HAL_DIRECT_SIZE || size > HAL_DIRECT_SIZE - addr)
		return false;
	paddr_t base = align_down(addr, (paddr_t)HAL_PAGE_SIZE);
	paddr_t end = align_up(addr + size, (paddr_t)HAL_PAGE_SIZE);
	irqflags_t flags = hal_irq_save();
	while (atomic_flag_test_and_set_explicit(&lock, memory_order_acquire))
		hal_cpu_relax();
	bool is_done = map_direct(arch_kernel_root, base, end, prot) &&
			 (!is_boot_map_active || map_direct(arch_boot_root, base, end, prot));
	atomic_flag_clear_explicit(&lock, memory_order_release);
	hal_irq_restore(flags);
	return is_done;
}

vaddr_t hal_mmio_map(paddr_t addr, size_t size)
{
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE;
	return map_both(addr, size, prot) ? HAL_DIRECT_BASE + addr : 0;
}

vaddr_t hal_mmio_map_combining(paddr_t addr, size_t size)
{
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL | HAL_PROT_DEVICE | HAL_PROT_COMBINE;
	return map_both(addr, size, prot) ? HAL_DIRECT_BASE + addr : 0;
}

bool arch_map_firmware(paddr_t base, uint64_t size)
{
	return map_both(base, size, HAL_PROT_READ | HAL_PROT_GLOBAL);
}

bool arch_boot_map_normal(paddr_t base, paddr_t end)
{
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL;
	for (paddr_t pa = align_down(base, GIB(1)); pa < end; pa += GIB(1)) {
		pte_t *entry = walk(arch_boot_root, HAL_DIRECT_BASE + pa, 2);
		if (!entry)
			return false;
		if (!hal_pte_is_present(*entry))
			set_entry(entry, hal_pte_leaf(pa, prot, 2));
	}
	return true;
}

void arch_mmu_init(void)
{
	arch_ttbr0_none = hal_image_paddr(arch_empty_root);
}

pte_t *hal_mmu_kernel_root(void)
{
	return hal_direct(hal_image_paddr(arch_kernel_root));
}

void hal_mmu_enable_kernel_root(void)
{
	// The identity map must be in TTBR0 for the jump to the physical address; it goes with it.
	irqflags_t flags = hal_irq_save();
	write_sysreg(ttbr0_el1, hal_image_paddr(arch_idmap_root));
	isb();
	void (*replace)(paddr_t root) =
		(void (*)(paddr_t))(uintptr_t)hal_image_paddr((const void *)arch_replace_ttbr1);
	replace(hal_image_paddr(arch_kernel_root));
	hal_mmu_deactivate();
	hal_tlb_flush_all();
	is_boot_map_active = false;
	hal_irq_restore(flags);
}

void hal_mmu_init_user_root(pte_t *root)
{
	// The kernel half is TTBR1's.
	(void)root;
}

unsigned hal_mmu_asid_bits(void)
{
	return id_field(read_sysreg(id_aa64mmfr0_el1), 4) == 2 ? 16 : 8;
}
