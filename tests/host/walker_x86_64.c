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
