// SPDX-License-Identifier: MIT
// The walker on x86_64's page-table entries.
#define FORMAT x86_64
#define FORMAT_HEADER "../../arch/x86_64/include/arch/pte.h"
#include "walker.h"

TEST(mm, walker_on_x86_64_entries)
{
	fuzz_walker();
	walk_large_leaves();
}

/** A framebuffer is written through entry 1 of the PAT, other devices through entry 3. */
TEST(mm, combining_x86_64_entries)
{
	unsigned device = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_DEVICE;

	EXPECT_EQ(hal_pte_leaf(0, device, 0).bits & 0x18, 0x18);
	EXPECT_EQ(hal_pte_leaf(0, device | HAL_PROT_COMBINE, 0).bits & 0x18, 0x08);
	EXPECT_EQ(hal_pte_prot(hal_pte_leaf(0, device | HAL_PROT_COMBINE, 1)), device | HAL_PROT_COMBINE);
}
