// SPDX-License-Identifier: MIT
// VMSAv8-64 descriptors, 4 KiB granule, 48 bits (Arm ARM D8.3). The access flag is always set and
// hardware keeps no dirty state: an entry counts as accessed, and as dirty when it is writable.
#pragma once

#define PTE_VALID (1ul << 0)
#define PTE_TABLE (1ul << 1) // at level 0: page
#define PTE_ATTR(index) ((uint64_t)(index) << 2)
#define PTE_ATTR_MASK (7ul << 2)
#define PTE_USER (1ul << 6) // AP[1]
#define PTE_READ_ONLY (1ul << 7) // AP[2]
#define PTE_INNER_SHAREABLE (3ul << 8)
#define PTE_ACCESSED (1ul << 10)
#define PTE_NOT_GLOBAL (1ul << 11)
#define PTE_PXN (1ul << 53)
#define PTE_UXN (1ul << 54)
#define PTE_SOFT (1ul << 55)
#define PTE_ADDR_MASK 0x0000fffffffff000ul

static inline unsigned hal_pte_levels(void)
{
	return 4;
}

static inline pte_t hal_pte_leaf(paddr_t pa, unsigned prot, unsigned level)
{
	uint64_t bits = (pa & PTE_ADDR_MASK) | PTE_VALID | PTE_ACCESSED | PTE_INNER_SHAREABLE;
	if (level == 0)
		bits |= PTE_TABLE;
	// MAIR index 0 is normal memory, 1 device memory, 2 normal memory without caches.
	if (prot & HAL_PROT_DEVICE)
		bits |= PTE_ATTR(prot & HAL_PROT_COMBINE ? 2 : 1);
	if (!(prot & HAL_PROT_WRITE))
		bits |= PTE_READ_ONLY;
	if (prot & HAL_PROT_USER)
		bits |= PTE_USER;
	if (!(prot & HAL_PROT_GLOBAL))
		bits |= PTE_NOT_GLOBAL;
	// Executable in one mode at most.
	if (!(prot & HAL_PROT_EXEC) || (prot & HAL_PROT_USER))
		bits |= PTE_PXN;
	if (!(prot & HAL_PROT_EXEC) || !(prot & HAL_PROT_USER))
		bits |= PTE_UXN;
	if (prot & HAL_PROT_SOFT)
		bits |= PTE_SOFT;
	return (pte_t){bits};
}

static inline pte_t hal_pte_table(paddr_t pa)
{
	return (pte_t){(pa & PTE_ADDR_MASK) | PTE_TABLE | PTE_VALID};
}

static inline pte_t hal_pte_none(void)
{
	return (pte_t){0};
}

static inline bool hal_pte_is_present(pte_t pte)
{
	return pte.bits & PTE_VALID;
}

static inline bool hal_pte_is_leaf(pte_t pte, unsigned level)
{
	return (pte.bits & PTE_VALID) && (level == 0 || !(pte.bits & PTE_TABLE));
}

static inline paddr_t hal_pte_paddr(pte_t pte)
{
	return pte.bits & PTE_ADDR_MASK;
}

static inline unsigned hal_pte_prot(pte_t pte)
{
	unsigned prot = HAL_PROT_READ;
	if (!(pte.bits & PTE_READ_ONLY))
		prot |= HAL_PROT_WRITE;
	if (pte.bits & PTE_USER)
		prot |= HAL_PROT_USER;
	if (!(pte.bits & (pte.bits & PTE_USER ? PTE_UXN : PTE_PXN)))
		prot |= HAL_PROT_EXEC;
	if (!(pte.bits & PTE_NOT_GLOBAL))
		prot |= HAL_PROT_GLOBAL;
	if (pte.bits & PTE_ATTR_MASK)
		prot |= HAL_PROT_DEVICE;
	if ((pte.bits & PTE_ATTR_MASK) == PTE_ATTR(2))
		prot |= HAL_PROT_COMBINE;
	if (pte.bits & PTE_SOFT)
		prot |= HAL_PROT_SOFT;
	return prot;
}

static inline bool hal_pte_is_accessed(pte_t pte)
{
	return pte.bits & PTE_ACCESSED;
}

static inline bool hal_pte_is_dirty(pte_t pte)
{
	return !(pte.bits & PTE_READ_ONLY);
}
