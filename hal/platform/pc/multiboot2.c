// SPDX-License-Identifier: MIT
// The Multiboot2 boot information (specification 2.0, section 3.6). It stays reserved, because the
// copies of ACPI's root pointer in it are used later.
#include "loader.h"

#include <hal/bootinfo.h>
#include <lib/format.h>
#include <lib/string.h>

enum tag_type {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_LOADER = 2,
	TAG_MODULE = 3,
	TAG_MEMORY_MAP = 6,
	TAG_FRAMEBUFFER = 8,
	TAG_RSDP_OLD = 14,
	TAG_RSDP_NEW = 15,
};

#define INFO_SIZE_MAX MIB(1)

struct tag {
	uint32_t type, size;
	uint8_t data[];
};

struct tag_module {
	uint32_t start, end;
};

struct tag_memory_map {
	uint32_t entry_size, entry_version;
	uint8_t entries[];
};

struct memory_map_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

struct tag_framebuffer {
	uint64_t addr;
	uint32_t pitch, width, height;
	uint8_t bits, kind;
	uint16_t reserved;
	struct framebuffer_field red, green, blue; // where kind is FRAMEBUFFER_RGB
};
#define FRAMEBUFFER_RGB 1
#define FRAMEBUFFER_TEXT 2
#define TAG_FRAMEBUFFER_SIZE (offsetof(struct tag_framebuffer, blue) + 2)
#define TAG_TEXT_SIZE offsetof(struct tag_framebuffer, red)

static char loader_name[64];

/** The tag at *@at of the information of @size bytes, *@at moved on; NULL at its end or a lie. */
static const struct tag *next_tag(const uint8_t *info, uint32_t size, uint32_t *at)
{
	if (*at > size - sizeof(struct tag))
		return NULL;
	const struct tag *tag = (const void *)(info + *at);
	if (tag->type == TAG_END)
		return NULL;
	if (tag->size < sizeof(*tag) || tag->size > size - *at) {
		bootinfo_warn("Multiboot2: tag %u has bad size %u: the rest is ignored", tag->type,
			      tag->size);
		return NULL;
	}
	*at += align_up(tag->size, 8u);
	if (*at > size)
		*at = size;
	return tag;
}

static uint32_t data_size(const struct tag *tag)
{
	return tag->size - (uint32_t)sizeof(*tag);
}

/** The tag's text, if it ends inside the tag. */
static const char *tag_text(const struct tag *tag, uint32_t skip)
{
	if (data_size(tag) <= skip)
		return "";
	const char *text = (const char *)tag->data + skip;
	return strnlen(text, data_size(tag) - skip) < data_size(tag) - skip ? text : "";
}

static void read_memory_map(const struct tag *tag, void (*take)(paddr_t, uint64_t, uint32_t))
{
	const struct tag_memory_map *map = (const void *)tag->data;

	if (data_size(tag) < sizeof(*map) || map->entry_size < sizeof(struct memory_map_entry)) {
		bootinfo_warn("Multiboot2: bad memory map");
		return;
	}
	uint32_t left = data_size(tag) - (uint32_t)sizeof(*map);
	const uint8_t *at = map->entries;
	for (; left >= map->entry_size; left -= map->entry_size, at += map->entry_size) {
		const struct memory_map_entry *entry = (const void *)at;
		take(entry->addr, entry->size, entry->type);
	}
}

static void read_module(const struct tag *tag)
{
	const struct tag_module *module = (const void *)tag->data;

	if (data_size(tag) < sizeof(*module)) {
		bootinfo_warn("Multiboot2: bad module");
		return;
	}
	if (bootinfo.initrd.size == 0)
		loader_set_initrd(module->start, module->end);
	else
		bootinfo_warn("Multiboot2: more than one module: '%.40s' is ignored",
			      tag_text(tag, sizeof(*module)));
}

/** Palettes are left alone. */
static void read_framebuffer(const struct tag *tag)
{
	struct tag_framebuffer fb = {0};

	memcpy(&fb, tag->data, min(data_size(tag), (uint32_t)TAG_FRAMEBUFFER_SIZE));
	bool is_text = fb.kind == FRAMEBUFFER_TEXT;
	if (data_size(tag) < (is_text ? TAG_TEXT_SIZE : TAG_FRAMEBUFFER_SIZE) ||
	    (!is_text && fb.kind != FRAMEBUFFER_RGB))
		return;
	const struct framebuffer framebuffer = {
		.addr = fb.addr,
		.width = fb.width,
		.height = fb.height,
		.pitch = fb.pitch,
		.bytes_per_pixel = (fb.bits + 7) / 8,
		.is_text = is_text,
		.red = fb.red,
		.green = fb.green,
		.blue = fb.blue,
	};
	bootinfo_set_framebuffer(&framebuffer);
}

static void read_tag(const struct tag *tag, paddr_t addr)
{
	switch (tag->type) {
	case TAG_CMDLINE:
		bootinfo_set_cmdline(tag_text(tag, 0));
		break;
	case TAG_LOADER:
		fmt_snprintf(loader_name, sizeof(loader_name), "Multiboot2: %s", tag_text(tag, 0));
		bootinfo.loader = loader_name;
		break;
	case TAG_MEMORY_MAP:
		read_memory_map(tag, loader_add_memory);
		break;
	case TAG_FRAMEBUFFER:
		read_framebuffer(tag);
		break;
	case TAG_RSDP_OLD:
		if (bootinfo.rsdp == 0)
			bootinfo.rsdp = addr;
		break;
	case TAG_RSDP_NEW:
		bootinfo.rsdp = addr;
		break;
	}
}

bool multiboot2_read(paddr_t addr)
{
	const uint32_t *header = loader_phys(addr, 8);

	if (!header || header[0] < 16 || header[0] > INFO_SIZE_MAX)
		return false;
	uint32_t size = header[0];
	const uint8_t *info = loader_phys(addr, size);
	if (!info)
		return false;
	bootinfo.loader = "Multiboot2";
	bootinfo_reserve(addr, size);

	const struct tag *tag;
	uint32_t good_end = 8;
	while ((tag = next_tag(info, size, &good_end)))
		read_tag(tag, addr + (paddr_t)(tag->data - info));
	bootinfo_finish();
	// What is not RAM, and modules, are checked against the finished memory map.
	for (uint32_t at = 8; (tag = next_tag(info, good_end, &at));) {
		if (tag->type == TAG_MEMORY_MAP)
			read_memory_map(tag, loader_keep_memory);
		if (tag->type == TAG_MODULE)
			read_module(tag);
	}
	return true;
}
