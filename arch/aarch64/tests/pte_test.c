// SPDX-License-Identifier: MIT
// Page-table entries say what they were made of, and never grant more.
#include <hal/mmu.h>
#include <hal/pte.h>
#include <lib/test.h>

#define PROT_ALL 0x7fu

TEST(aarch64, pte_leaf_gives_back_address_and_protection)
{
	for (unsigned level = 0; level < 3; level++) {
		paddr_t pa = 0x123ull << (HAL_PAGE_SHIFT + HAL_PT_BITS * level);
		for (unsigned prot = HAL_PROT_READ; prot <= PROT_ALL; prot += 2) {
			pte_t pte = hal_pte_leaf(pa, prot, level);
			EXPECT(hal_pte_is_present(pte) && hal_pte_is_leaf(pte, level));
			EXPECT_EQ(hal_pte_paddr(pte), pa);
			EXPECT_EQ(hal_pte_prot(pte), prot);
			EXPECT_EQ(hal_pte_is_dirty(pte), !!(prot & HAL_PROT_WRITE));
			EXPECT(hal_pte_is_accessed(pte));
		}
	}
}

TEST(aarch64, pte_is_executable_in_one_mode_at_most)
{
	for (unsigned prot = HAL_PROT_READ; prot <= PROT_ALL; prot += 2) {
		pte_t pte = hal_pte_leaf(0x1000, prot, 0);
		EXPECT(pte.bits & (PTE_PXN | PTE_UXN));
		if (!(prot & HAL_PROT_EXEC))
			EXPECT((pte.bits & PTE_PXN) && (pte.bits & PTE_UXN));
	}
}

TEST(aarch64, pte_table_is_no_leaf)
{
	pte_t pte = hal_pte_table(0x40000000);
	EXPECT(hal_pte_is_present(pte));
	EXPECT(!hal_pte_is_leaf(pte, 1) && !hal_pte_is_leaf(pte, 2));
	EXPECT_EQ(hal_pte_paddr(pte), 0x40000000);
	EXPECT(!hal_pte_is_present(hal_pte_none()));
}
