// SPDX-License-Identifier: MIT
// The walker on aarch64's page-table entries.
#define FORMAT aarch64
#define FORMAT_HEADER "../../arch/aarch64/include/arch/pte.h"
#include "walker.h"

TEST(mm, walker_on_aarch64_entries)
{
	fuzz_walker();
	walk_large_leaves();
}

/** A framebuffer is written through entry 2 of MAIR, other devices through entry 1. */
TEST(mm, combining_aarch64_entries)
{
	unsigned device = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_DEVICE;

	EXPECT_EQ(hal_pte_leaf(0, device, 0).bits & 0x1c, 0x04);
	EXPECT_EQ(hal_pte_leaf(0, device | HAL_PROT_COMBINE, 0).bits & 0x1c, 0x08);
	EXPECT_EQ(hal_pte_prot(hal_pte_leaf(0, device | HAL_PROT_COMBINE, 1)), device | HAL_PROT_COMBINE);
}
