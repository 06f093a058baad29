// SPDX-License-Identifier: MIT
// Descriptors of page frames, and which RAM is free when the allocator takes over from bootmem: all
// of bootinfo's RAM but its reserved ranges, bootmem's own, and page 0.
#include <hal/bootinfo.h>
#include <kernel/assert.h>
#include <mm/bootmem.h>
#include <mm/frame.h>

#include "private.h"

#define SECTION_SIZE (1ul << FRAME_SECTION_SHIFT)
#define USED_MAX (BOOT_RANGES_MAX + 64)

struct frame **frame_sections;
size_t frame_section_count;

static struct boot_range used[USED_MAX]; // sorted by base
static unsigned used_count;

uint64_t frame_ram_count(void)
{
	uint64_t count = 0;
	for (unsigned i = 0; i < bootinfo.ram_count; i++)
		count += bootinfo.ram[i].size >> HAL_PAGE_SHIFT;
	return count;
}

static void init_section(size_t section)
{
	struct frame *frames =
		bootmem_alloc(FRAME_SECTION_FRAMES * sizeof(struct frame), HAL_PAGE_SIZE);
	paddr_t pa = (paddr_t)section << FRAME_SECTION_SHIFT;
	for (size_t i = 0; i < FRAME_SECTION_FRAMES; i++) {
		atomic_init(&frames[i].flags, FRAME_RESERVED);
		frames[i].pa = pa + i * HAL_PAGE_SIZE;
	}
	frame_sections[section] = frames;
}

static void init_descriptors(void)
{
	const struct boot_range *last = &bootinfo.ram[bootinfo.ram_count - 1];
	paddr_t end = last->base + last->size;
	frame_section_count = (end + SECTION_SIZE - 1) >> FRAME_SECTION_SHIFT;
	frame_sections = bootmem_alloc(frame_section_count * sizeof(*frame_sections), 64);
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		paddr_t range_end = bootinfo.ram[i].base + bootinfo.ram[i].size;
		size_t section = bootinfo.ram[i].base >> FRAME_SECTION_SHIFT;
		for (; section << FRAME_SECTION_SHIFT < range_end; section++) {
			if (!frame_sections[section])
				init_section(section);
		}
	}
}

static void add_used(struct boot_range range)
{
	unsigned at = used_count++;
	for (; at > 0 && used[at - 1].base > range.base; at--)
		used[at] = used[at - 1];
	used[at] = range;
}

static void collect_used(void)
{
	struct boot_range taken[USED_MAX - BOOT_RANGES_MAX - 1];
	unsigned taken_count = bootmem_taken(taken, array_len(taken));
	add_used((struct boot_range){0, HAL_PAGE_SIZE});
	for (unsigned i = 0; i < taken_count; i++)
		add_used(taken[i]);
	for (unsigned i = 0; i < bootinfo.reserved_count; i++)
		add_used(bootinfo.reserved[i]);
}

void frame_for_each_free(void (*give)(paddr_t base, paddr_t end))
{
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		paddr_t base = bootinfo.ram[i].base;
		paddr_t end = base + bootinfo.ram[i].size;
		for (unsigned j = 0; j < used_count && base < end; j++) {
			// Partly used pages are used; a range at the end of memory may wrap by that.
			paddr_t used_base = align_down(used[j].base, (paddr_t)HAL_PAGE_SIZE);
			paddr_t used_last = (used[j].base + used[j].size - 1) | (HAL_PAGE_SIZE - 1);
			if (used_last < base || used_base >= end)
				continue;
			if (used_base > base)
				give(base, used_base);
			base = used_last < end ? used_last + 1 : end;
		}
		if (base < end)
			give(base, end);
	}
}

void frame_init(void)
{
	verify(bootinfo.ram_count > 0);
	init_descriptors();
	collect_used();
	frame_lists_init();
}
