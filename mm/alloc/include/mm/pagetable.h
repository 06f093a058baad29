// SPDX-License-Identifier: MIT
// The one page-table walker, for user and kernel roots of every format.
//
// Tables are installed by compare-and-exchange, so several CPUs may fill one page table at a time.
// They are freed only by the owner, who then keeps everybody else out. A freed table holds zeroes
// again, and a few of those are kept per CPU: a new table mostly costs no clearing.
#pragma once

#include <hal/atomic.h>
#include <hal/mmu.h>
#include <lib/types.h>

/** Where a table of PAGETABLE_NEAR_LEVEL reaches over HAL_USER_NEAR_TOP, a user root keeps that table for good,
 *  and ways to addresses below it begin there: more levels above cost those nothing. So do ways to the last
 *  addresses of all, where the kernel's are on such a port. */
#define PAGETABLE_NEAR_LEVEL 2
#define PAGETABLE_NEAR_SPAN ((vaddr_t)HAL_PAGE_SIZE << HAL_PT_BITS * (PAGETABLE_NEAR_LEVEL + 1)) // 512 GiB
#define PAGETABLE_HAS_NEAR (HAL_USER_NEAR_TOP <= PAGETABLE_NEAR_SPAN)

struct pagetable {
	pte_t *root;
	pte_t *near; // if PAGETABLE_HAS_NEAR, NULL: none; with three levels it is the root
	_Atomic uint64_t table_count; // tables below the root, or below near: accounting
};

extern struct pagetable kernel_pagetable; // from the start of kmap_init() on

#define PAGETABLE_SPAN ((vaddr_t)HAL_PAGE_SIZE * HAL_PT_ENTRIES) // of one leaf table: 2 MiB

/** The port's kernel root, at boot. */
void pagetable_init_kernel(struct pagetable *pt);
/** A root for user space, with the kernel half where the port shares one root. 0 or -ENOMEM. */
must_check err_t pagetable_init_user(struct pagetable *pt);
/** Give the root back: the user half is empty, pagetable_free_range() has been over all of it. */
void pagetable_destroy_user(struct pagetable *pt);

/** The entry for @va at level 0, tables made on the way when @create; NULL: no table there (or no
 *  memory, or a large leaf stands in the way). The owner's lock keeps the tables alive. */
pte_t *pagetable_entry(struct pagetable *pt, vaddr_t va, bool create);
/** Map [@va, @va+@size) to [@pa, ...) with the largest leaves (2 MiB) that alignment allows; what
 *  was mapped there is replaced. The caller flushes. 0, -ENOMEM. */
must_check err_t pagetable_map_range(struct pagetable *pt, vaddr_t va, paddr_t pa, uint64_t size,
				     unsigned prot);
/** Translate; false when nothing is mapped. */
bool pagetable_lookup(struct pagetable *pt, vaddr_t va, paddr_t *pa, unsigned *prot);
/** Make the entry of the root for each address in [@va, @end) a table, for roots that are copied. */
must_check err_t pagetable_fill_root(struct pagetable *pt, vaddr_t va, vaddr_t end);
/** Visit each level-0 entry in [@va, @end) that is not zero (missing tables are skipped in one
 *  step). @visit returns false to stop. */
void pagetable_for_each(struct pagetable *pt, vaddr_t va, vaddr_t end,
			bool (*visit)(void *arg, vaddr_t va, pte_t *entry), void *arg);
/** Free all tables that lie wholly within [@va, @end); leaves there are none any more, and no CPU
 *  walks them. */
void pagetable_free_range(struct pagetable *pt, vaddr_t va, vaddr_t end);

/** Free the tables on the way to [@va, @end) that end at or below @ceiling and have no others below
 *  them: what lies below @end is unmapped. So a page table is taken down area by area from the lowest,
 *  without a look at each entry. */
void pagetable_free_below(struct pagetable *pt, vaddr_t va, vaddr_t end, vaddr_t ceiling);
/** Free all tables of the user half that are left. */
void pagetable_free_all(struct pagetable *pt);
/** pagetable_free_range() in two steps, for page tables that CPUs walk: take the tables out of the tree, flush, free
 *  the chain of them. */
pte_t *pagetable_detach_range(struct pagetable *pt, vaddr_t va, vaddr_t end);
void pagetable_free_chain(pte_t *chain);

/** Step from *@table (of @level) down to the table on the way to @va; false: there is none. */
static always_inline bool pagetable_descend(pte_t **table, vaddr_t va, unsigned level)
{
	uint64_t *slot = &(*table)[(va >> (HAL_PAGE_SHIFT + level * HAL_PT_BITS)) % HAL_PT_ENTRIES].bits;
	pte_t entry = {__atomic_load_n(slot, HAL_ORDER_DEPENDENT)};
	*table = hal_direct(hal_pte_paddr(entry));
	return likely(hal_pte_is_present(entry));
}

/** The table of PAGETABLE_NEAR_LEVEL on the way to @va, by the root; NULL: there is none. */
pte_t *pagetable_far(const struct pagetable *pt, vaddr_t va);

/** The level-0 entry for @va in a page table without large leaves; false: no table there. Levels are
 *  3 to 5. */
static always_inline bool pagetable_find(const struct pagetable *pt, vaddr_t va, pte_t **entry)
{
	pte_t *table = pt->root;
	if (PAGETABLE_HAS_NEAR && likely(va < PAGETABLE_NEAR_SPAN))
		table = pt->near;
	else if (PAGETABLE_HAS_NEAR)
		table = pagetable_far(pt, va);
	else if (hal_pte_levels() > 3 && !pagetable_descend(&table, va, 3))
		return false;
	if (PAGETABLE_HAS_NEAR && unlikely(!table))
		return false;
	if (!pagetable_descend(&table, va, 2) || !pagetable_descend(&table, va, 1))
		return false;
	*entry = &table[(va >> HAL_PAGE_SHIFT) % HAL_PT_ENTRIES];
	return true;
}

/** The same; NULL: no table there. */
static inline pte_t *pagetable_walk(const struct pagetable *pt, vaddr_t va)
{
	pte_t *entry;
	return pagetable_find(pt, va, &entry) ? entry : NULL;
}

/** The entries for @va and what follows it in the same leaf table, at most up to @end: the first
 *  entry (NULL: none are there), and in *@next the address after the run. For loops over ranges
 *  that a call per entry would slow down. */
pte_t *pagetable_run(const struct pagetable *pt, vaddr_t va, vaddr_t end, vaddr_t *next);

/** Single-copy atomic access; exchange returns the old entry. */
static inline pte_t pte_load(pte_t *entry)
{
	return (pte_t){__atomic_load_n(&entry->bits, __ATOMIC_RELAXED)};
}
static inline void pte_store(pte_t *entry, pte_t value)
{
	__atomic_store_n(&entry->bits, value.bits, __ATOMIC_RELEASE);
}
static inline pte_t pte_exchange(pte_t *entry, pte_t value)
{
	return (pte_t){__atomic_exchange_n(&entry->bits, value.bits, __ATOMIC_ACQ_REL)};
}
static inline bool pte_cas(pte_t *entry, pte_t *expected, pte_t value)
{
	// A plain word, which compilers keep in a register.
	uint64_t old = expected->bits;
	bool is_done = __atomic_compare_exchange_n(&entry->bits, &old, value.bits, false,
						   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
	expected->bits = old;
	return is_done;
}
