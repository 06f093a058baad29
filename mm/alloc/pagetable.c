// SPDX-License-Identifier: MIT
// The walker. Loads of entries on the way are relaxed: the address that is loaded orders what is read
// through it. A page table is a tree of tables of 512 entries; what an entry means is <hal/pte.h>'s
// business. Large leaves stand only in the kernel's page table, put there by map_range.
//
// New tables: a compare-and-exchange puts one in, and who loses the race gives his own back. Freed
// tables are all zero (each entry was cleared when its page was unmapped), so a few are kept per CPU
// and handed out again as they are; the same for roots of user spaces with their kernel half.
#include <hal/irqflags.h>
#include <hal/percpu.h>
#include <kernel/assert.h>
#include <lib/string.h>
#include <mm/bootmem.h>
#include <mm/frame.h>
#include <mm/pagetable.h>
#include <uapi/errno.h>

#include "private.h"

#define KEPT_TABLES 16
#define KEPT_ROOTS 4
#define LEAF_LEVEL_MAX 1 // 1 GiB leaves are not on every CPU and save little

struct pagetable_cpu {
	uint32_t table_count, root_count;
	pte_t *tables[KEPT_TABLES]; // zeroed
	pte_t *roots[KEPT_ROOTS]; // user half zeroed but for the way to near, kernel half in place
};
static DEFINE_PERCPU(struct pagetable_cpu, pagetable_cpu);

static inline unsigned level_shift(unsigned level)
{
	return HAL_PAGE_SHIFT + level * HAL_PT_BITS;
}

static inline pte_t *level_entry(pte_t *table, vaddr_t va, unsigned level)
{
	return &table[(va >> level_shift(level)) % HAL_PT_ENTRIES];
}

static inline pte_t *entry_table(pte_t entry)
{
	return hal_direct(hal_pte_paddr(entry));
}

static pte_t *new_zeroed_page(void)
{
	if (!frame_is_up())
		return bootmem_alloc(HAL_PAGE_SIZE, HAL_PAGE_SIZE);
	struct frame *frame = frame_alloc_zeroed();
	if (!frame)
		return NULL;
	frame->index = 0;
	return frame_direct(frame);
}

/** How many tables hang below @table (any address in it): a word of its frame, which is on no list. */
static inline uint64_t *child_count(const pte_t *table)
{
	return &frame_of(hal_direct_paddr(table))->index;
}

static void count_child(pte_t *slot, int64_t change)
{
	// The kernel's first tables are made before there are frames; they are never freed.
	if (frame_is_up())
		__atomic_fetch_add(child_count(slot), (uint64_t)change, __ATOMIC_RELAXED);
}

static void free_page(pte_t *table)
{
	frame_free(frame_of(hal_direct_paddr(table)), 0);
}

/** A zeroed table, or NULL. */
static pte_t *table_alloc(void)
{
	irqflags_t flags = hal_irq_save();
	struct pagetable_cpu *cpu = this_cpu_ptr(pagetable_cpu);
	pte_t *table = cpu->table_count ? cpu->tables[--cpu->table_count] : NULL;
	hal_irq_restore(flags);
	return table ? table : new_zeroed_page();
}

/** @table holds zeroes. */
static void table_free(pte_t *table)
{
	irqflags_t flags = hal_irq_save();
	struct pagetable_cpu *cpu = this_cpu_ptr(pagetable_cpu);
	bool is_kept = cpu->table_count < KEPT_TABLES;
	if (is_kept)
		cpu->tables[cpu->table_count++] = table;
	hal_irq_restore(flags);
	if (!is_kept)
		free_page(table);
}

/** The table of PAGETABLE_NEAR_LEVEL on the way from @root to @va; NULL: there is none. */
static pte_t *near_table(pte_t *root, vaddr_t va)
{
	pte_t *table = root;
	for (unsigned level = hal_pte_levels() - 1;
	     PAGETABLE_HAS_NEAR && level > PAGETABLE_NEAR_LEVEL; level--) {
		pte_t entry = pte_load(level_entry(table, va, level));
		if (!hal_pte_is_present(entry))
			return NULL;
		table = entry_table(entry);
	}
	return table;
}

pte_t *pagetable_far(const struct pagetable *pt, vaddr_t va)
{
	return near_table(pt->root, va);
}

void pagetable_init_kernel(struct pagetable *pt)
{
	pt->root = hal_mmu_kernel_root();
	pt->near = near_table(pt->root, HAL_KERNEL_BASE);
}

static void free_user_root(pte_t *root)
{
	pte_t *table = root;
	for (unsigned level = hal_pte_levels() - 1; table; level--) {
		bool has_below = PAGETABLE_HAS_NEAR && level > PAGETABLE_NEAR_LEVEL &&
				 hal_pte_is_present(table[0]);
		pte_t *below = has_below ? entry_table(table[0]) : NULL;
		free_page(table);
		table = below;
	}
}

static pte_t *new_user_root(void)
{
	pte_t *root = table_alloc(), *table = root;
	if (!root)
		return NULL;
	hal_mmu_init_user_root(root);
	for (unsigned level = hal_pte_levels() - 1;
	     PAGETABLE_HAS_NEAR && level > PAGETABLE_NEAR_LEVEL; level--) {
		pte_t *below = table_alloc();
		if (!below) {
			free_user_root(root);
			return NULL;
		}
		table[0] = hal_pte_table(hal_direct_paddr(below));
		table = below;
	}
	return root;
}

err_t pagetable_init_user(struct pagetable *pt)
{
	irqflags_t flags = hal_irq_save();
	struct pagetable_cpu *cpu = this_cpu_ptr(pagetable_cpu);
	pte_t *root = cpu->root_count ? cpu->roots[--cpu->root_count] : NULL;
	hal_irq_restore(flags);
	if (!root)
		root = new_user_root();
	if (!root)
		return -ENOMEM;
	pt->root = root;
	pt->near = near_table(root, 0);
	atomic_init(&pt->table_count, 0);
	return 0;
}

void pagetable_destroy_user(struct pagetable *pt)
{
	assert(load_relaxed(&pt->table_count) == 0);
	irqflags_t flags = hal_irq_save();
	struct pagetable_cpu *cpu = this_cpu_ptr(pagetable_cpu);
	bool is_kept = cpu->root_count < KEPT_ROOTS;
	if (is_kept)
		cpu->roots[cpu->root_count++] = pt->root;
	hal_irq_restore(flags);
	if (!is_kept)
		free_user_root(pt->root);
	pt->root = NULL;
}

void pagetable_drain_this_cpu(void)
{
	struct pagetable_cpu *cpu = this_cpu_ptr(pagetable_cpu);
	while (cpu->table_count)
		free_page(cpu->tables[--cpu->table_count]);
	while (cpu->root_count)
		free_user_root(cpu->roots[--cpu->root_count]);
}

/** Put a new table behind @slot, which held @old (none, or a leaf that the table spells out). */
static pte_t *install_table(struct pagetable *pt, pte_t *slot, pte_t old, unsigned level)
{
	pte_t *table = table_alloc();
	if (!table)
		return NULL;
	if (hal_pte_is_present(old)) {
		uint64_t step = 1ul << level_shift(level - 1);
		for (unsigned i = 0; i < HAL_PT_ENTRIES; i++)
			table[i] = hal_pte_leaf(hal_pte_paddr(old) + i * step, hal_pte_prot(old),
						level - 1);
	}
	if (pte_cas(slot, &old, hal_pte_table(hal_direct_paddr(table)))) {
		count_child(slot, 1);
		fetch_add_relaxed(&pt->table_count, 1);
		return table;
	}
	table_free(table);
	return entry_table(old);
}

/** The table that @slot of @level points to, made if absent. */
static inline pte_t *ensure_table(struct pagetable *pt, pte_t *slot, unsigned level)
{
	pte_t entry = {__atomic_load_n(&slot->bits, HAL_ORDER_DEPENDENT)};
	if (likely(hal_pte_is_present(entry) && !hal_pte_is_leaf(entry, level)))
		return entry_table(entry);
	return install_table(pt, slot, entry, level);
}

/** Where the way to @va begins, and at which level. */
static always_inline pte_t *first_table(const struct pagetable *pt, vaddr_t va, unsigned *level)
{
	bool is_near = PAGETABLE_HAS_NEAR && va + PAGETABLE_NEAR_SPAN < 2 * PAGETABLE_NEAR_SPAN && pt->near;
	*level = is_near ? PAGETABLE_NEAR_LEVEL : hal_pte_levels() - 1;
	return is_near ? pt->near : pt->root;
}

pte_t *pagetable_entry(struct pagetable *pt, vaddr_t va, bool create)
{
	unsigned level;
	pte_t *table = first_table(pt, va, &level);
	for (; level > 0; level--) {
		pte_t *slot = level_entry(table, va, level);
		pte_t entry = {__atomic_load_n(&slot->bits, HAL_ORDER_DEPENDENT)};
		if (likely(hal_pte_is_present(entry))) {
			if (unlikely(hal_pte_is_leaf(entry, level)))
				return NULL;
			table = entry_table(entry);
			continue;
		}
		table = create ? install_table(pt, slot, entry, level) : NULL;
		if (!table)
			return NULL;
	}
	return level_entry(table, va, 0);
}

/** The largest leaf level that fits both addresses and the size. */
static unsigned leaf_level(vaddr_t va, paddr_t pa, uint64_t size)
{
	for (unsigned level = LEAF_LEVEL_MAX; level > 0; level--) {
		uint64_t span = 1ul << level_shift(level);
		if (is_aligned(va, span) && is_aligned(pa, span) && size >= span)
			return level;
	}
	return 0;
}

static err_t map_leaf(struct pagetable *pt, vaddr_t va, paddr_t pa, unsigned prot, unsigned *at)
{
	unsigned level;
	pte_t *table = first_table(pt, va, &level);
	for (; level > *at; level--) {
		table = ensure_table(pt, level_entry(table, va, level), level);
		if (!table)
			return -ENOMEM;
	}
	pte_t *slot = level_entry(table, va, *at);
	// Where smaller leaves were put already, a table stands: go on below it.
	while (*at > 0 && hal_pte_is_present(*slot) && !hal_pte_is_leaf(*slot, *at))
		slot = level_entry(entry_table(*slot), va, --*at);
	pte_store(slot, hal_pte_leaf(pa, prot, *at));
	return 0;
}

err_t pagetable_map_range(struct pagetable *pt, vaddr_t va, paddr_t pa, uint64_t size,
			  unsigned prot)
{
	assert(is_aligned(va | pa | size, HAL_PAGE_SIZE));
	while (size > 0) {
		unsigned level = leaf_level(va, pa, size);
		err_t err = map_leaf(pt, va, pa, prot, &level);
		if (err)
			return err;
		uint64_t step = 1ul << level_shift(level);
		va += step;
		pa += step;
		size -= step;
	}
	return 0;
}

err_t pagetable_fill_root(struct pagetable *pt, vaddr_t va, vaddr_t end)
{
	unsigned top = hal_pte_levels() - 1;
	uint64_t span = 1ul << level_shift(top);
	for (va = align_down(va, span);; va += span) {
		if (!ensure_table(pt, level_entry(pt->root, va, top), top))
			return -ENOMEM;
		if (end - va <= span) // the last entry ends where addresses do
			return 0;
	}
}

bool pagetable_lookup(struct pagetable *pt, vaddr_t va, paddr_t *pa, unsigned *prot)
{
	unsigned level;
	pte_t *table = first_table(pt, va, &level);
	for (;; level--) {
		pte_t entry = pte_load(level_entry(table, va, level));
		if (!hal_pte_is_present(entry))
			return false;
		if (hal_pte_is_leaf(entry, level)) {
			*pa = hal_pte_paddr(entry) + (va & ((1ul << level_shift(level)) - 1));
			*prot = hal_pte_prot(entry);
			return true;
		}
		table = entry_table(entry);
	}
}

/** @va rounded up to the next multiple of the span of one entry of @level, at most @end. */
static inline vaddr_t next_boundary(vaddr_t va, unsigned level, vaddr_t end)
{
	vaddr_t last = va | ((1ul << level_shift(level)) - 1);
	return last < end ? last + 1 : end;
}

pte_t *pagetable_run(const struct pagetable *pt, vaddr_t va, vaddr_t end, vaddr_t *next)
{
	unsigned level;
	pte_t *table = first_table(pt, va, &level);
	for (; level > 0; level--) {
		pte_t entry = {__atomic_load_n(&level_entry(table, va, level)->bits,
					       HAL_ORDER_DEPENDENT)};
		if (!hal_pte_is_present(entry) || unlikely(hal_pte_is_leaf(entry, level))) {
			*next = next_boundary(va, level, end);
			return NULL;
		}
		table = entry_table(entry);
	}
	*next = next_boundary(va, 1, end);
	return level_entry(table, va, 0);
}

void pagetable_for_each(struct pagetable *pt, vaddr_t va, vaddr_t end,
			bool (*visit)(void *arg, vaddr_t va, pte_t *entry), void *arg)
{
	vaddr_t next;
	for (; va < end; va = next) {
		pte_t *entry = pagetable_run(pt, va, end, &next);
		for (; entry && va < next; va += HAL_PAGE_SIZE, entry++) {
			if (pte_load(entry).bits != 0 && !visit(arg, va, entry))
				return;
		}
	}
}

/** Take tables below @table (of @level) out of the tree and put them in front of @chain: those on the
 *  way to [@va, @end) that map only addresses in [@floor, @ceiling). Levels are few, so the recursion
 *  is at most four deep. */
static pte_t *detach_tables(struct pagetable *pt, pte_t *table, unsigned level, vaddr_t va,
			    vaddr_t end, vaddr_t floor, vaddr_t ceiling, pte_t *chain)
{
	uint64_t span = 1ul << level_shift(level);
	vaddr_t next;
	for (; va < end; va = next) {
		next = next_boundary(va, level, end);
		pte_t *slot = level_entry(table, va, level);
		pte_t entry = pte_load(slot);
		if (!hal_pte_is_present(entry) || hal_pte_is_leaf(entry, level))
			continue;
		pte_t *below = entry_table(entry);
		if (level > 1)
			chain = detach_tables(pt, below, level - 1, va, next, floor, ceiling, chain);
		vaddr_t base = align_down(va, span);
		if (base < floor || ceiling < span || base > ceiling - span)
			continue;
		if (level > 1 && *child_count(below) != 0)
			continue; // left from what was unmapped before, off this way
		count_child(slot, -1);
		pte_store(slot, hal_pte_none());
		// An address is even, so to a walker that still comes by it is an entry not present.
		pte_store(&below[0], (pte_t){(uintptr_t)chain});
		chain = below;
		fetch_add_relaxed(&pt->table_count, -1);
	}
	return chain;
}

/** The same from the top; the way to near stays. */
static pte_t *detach_all(struct pagetable *pt, vaddr_t va, vaddr_t end, vaddr_t floor, vaddr_t ceiling)
{
	pte_t *chain = NULL;
	if (PAGETABLE_HAS_NEAR && va < PAGETABLE_NEAR_SPAN) {
		chain = detach_tables(pt, pt->near, PAGETABLE_NEAR_LEVEL, va, min(end, PAGETABLE_NEAR_SPAN),
				      floor, ceiling, NULL);
		va = PAGETABLE_NEAR_SPAN;
	}
	if (PAGETABLE_HAS_NEAR)
		floor = max(floor, PAGETABLE_NEAR_SPAN);
	return va < end ? detach_tables(pt, pt->root, hal_pte_levels() - 1, va, end, floor, ceiling, chain)
			: chain;
}

pte_t *pagetable_detach_range(struct pagetable *pt, vaddr_t va, vaddr_t end)
{
	return detach_all(pt, va, end, va, end);
}

void pagetable_free_chain(pte_t *chain)
{
	while (chain) {
		pte_t *table = chain;
		chain = (pte_t *)(uintptr_t)pte_load(&table[0]).bits;
		pte_store(&table[0], hal_pte_none());
		table_free(table);
	}
}

void pagetable_free_range(struct pagetable *pt, vaddr_t va, vaddr_t end)
{
	pagetable_free_chain(pagetable_detach_range(pt, va, end));
}

void pagetable_free_below(struct pagetable *pt, vaddr_t va, vaddr_t end, vaddr_t ceiling)
{
	// The lowest table reaches beyond the ceiling, so those above it do: the usual case of neighbours.
	if ((va | (PAGETABLE_SPAN - 1)) >= ceiling)
		return;
	pagetable_free_chain(detach_all(pt, va, end, 0, ceiling));
}

void pagetable_free_all(struct pagetable *pt)
{
	if (load_relaxed(&pt->table_count) == 0)
		return;
	// The last entry of the root reaches beyond the last user address.
	uint64_t span = 1ul << level_shift(hal_pte_levels() - 1);
	pagetable_free_range(pt, 0, align_up(HAL_USER_TOP, span));
}
