// SPDX-License-Identifier: MIT
// Entries of Sv39, Sv48 and Sv57 (privileged manual, 12.3 to 12.6). Accessed and dirty are set from the start: a
// hart may take a fault where they are clear (Svade), and nobody here needs to learn of first use.
#pragma once

#define RISCV_PTE_V 0x001ul
#define RISCV_PTE_R 0x002ul
#define RISCV_PTE_W 0x004ul
#define RISCV_PTE_X 0x008ul
#define RISCV_PTE_U 0x010ul
#define RISCV_PTE_G 0x020ul
#define RISCV_PTE_A 0x040ul
#define RISCV_PTE_D 0x080ul
#define RISCV_PTE_SOFT 0x100ul // the two bits left to software
#define RISCV_PTE_DEVICE 0x200ul // attributes come from the PMAs; kept for hal_pte_prot()
#define RISCV_PTE_PPN_SHIFT 10
#define RISCV_PTE_PPN_MASK 0x003ffffffffffc00ul

extern unsigned riscv_pt_levels; // 3, 4 or 5

static inline unsigned hal_pte_levels(void)
{
	return riscv_pt_levels;
}

static inline uint64_t riscv_pte_ppn(paddr_t pa)
{
	return pa >> HAL_PAGE_SHIFT << RISCV_PTE_PPN_SHIFT & RISCV_PTE_PPN_MASK;
}

static inline pte_t hal_pte_leaf(paddr_t pa, unsigned prot, unsigned level)
{
	(void)level; // leaves look alike at all levels
	uint64_t bits = riscv_pte_ppn(pa) | RISCV_PTE_V | RISCV_PTE_R | RISCV_PTE_A;
	bits |= prot & HAL_PROT_WRITE ? RISCV_PTE_W | RISCV_PTE_D : 0;
	bits |= prot & HAL_PROT_EXEC ? RISCV_PTE_X : 0;
	bits |= prot & HAL_PROT_USER ? RISCV_PTE_U : 0;
	bits |= prot & HAL_PROT_GLOBAL ? RISCV_PTE_G : 0;
	bits |= prot & HAL_PROT_DEVICE ? RISCV_PTE_DEVICE : 0;
	bits |= prot & HAL_PROT_SOFT ? RISCV_PTE_SOFT : 0;
	return (pte_t){bits};
}

static inline pte_t hal_pte_table(paddr_t pa)
{
	return (pte_t){riscv_pte_ppn(pa) | RISCV_PTE_V};
}

static inline pte_t hal_pte_none(void)
{
	return (pte_t){0};
}

static inline bool hal_pte_is_present(pte_t pte)
{
	return pte.bits & RISCV_PTE_V;
}

static inline bool hal_pte_is_leaf(pte_t pte, unsigned level)
{
	(void)level;
	return (pte.bits & RISCV_PTE_V) && (pte.bits & (RISCV_PTE_R | RISCV_PTE_X));
}

static inline paddr_t hal_pte_paddr(pte_t pte)
{
	return (pte.bits & RISCV_PTE_PPN_MASK) >> RISCV_PTE_PPN_SHIFT << HAL_PAGE_SHIFT;
}

static inline unsigned hal_pte_prot(pte_t pte)
{
	unsigned prot = pte.bits & RISCV_PTE_R ? HAL_PROT_READ : 0;
	prot |= pte.bits & RISCV_PTE_W ? HAL_PROT_WRITE : 0;
	prot |= pte.bits & RISCV_PTE_X ? HAL_PROT_EXEC : 0;
	prot |= pte.bits & RISCV_PTE_U ? HAL_PROT_USER : 0;
	prot |= pte.bits & RISCV_PTE_G ? HAL_PROT_GLOBAL : 0;
	prot |= pte.bits & RISCV_PTE_DEVICE ? HAL_PROT_DEVICE : 0;
	prot |= pte.bits & RISCV_PTE_SOFT ? HAL_PROT_SOFT : 0;
	return prot;
}

static inline bool hal_pte_is_accessed(pte_t pte)
{
	return pte.bits & RISCV_PTE_A;
}

static inline bool hal_pte_is_dirty(pte_t pte)
{
	return pte.bits & RISCV_PTE_D;
}
