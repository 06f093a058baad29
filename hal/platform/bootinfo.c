// SPDX-License-Identifier: MIT
// The collected words of firmware and boot loader: ranges of memory, checked as they come in, and
// the warnings that arose before anything could be printed. Runs on the boot CPU only, before
// upcall_boot(), so there is no lock.
#include <hal/bootinfo.h>
#include <hal/mmu.h>
#include <lib/format.h>
#include <lib/string.h>

#define WARNINGS_MAX 12
#define WARNING_LEN 120
#define FRAMEBUFFER_SIDE_MAX 16384u // pixels

struct bootinfo bootinfo;

static char warnings[WARNINGS_MAX][WARNING_LEN];
static unsigned warning_count;

void bootinfo_warn(const char *fmt, ...)
{
	if (warning_count == WARNINGS_MAX)
		return;
	if (warning_count == WARNINGS_MAX - 1)
		fmt = "more warnings of the boot code were dropped";
	va_list ap;
	va_start(ap, fmt);
	fmt_vsnprintf(warnings[warning_count++], WARNING_LEN, fmt, ap);
	va_end(ap);
}

void bootinfo_forget_warnings(unsigned from)
{
	warning_count = min(warning_count, from);
}

const char *bootinfo_next_warning(unsigned i)
{
	return i < warning_count ? warnings[i] : NULL;
}

static paddr_t range_end(const struct boot_range *range)
{
	return range->base + range->size;
}

/** Cut @size so that the range's end fits 64 bits. */
static uint64_t clamp_size(const char *what, paddr_t base, uint64_t size)
{
	if (size <= UINT64_MAX - base)
		return size;
	bootinfo_warn("%s range at 0x%llx of 0x%llx bytes wraps: cut", what,
		      (unsigned long long)base, (unsigned long long)size);
	return UINT64_MAX - base;
}

/** What covers both @range and [@base, @base+@size). */
static struct boot_range range_hull(const struct boot_range *range, paddr_t base, uint64_t size)
{
	paddr_t start = min(range->base, base);
	paddr_t end = max(range_end(range), base + size);
	return (struct boot_range){start, end - start};
}

/** Grow the first of @ranges that touches [@base, @base+@size); false when none does. */
static bool grow_touching(struct boot_range *ranges, unsigned count, paddr_t base, uint64_t size)
{
	for (unsigned i = 0; i < count; i++) {
		if (base <= range_end(&ranges[i]) && ranges[i].base <= base + size) {
			ranges[i] = range_hull(&ranges[i], base, size);
			return true;
		}
	}
	return false;
}

void bootinfo_add_ram(paddr_t base, uint64_t size)
{
	size = clamp_size("RAM", base, size);
	if (size == 0 || grow_touching(bootinfo.ram, bootinfo.ram_count, base, size))
		return;
	if (bootinfo.ram_count == BOOT_RANGES_MAX) {
		bootinfo_warn("RAM at 0x%llx is not used: more than %u ranges",
			      (unsigned long long)base, BOOT_RANGES_MAX);
		return;
	}
	bootinfo.ram[bootinfo.ram_count++] = (struct boot_range){base, size};
}

/** The reserved range that grows least when it takes in [@base, @base+@size). */
static struct boot_range *cheapest_to_grow(paddr_t base, uint64_t size)
{
	struct boot_range *best = NULL;
	uint64_t best_growth = UINT64_MAX;
	for (unsigned i = 0; i < bootinfo.reserved_count; i++) {
		struct boot_range *range = &bootinfo.reserved[i];
		uint64_t growth = range_hull(range, base, size).size - range->size;
		if (growth <= best_growth) {
			best = range;
			best_growth = growth;
		}
	}
	return best;
}

void bootinfo_reserve(paddr_t base, uint64_t size)
{
	size = clamp_size("reserved", base, size);
	if (size == 0 || grow_touching(bootinfo.reserved, bootinfo.reserved_count, base, size))
		return;
	if (bootinfo.reserved_count < BOOT_RANGES_MAX) {
		bootinfo.reserved[bootinfo.reserved_count++] = (struct boot_range){base, size};
		return;
	}
	// To lose a reservation is to overwrite somebody's memory; to reserve too much is only waste.
	struct boot_range *range = cheapest_to_grow(base, size);
	*range = range_hull(range, base, size);
	bootinfo_warn("more than %u reserved ranges: 0x%llx is joined to its neighbour",
		      BOOT_RANGES_MAX, (unsigned long long)base);
}

static void sort_ranges(struct boot_range *ranges, unsigned count)
{
	for (unsigned i = 1; i < count; i++) {
		struct boot_range range = ranges[i];
		unsigned at = i;
		for (; at > 0 && ranges[at - 1].base > range.base; at--)
			ranges[at] = ranges[at - 1];
		ranges[at] = range;
	}
}

/** Join neighbours that touch or overlap in the sorted @ranges; returns the new count. */
static unsigned merge_ranges(struct boot_range *ranges, unsigned count)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < count; i++) {
		if (kept > 0 && ranges[i].base <= range_end(&ranges[kept - 1]))
			ranges[kept - 1] =
				range_hull(&ranges[kept - 1], ranges[i].base, ranges[i].size);
		else
			ranges[kept++] = ranges[i];
	}
	return kept;
}

/** Keep of @range whole pages below the end of the direct map; false when nothing is left. */
static bool clip_ram(struct boot_range *range)
{
	// Before rounding up, so that rounding cannot wrap.
	if (range->base >= HAL_DIRECT_SIZE)
		return false;
	paddr_t base = align_up(range->base, (paddr_t)HAL_PAGE_SIZE);
	paddr_t end = min(align_down(range_end(range), (paddr_t)HAL_PAGE_SIZE),
			  (paddr_t)HAL_DIRECT_SIZE);
	if (end <= base)
		return false;
	*range = (struct boot_range){base, end - base};
	return true;
}

void bootinfo_finish(void)
{
	sort_ranges(bootinfo.ram, bootinfo.ram_count);
	unsigned count = merge_ranges(bootinfo.ram, bootinfo.ram_count);
	unsigned kept = 0;
	for (unsigned i = 0; i < count; i++) {
		struct boot_range range = bootinfo.ram[i];
		if (range_end(&range) > HAL_DIRECT_SIZE)
			bootinfo_warn("RAM above 0x%llx is not used: beyond the direct map",
				      (unsigned long long)max(range.base, (paddr_t)HAL_DIRECT_SIZE));
		if (clip_ram(&range))
			bootinfo.ram[kept++] = range;
	}
	bootinfo.ram_count = kept;
}

void bootinfo_remove_ram(paddr_t base, uint64_t size)
{
	if (base >= HAL_DIRECT_SIZE || size == 0)
		return;
	paddr_t end = align_up(base + min(size, HAL_DIRECT_SIZE - base), (paddr_t)HAL_PAGE_SIZE);
	base = align_down(base, (paddr_t)HAL_PAGE_SIZE);
	for (unsigned i = 0; i < bootinfo.ram_count;) {
		struct boot_range range = bootinfo.ram[i];
		if (end <= range.base || range_end(&range) <= base) {
			i++;
			continue;
		}
		bootinfo.ram[i] = bootinfo.ram[--bootinfo.ram_count];
		if (range.base < base)
			bootinfo_add_ram(range.base, base - range.base);
		if (end < range_end(&range))
			bootinfo_add_ram(end, range_end(&range) - end);
	}
	sort_ranges(bootinfo.ram, bootinfo.ram_count);
}

bool bootinfo_is_ram(paddr_t base, uint64_t size)
{
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		const struct boot_range *range = &bootinfo.ram[i];
		if (base >= range->base && base - range->base <= range->size &&
		    size <= range->size - (base - range->base))
			return true;
	}
	return false;
}

void bootinfo_set_initrd(paddr_t start, paddr_t end)
{
	if (end <= start) {
		bootinfo_warn("initrd from 0x%llx to 0x%llx is empty: ignored",
			      (unsigned long long)start, (unsigned long long)end);
		return;
	}
	if (!bootinfo_is_ram(start, end - start)) {
		bootinfo_warn("initrd from 0x%llx to 0x%llx is not in RAM: ignored",
			      (unsigned long long)start, (unsigned long long)end);
		return;
	}
	const struct boot_range *image = &bootinfo.image;
	if (start < image->base + image->size && image->base < end) {
		bootinfo_warn("initrd from 0x%llx to 0x%llx overlaps the kernel: ignored",
			      (unsigned long long)start, (unsigned long long)end);
		return;
	}
	bootinfo.initrd = (struct boot_range){start, end - start};
	bootinfo_reserve(start, end - start);
}

void bootinfo_set_cmdline(const char *text)
{
	if (strlcpy(bootinfo.cmdline, text, BOOT_CMDLINE_MAX) >= BOOT_CMDLINE_MAX)
		bootinfo_warn("command line is longer than %u bytes: cut", BOOT_CMDLINE_MAX - 1);
}

const char *bootinfo_next_word(const char *key, const char **at)
{
	while (**at && !str_has_prefix(*at, "-- ")) {
		const char *word = *at, *space = strchr(word, ' ');
		*at = space ? space + 1 : word + strlen(word);
		if (str_has_prefix(word, key))
			return word + strlen(key);
	}
	return NULL;
}

static bool is_field(const struct framebuffer_field *field, unsigned pixel_bits)
{
	return field->bits >= 1 && field->bits <= 8 && field->shift + field->bits <= pixel_bits;
}

void bootinfo_set_framebuffer(const struct framebuffer *fb)
{
	unsigned bits = fb->bytes_per_pixel * 8u;
	bool has_fields = fb->is_text || (is_field(&fb->red, bits) && is_field(&fb->green, bits) &&
					  is_field(&fb->blue, bits));
	bool is_good = bits >= 16 && bits <= 32 && fb->width > 0 && fb->height > 0 &&
		       fb->width <= FRAMEBUFFER_SIDE_MAX && fb->height <= FRAMEBUFFER_SIDE_MAX &&
		       fb->pitch >= fb->width * fb->bytes_per_pixel &&
		       fb->pitch <= FRAMEBUFFER_SIDE_MAX * 8 && fb->pitch % (bits == 24 ? 1 : bits / 8) == 0 &&
		       fb->addr != 0 && fb->addr % 4 == 0 && fb->addr < HAL_DIRECT_SIZE &&
		       (uint64_t)fb->pitch * fb->height <= HAL_DIRECT_SIZE - fb->addr && has_fields;

	if (is_good)
		bootinfo.framebuffer = *fb;
	else
		bootinfo_warn("framebuffer of %ux%u, %u bits at 0x%llx cannot be: no screen", fb->width,
			      fb->height, bits, (unsigned long long)fb->addr);
}

void bootinfo_set_boot_cpu(uint64_t hwid)
{
	bootinfo.cpus[0] = (struct boot_cpu){.hwid = hwid, .node = BOOT_NODE_NONE};
	bootinfo.cpu_count = 1;
}

void bootinfo_add_cpu(uint64_t hwid, paddr_t release_addr)
{
	for (unsigned i = 0; i < bootinfo.cpu_count; i++) {
		if (bootinfo.cpus[i].hwid == hwid) {
			if (i > 0)
				bootinfo_warn("CPU with id 0x%llx is listed twice",
					      (unsigned long long)hwid);
			bootinfo.cpus[i].release_addr = release_addr;
			return;
		}
	}
	if (bootinfo.cpu_count == CPUS_MAX) {
		bootinfo.cpus_ignored++;
		return;
	}
	bootinfo.cpus[bootinfo.cpu_count] = (struct boot_cpu){
		.hwid = hwid, .release_addr = release_addr, .core = bootinfo.cpu_count, .node = BOOT_NODE_NONE};
	bootinfo.cpu_count++;
}
