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
