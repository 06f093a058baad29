// SPDX-License-Identifier: MIT
// Names of kernel addresses, from the table that the second link puts into the image.
#include <hal/mmu.h>
#include <kernel/panic.h>
#include <lib/format.h>

extern const uint32_t ksym_count, ksym_first;
extern const uint16_t ksym_steps[];
extern const uint8_t ksym_pairs[128][2], ksym_names[];

#define NAME_MAX_BYTES 64
#define PAIR_FIRST 0x80

/** Append what @byte stands for to the @used bytes in @name; returns how many there are then. Pairs hold
 *  only older ones, so the recursion ends. */
static size_t expand(uint8_t byte, char *name, size_t used)
{
	if (byte >= PAIR_FIRST) {
		used = expand(ksym_pairs[byte - PAIR_FIRST][0], name, used);
		return expand(ksym_pairs[byte - PAIR_FIRST][1], name, used);
	}
	if (used < NAME_MAX_BYTES - 1)
		name[used++] = (char)byte;
	return used;
}

/** The function at or below @offset: its own offset; *@name is its coded name. NULL: there is none. */
static uint32_t find(uint32_t offset, const uint8_t **name)
{
	uint32_t at = ksym_first;
	const uint8_t *next = ksym_names;
	*name = NULL;
	if (!ksym_count || offset < at)
		return 0;
	for (uint32_t i = 0; i < ksym_count - 1 && at + ksym_steps[i] <= offset; i++) {
		at += ksym_steps[i];
		while (*next++)
			;
	}
	*name = next;
	return at;
}

void symbol_format(uintptr_t pc, char *buf, size_t len)
{
	const uint8_t *coded = NULL;
	uint32_t offset = (uint32_t)(pc - HAL_KERNEL_BASE), start = 0;
	if (pc >= (uintptr_t)_text_start && pc < (uintptr_t)_text_end)
		start = find(offset, &coded);
	if (!coded) {
		fmt_snprintf(buf, len, "0x%lx", (unsigned long)pc);
		return;
	}
	char name[NAME_MAX_BYTES];
	size_t used = 0;
	while (*coded)
		used = expand(*coded++, name, used);
	name[used] = 0;
	fmt_snprintf(buf, len, "%s+0x%x", name, offset - start);
}
