// SPDX-License-Identifier: MIT
// /sys: CPUs and the clock, and the folders that programs expect to be there.
#include "private.h"

#include <abi/procfs.h>
#include <hal/clock.h>
#include <kernel/smp.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <sched/hotplug.h>
#include <uapi/errno.h>

#define SYSFS_MAGIC 0x62656572

// ---- CPUs ---------------------------------------------------------------------------------------

static err_t show_online(struct text *out, const struct view_id *id)
{
	(void)id;
	text_put_list(out, cpus_online.bits, CPUS_MAX);
	text_printf(out, "\n");
	return 0;
}

static err_t show_possible(struct text *out, const struct view_id *id)
{
	(void)id;
	unsigned count = cpus_possible_count();
	text_printf(out, count > 1 ? "0-%u\n" : "%u\n", count - 1);
	return 0;
}

static err_t show_offline(struct text *out, const struct view_id *id)
{
	struct cpuset offline = {0};
	(void)id;
	for (unsigned cpu = 0; cpu < cpus_possible_count(); cpu++) {
		if (!cpu_is_online(cpu))
			bitmap_set(offline.bits, cpu);
	}
	text_put_list(out, offline.bits, CPUS_MAX);
	text_printf(out, "\n");
	return 0;
}

static err_t show_kernel_max(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "%u\n", CPUS_MAX - 1);
	return 0;
}

static err_t show_cpu_online(struct text *out, const struct view_id *id)
{
	text_printf(out, "%u\n", cpu_is_online(id->number));
	return 0;
}

/** "0" takes the CPU out of service and off, "1" brings it back. */
static err_t store_cpu_online(const struct view_id *id, char *text, size_t len)
{
	len = strlen(text) == len && len && text[len - 1] == '\n' ? len - 1 : len;
	if (len != 1 || (text[0] != '0' && text[0] != '1'))
		return -EINVAL;
	return text[0] == '1' ? sched_cpu_up(id->number) : sched_cpu_down(id->number);
}

static err_t show_number(struct text *out, const struct view_id *id)
{
	text_printf(out, "%u\n", id->number);
	return 0;
}

/** No hardware threads are told apart: each CPU is a core of one package. */
static const struct view_entry topology_entries[] = {
	VIEW_FILE("core_id", show_number),
	VIEW_FILE("thread_siblings_list", show_number),
	VIEW_FILE("core_siblings_list", show_possible),
	VIEW_TEXT("physical_package_id", "0\n"),
};
static const struct view_dir topology_dir = VIEW_DIR(topology_entries);
static const struct view_entry one_cpu_entries[] = {
	{.name = "online", .mode = FS_IFREG | 0644, .show = show_cpu_online, .store = store_cpu_online},
	VIEW_FOLDER("topology", &topology_dir),
};
static const struct view_dir one_cpu_dir = VIEW_DIR(one_cpu_entries);
static const struct view_entry one_cpu = {.mode = FS_IFDIR | 0755, .dir = &one_cpu_dir};

static int64_t next_cpu(const struct view_id *id, uint32_t from)
{
	(void)id;
	return from < cpus_possible_count() ? (int64_t)from : -1;
}

static err_t enter_cpu(const struct view_id *id, uint32_t cpu, struct view_id *child)
{
	(void)id;
	child->number = cpu;
	return cpu < cpus_possible_count() ? 0 : -ENOENT;
}

static const struct view_entry cpu_entries[] = {
	VIEW_FILE("online", show_online),
	VIEW_FILE("possible", show_possible),
	VIEW_FILE("present", show_possible),
	VIEW_FILE("offline", show_offline),
	VIEW_FILE("kernel_max", show_kernel_max),
};
static const struct view_dir cpu_dir = {
	.entries = cpu_entries,
	.count = array_len(cpu_entries),
	.each = &one_cpu,
	.prefix = "cpu",
	.next = next_cpu,
	.enter = enter_cpu,
};

// ---- the clock ----------------------------------------------------------------------------------

static err_t show_clock(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "%s\n", hal_clock_name());
	return 0;
}

static const struct view_entry clock_entries[] = {
	VIEW_FILE("current_clocksource", show_clock),
	VIEW_FILE("available_clocksource", show_clock),
};
static const struct view_dir clock_dir = VIEW_DIR(clock_entries);
static const struct view_entry clocks_entries[] = {VIEW_FOLDER("clocksource0", &clock_dir)};
static const struct view_dir clocks_dir = VIEW_DIR(clocks_entries);

// ---- the tree -----------------------------------------------------------------------------------

static const struct view_dir empty_dir;
static const struct view_entry system_entries[] = {
	VIEW_FOLDER("cpu", &cpu_dir),
	VIEW_FOLDER("clocksource", &clocks_dir),
};
static const struct view_dir system_dir = VIEW_DIR(system_entries);
static const struct view_entry devices_entries[] = {VIEW_FOLDER("system", &system_dir)};
static const struct view_dir devices_dir = VIEW_DIR(devices_entries);

static const struct view_entry thp_entries[] = {VIEW_TEXT("enabled", "always madvise [never]\n")};
static const struct view_dir thp_dir = VIEW_DIR(thp_entries);
static const struct view_entry mm_entries[] = {VIEW_FOLDER("transparent_hugepage", &thp_dir)};
static const struct view_dir mm_dir = VIEW_DIR(mm_entries);
static const struct view_entry kernel_entries[] = {VIEW_FOLDER("mm", &mm_dir)};
static const struct view_dir kernel_dir = VIEW_DIR(kernel_entries);

static const struct view_entry root_entries[] = {
	VIEW_FOLDER("block", &empty_dir),
	VIEW_FOLDER("bus", &empty_dir),
	VIEW_FOLDER("class", &empty_dir),
	VIEW_FOLDER("dev", &empty_dir),
	VIEW_FOLDER("devices", &devices_dir),
	VIEW_FOLDER("firmware", &empty_dir),
	VIEW_FOLDER("fs", &empty_dir),
	VIEW_FOLDER("kernel", &kernel_dir),
	VIEW_FOLDER("module", &empty_dir),
	VIEW_FOLDER("power", &empty_dir),
};
static const struct view_dir root_dir = VIEW_DIR(root_entries);
static const struct view_entry root_entry = {.mode = FS_IFDIR | 0555, .dir = &root_dir};

static struct view_fs sysfs = {.root = &root_entry};
static err_t sysfs_mount(const char *source, uint64_t flags, const char *options,
			 struct fs_super **super);
static const struct fs_type sysfs_type = {
	.name = "sysfs",
	.magic = SYSFS_MAGIC,
	.mount = sysfs_mount,
};

static err_t sysfs_mount(const char *source, uint64_t flags, const char *options,
			 struct fs_super **super)
{
	(void)source, (void)flags, (void)options;
	return view_fs_mount(&sysfs, &sysfs_type, super);
}

void sysfs_init(void)
{
	static struct fs_type_node node;
	view_fs_init(&sysfs);
	fs_type_register(&sysfs_type, &node);
}
