// SPDX-License-Identifier: MIT
// Boot-time memory. Each allocation is cut from the upper end of the highest free piece of RAM that
// fits, where free means: not in bootinfo's reserved ranges and not handed out before. Consecutive
// allocations touch, so a short list of ranges remembers them all. Slow and simple: some dozens of
// calls on the boot CPU.
#include <hal/mmu.h>
#include <kernel/panic.h>
#include <lib/string.h>
#include <mm/bootmem.h>

#define TAKEN_MAX 32

static struct boot_range taken[TAKEN_MAX];
static unsigned taken_count;
static bool has_all_ram;

void bootmem_use_all_ram(void)
{
	has_all_ram = true;
}

unsigned bootmem_taken(struct boot_range *ranges, unsigned max)
{
	unsigned count = min(taken_count, max);
	memcpy(ranges, taken, count * sizeof(*ranges));
	return count;
}

/** If [@base, @end) overlaps one of @ranges, the start of the one that it overlaps; else @end. */
static paddr_t blocked_from(const struct boot_range *ranges, unsigned count, paddr_t base,
			    paddr_t end)
{
	for (unsigned i = 0; i < count; i++) {
		if (ranges[i].base < end && base < ranges[i].base + ranges[i].size)
			return ranges[i].base;
	}
	return end;
}

/** The highest aligned place for @size bytes in [@low, @high), or 0. */
static paddr_t place_in(paddr_t low, paddr_t high, size_t size, size_t align)
{
	while (high > low && high - low >= size) {
		paddr_t base = align_down(high - size, (paddr_t)align);
		if (base < low)
			return 0;
		paddr_t end = base + size;
		paddr_t limit = blocked_from(bootinfo.reserved, bootinfo.reserved_count, base, end);
		if (limit == end)
			limit = blocked_from(taken, taken_count, base, end);
		if (limit == end)
			return base;
		high = limit;
	}
	return 0;
}

static paddr_t find_place(size_t size, size_t align)
{
	for (unsigned i = bootinfo.ram_count; i-- > 0;) {
		// Page 0 stays unused: an address of 0 means "none" all over the kernel.
		paddr_t low = max(bootinfo.ram[i].base, (paddr_t)HAL_PAGE_SIZE);
		paddr_t high = bootinfo.ram[i].base + bootinfo.ram[i].size;
		if (!has_all_ram) {
			low = max(low, bootinfo.mapped_base);
			high = min(high, bootinfo.mapped_end);
		}
		paddr_t base = place_in(low, high, size, align);
		if (base)
			return base;
	}
	return 0;
}

/** What lies between an allocation and the one above it (lost to alignment) joins it. */
static void remember(paddr_t base, size_t size)
{
	for (unsigned i = 0; i < taken_count; i++) {
		if (base + size <= taken[i].base && taken[i].base - (base + size) < HAL_PAGE_SIZE) {
			taken[i].size += taken[i].base - base;
			taken[i].base = base;
			return;
		}
	}
	if (taken_count == TAKEN_MAX)
		panic("memory: boot allocations are scattered over more than %u ranges", TAKEN_MAX);
	taken[taken_count++] = (struct boot_range){base, size};
}

void *bootmem_alloc(size_t size, size_t align)
{
	paddr_t base = find_place(size, max(align, (size_t)64));
	if (!base)
		panic("memory: too little to boot: no %lu KiB left%s",
		      (unsigned long)(size + 1023) / 1024,
		      has_all_ram ? "" : " in the memory that the boot map covers");
	remember(base, size);
	return memset(hal_direct(base), 0, size);
}
