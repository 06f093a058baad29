// SPDX-License-Identifier: MIT
// Xen's PVH boot information, as QEMU hands it over (xen/include/public/arch-x86/hvm/start_info.h).
// All of it is copied; nothing needs to be kept.
#include "loader.h"

#include <hal/bootinfo.h>

#define START_INFO_MAGIC 0x336ec578u
#define MODULES_MAX 16
#define MEMMAP_ENTRIES_MAX 1024

struct start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap; // from version 1 on
	uint32_t memmap_entries, reserved;
};

struct module {
	uint64_t addr, size, cmdline, reserved;
};

struct memmap_entry {
	uint64_t addr, size;
	uint32_t type, reserved;
};

static bool read_memory_map(const struct start_info *info, void (*take)(paddr_t, uint64_t, uint32_t))
{
	uint32_t n = min(info->memmap_entries, (uint32_t)MEMMAP_ENTRIES_MAX);
	const struct memmap_entry *map = loader_phys(info->memmap, n * sizeof(*map));

	if (info->version < 1 || !map || n == 0)
		return false;
	for (uint32_t i = 0; i < n; i++)
		take(map[i].addr, map[i].size, map[i].type);
	return true;
}

bool pvh_read(paddr_t addr)
{
	const struct start_info *info = loader_phys(addr, sizeof(*info));

	if (!info || info->magic != START_INFO_MAGIC)
		return false;
	bootinfo.loader = "PVH";
	bootinfo.rsdp = info->rsdp;
	bootinfo_set_cmdline(loader_string(info->cmdline, BOOT_CMDLINE_MAX + 1));
	bool has_map = read_memory_map(info, loader_add_memory);
	bootinfo_finish();
	if (!has_map || !read_memory_map(info, loader_keep_memory))
		bootinfo_warn("PVH: no memory map");

	const struct module *modules = loader_phys(info->modlist, sizeof(*modules));
	if (info->nr_modules > 0 && info->nr_modules <= MODULES_MAX && modules) {
		if (modules->size > UINT64_MAX - modules->addr)
			bootinfo_warn("PVH: the initrd's end wraps: ignored");
		else
			loader_set_initrd(modules->addr, modules->addr + modules->size);
	}
	return true;
}
