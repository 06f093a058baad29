// SPDX-License-Identifier: MIT
// Names of kernel addresses, from the table that the second link puts into the image.
#include <hal/mmu.h>
#include <kernel/panic.h>
#include <lib/format.h>

extern const uint32_t ksym_count;
extern const uint32_t ksym_offsets[];
extern const uint32_t ksym_name_offsets[];
extern const char ksym_names[];

/** Index of the last symbol at or below @offset; ksym_count when there is none. */
static uint32_t find(uint32_t offset)
{
	uint32_t low = 0, high = ksym_count;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		if (ksym_offsets[middle] <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low ? low - 1 : ksym_count;
}

void symbol_format(uintptr_t pc, char *buf, size_t len)
{
	if (pc >= (uintptr_t)_text_start && pc < (uintptr_t)_text_end) {
		uint32_t offset = (uint32_t)(pc - HAL_KERNEL_BASE), i = find(offset);
		if (i < ksym_count) {
			fmt_snprintf(buf, len, "%s+0x%x", ksym_names + ksym_name_offsets[i],
				     offset - ksym_offsets[i]);
			return;
		}
	}
	fmt_snprintf(buf, len, "0x%lx", (unsigned long)pc);
}
