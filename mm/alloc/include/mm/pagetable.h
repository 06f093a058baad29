// SPDX-License-Identifier: MIT
// The one page-table walker, for user and kernel roots of every format.
#pragma once

#include <hal/pte.h>
#include <lib/types.h>

struct pagetable {
	pte_t *root; // direct-map address
	uint64_t table_count; // tables below the root: accounting
};

/** The entry for @va at level 0, tables made on the way when @create; NULL: no table there (or no
 *  memory, or a large leaf stands in the way). The owner's lock keeps the tables alive. */
pte_t *pagetable_entry(struct pagetable *pt, vaddr_t va, bool create);
/** Map [@va, @va+@size) to [@pa, ...) with the largest leaves that alignment allows. 0, -ENOMEM. */
must_check err_t pagetable_map_range(struct pagetable *pt, vaddr_t va, paddr_t pa, uint64_t size,
				     unsigned prot);
/** Translate; false when nothing is mapped. */
bool pagetable_lookup(struct pagetable *pt, vaddr_t va, paddr_t *pa, unsigned *prot);
/** Visit each present level-0 entry in [@va, @end) (missing tables are skipped in one step).
 *  @visit returns false to stop. */
void pagetable_for_each(struct pagetable *pt, vaddr_t va, vaddr_t end,
			bool (*visit)(void *arg, vaddr_t va, pte_t *entry), void *arg);
/** Free all tables that lie wholly within [@va, @end); leaves there are none any more. */
void pagetable_free_range(struct pagetable *pt, vaddr_t va, vaddr_t end);

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
	return __atomic_compare_exchange_n(&entry->bits, &expected->bits, value.bits, false,
					   __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}
