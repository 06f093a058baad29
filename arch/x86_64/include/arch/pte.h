// SPDX-License-Identifier: MIT
// x86_64 page-table entries, 4 levels (Intel SDM 3A, 4.5).
#pragma once

#define X86_PTE_PRESENT 0x1ull
#define X86_PTE_WRITE 0x2ull
#define X86_PTE_USER 0x4ull
#define X86_PTE_PWT 0x8ull
#define X86_PTE_PCD 0x10ull
#define X86_PTE_ACCESSED 0x20ull
#define X86_PTE_DIRTY 0x40ull
#define X86_PTE_LARGE 0x80ull
#define X86_PTE_GLOBAL 0x100ull
#define X86_PTE_SOFT 0x200ull
#define X86_PTE_NX (1ull << 63)
#define X86_PTE_ADDR 0x000ffffffffff000ull

static inline unsigned hal_pte_levels(void)
{
	return 4;
}

static inline pte_t hal_pte_leaf(paddr_t pa, unsigned prot, unsigned level)
{
	uint64_t bits = (pa & X86_PTE_ADDR) | X86_PTE_PRESENT;
	if (prot & HAL_PROT_WRITE)
		bits |= X86_PTE_WRITE;
	if (!(prot & HAL_PROT_EXEC))
		bits |= X86_PTE_NX;
	if (prot & HAL_PROT_USER)
		bits |= X86_PTE_USER;
	if (prot & HAL_PROT_GLOBAL)
		bits |= X86_PTE_GLOBAL;
	// Entries 3 and 1 of the PAT (X86_PAT): uncached, write-combining.
	if (prot & HAL_PROT_DEVICE)
		bits |= prot & HAL_PROT_COMBINE ? X86_PTE_PWT : X86_PTE_PCD | X86_PTE_PWT;
	if (prot & HAL_PROT_SOFT)
		bits |= X86_PTE_SOFT;
	if (level > 0)
		bits |= X86_PTE_LARGE;
	return (pte_t){bits};
}

static inline pte_t hal_pte_table(paddr_t pa)
{
	// The leaf decides: a table forbids nothing.
	return (pte_t){(pa & X86_PTE_ADDR) | X86_PTE_PRESENT | X86_PTE_WRITE | X86_PTE_USER};
}

static inline pte_t hal_pte_none(void)
{
	return (pte_t){0};
}

static inline bool hal_pte_is_present(pte_t pte)
{
	return pte.bits & X86_PTE_PRESENT;
}

static inline bool hal_pte_is_leaf(pte_t pte, unsigned level)
{
	return (pte.bits & X86_PTE_PRESENT) && (level == 0 || (pte.bits & X86_PTE_LARGE));
}

static inline paddr_t hal_pte_paddr(pte_t pte)
{
	return pte.bits & X86_PTE_ADDR;
}

static inline unsigned hal_pte_prot(pte_t pte)
{
	unsigned prot = HAL_PROT_READ;
	if (pte.bits & X86_PTE_WRITE)
		prot |= HAL_PROT_WRITE;
	if (!(pte.bits & X86_PTE_NX))
		prot |= HAL_PROT_EXEC;
	if (pte.bits & X86_PTE_USER)
		prot |= HAL_PROT_USER;
	if (pte.bits & X86_PTE_GLOBAL)
		prot |= HAL_PROT_GLOBAL;
	if (pte.bits & X86_PTE_PWT)
		prot |= HAL_PROT_DEVICE | (pte.bits & X86_PTE_PCD ? 0 : HAL_PROT_COMBINE);
	if (pte.bits & X86_PTE_SOFT)
		prot |= HAL_PROT_SOFT;
	return prot;
}

static inline bool hal_pte_is_accessed(pte_t pte)
{
	return pte.bits & X86_PTE_ACCESSED;
}

static inline bool hal_pte_is_dirty(pte_t pte)
{
	return pte.bits & X86_PTE_DIRTY;
}
