// SPDX-License-Identifier: MIT
// The walker on riscv64's page-table entries, with three levels (Sv39), four (Sv48) and five (Sv57).
#define FORMAT riscv64
#define FORMAT_HEADER "../../arch/riscv64/include/arch/pte.h"
#include "walker.h"

unsigned riscv_pt_levels;

TEST(mm, walker_on_riscv64_entries)
{
	for (riscv_pt_levels = 3; riscv_pt_levels <= 5; riscv_pt_levels++) {
		fuzz_walker();
		walk_large_leaves();
		pagetable_drain_this_cpu(); // roots with so many levels
	}
}
