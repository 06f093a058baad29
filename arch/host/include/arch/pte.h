// SPDX-License-Identifier: MIT
// The laboratory's own page-table entries: each property one bit, so that a walker that confuses
// two of them is seen.
//
//   0 present  1 leaf  2 write  3 exec  4 user  5 global  6 device  7 soft  8 accessed  9 dirty
//   12..51 physical address
#pragma once

enum host_pte_bits {
	HOST_PTE_PRESENT = 1 << 0,
	HOST_PTE_LEAF = 1 << 1,
	HOST_PTE_WRITE = 1 << 2,
	HOST_PTE_EXEC = 1 << 3,
	HOST_PTE_USER = 1 << 4,
	HOST_PTE_GLOBAL = 1 << 5,
	HOST_PTE_DEVICE = 1 << 6,
	HOST_PTE_SOFT = 1 << 7,
	HOST_PTE_ACCESSED = 1 << 8,
	HOST_PTE_DIRTY = 1 << 9,
};
#define HOST_PTE_PADDR 0x000ffffffffff000ull

static inline unsigned hal_pte_levels(void)
{
	return 4;
}

/** Both mappings between HAL_PROT_* and bits; HAL_PROT_READ is implied by present. */
static inline pte_t hal_pte_leaf(paddr_t pa, unsigned prot, unsigned level)
{
	uint64_t bits = (pa & HOST_PTE_PADDR) | HOST_PTE_PRESENT | HOST_PTE_LEAF;

	(void)level;
	bits |= prot & HAL_PROT_WRITE ? HOST_PTE_WRITE : 0;
	bits |= prot & HAL_PROT_EXEC ? HOST_PTE_EXEC : 0;
	bits |= prot & HAL_PROT_USER ? HOST_PTE_USER : 0;
	bits |= prot & HAL_PROT_GLOBAL ? HOST_PTE_GLOBAL : 0;
	bits |= prot & HAL_PROT_DEVICE ? HOST_PTE_DEVICE : 0;
	bits |= prot & HAL_PROT_SOFT ? HOST_PTE_SOFT : 0;
	return (pte_t){bits};
}

static inline pte_t hal_pte_table(paddr_t pa)
{
	return (pte_t){(pa & HOST_PTE_PADDR) | HOST_PTE_PRESENT};
}

static inline pte_t hal_pte_none(void)
{
	return (pte_t){0};
}

static inline bool hal_pte_is_present(pte_t pte)
{
	return pte.bits & HOST_PTE_PRESENT;
}

static inline bool hal_pte_is_leaf(pte_t pte, unsigned level)
{
	(void)level;
	return pte.bits & HOST_PTE_LEAF;
}

static inline paddr_t hal_pte_paddr(pte_t pte)
{
	return pte.bits & HOST_PTE_PADDR;
}

static inline unsigned hal_pte_prot(pte_t pte)
{
	unsigned prot = HAL_PROT_READ;

	prot |= pte.bits & HOST_PTE_WRITE ? HAL_PROT_WRITE : 0;
	prot |= pte.bits & HOST_PTE_EXEC ? HAL_PROT_EXEC : 0;
	prot |= pte.bits & HOST_PTE_USER ? HAL_PROT_USER : 0;
	prot |= pte.bits & HOST_PTE_GLOBAL ? HAL_PROT_GLOBAL : 0;
	prot |= pte.bits & HOST_PTE_DEVICE ? HAL_PROT_DEVICE : 0;
	prot |= pte.bits & HOST_PTE_SOFT ? HAL_PROT_SOFT : 0;
	return prot;
}

static inline bool hal_pte_is_accessed(pte_t pte)
{
	return pte.bits & HOST_PTE_ACCESSED;
}

static inline bool hal_pte_is_dirty(pte_t pte)
{
	return pte.bits & HOST_PTE_DIRTY;
}
