// SPDX-License-Identifier: MIT
// /proc itself: the system as a whole, and a directory for each process.
#include "private.h"

#include <abi/init.h>
#include <abi/procfs.h>
#include <hal/bootinfo.h>
#include <hal/cpu.h>
#include <hal/mmu.h>
#include <kernel/time.h>
#include <lib/bitmap.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define PROC_SUPER_MAGIC 0x9fa0

typedef unsigned long long ull;

static err_t show_cpuinfo(struct text *out, const struct view_id *id)
{
	char line[256];
	size_t cpu;
	(void)id;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		hal_cpu_describe((cpuid_t)cpu, line, sizeof(line));
		text_printf(out, "processor\t: %zu\nmodel name\t: %s\nhardware id\t: %llu\n", cpu,
			    line, (ull)bootinfo.cpus[cpu].hwid);
		if (hal_mmu_name())
			text_printf(out, "mmu\t\t: %s\n", hal_mmu_name());
		text_printf(out, "\n");
	}
	return 0;
}

static nsec_t idle_time(void)
{
	struct sched_cpu_stats stats;
	nsec_t idle = 0;
	size_t cpu;
	for (cpu = 0; cpu < cpus_possible_count(); cpu++) {
		sched_get_cpu_stats((cpuid_t)cpu, &stats);
		idle += stats.idle_time;
	}
	return idle;
}

static err_t show_uptime(struct text *out, const struct view_id *id)
{
	uint64_t up = time_now() / NSEC_PER_TICK, idle = idle_time() / NSEC_PER_TICK;
	(void)id;
	text_printf(out, "%llu.%02llu %llu.%02llu\n", (ull)up / 100, (ull)up % 100, (ull)idle / 100,
		    (ull)idle % 100);
	return 0;
}

/** @load is in 1/2048; rounded to hundredths. */
static void put_load(struct text *out, uint64_t load)
{
	load += 2048 / 200;
	text_printf(out, "%llu.%02llu ", (ull)load / 2048, (ull)(load % 2048) * 100 / 2048);
}

static err_t show_loadavg(struct text *out, const struct view_id *id)
{
	uint64_t load[3];
	(void)id;
	sched_get_load(load);
	for (unsigned i = 0; i < 3; i++)
		put_load(out, load[i]);
	text_printf(out, "%u/%llu %u\n", sched_runnable_count(), (ull)thread_count(),
		    proc_last_pid());
	return 0;
}

/** docs/scheduler.md describes the lines. */
static err_t show_schedstat(struct text *out, const struct view_id *id)
{
	struct sched_cpu_stats stats;
	(void)id;
	text_printf(out, "version halcyon-1\ntime_ns %llu\ndirect_switches %llu\nlatency_below_ns",
		    (ull)time_now(), (ull)sched_direct_switches());
	for (unsigned i = 0; i < SCHED_LATENCY_BUCKETS; i++)
		text_printf(out, " %llu", (ull)sched_latency_limit(i));
	text_printf(out, "\n");
	for (cpuid_t cpu = 0; cpu < cpus_possible_count(); cpu++) {
		sched_get_cpu_stats(cpu, &stats);
		text_printf(out, "cpu%u voluntary %llu involuntary %llu migrations %llu steals %llu "
			    "ipis %llu ipc_blocks %llu ready %u idle_ns %llu user_ns %llu system_ns %llu\n",
			    cpu, (ull)stats.switches_voluntary, (ull)stats.switches_involuntary,
			    (ull)stats.migrations, (ull)stats.steals, (ull)stats.ipis,
			    (ull)stats.ipc_blocks, stats.ready, (ull)stats.idle_time,
			    (ull)stats.user_time, (ull)stats.system_time);
		text_printf(out, "latency%u", cpu);
		for (unsigned i = 0; i < SCHED_LATENCY_BUCKETS; i++)
			text_printf(out, " %llu", (ull)stats.latency[i]);
		text_printf(out, "\n");
	}
	return 0;
}

static err_t show_version(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "Linux version %s (compiler %s) %s\n", abi_uts_release, __VERSION__,
		    abi_uts_version);
	return 0;
}

static err_t show_cmdline(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "%s\n", bootinfo.cmdline);
	return 0;
}

static void put_type(void *arg, const struct fs_type *type)
{
	text_printf(arg, "nodev\t%s\n", type->name);
}

static err_t show_filesystems(struct text *out, const struct view_id *id)
{
	(void)id;
	fs_type_for_each(put_type, out);
	return 0;
}

static void put_device(void *arg, const struct fs_chrdev *chrdev)
{
	text_printf(arg, "%3u %s\n", chrdev->major, chrdev->name);
}

static err_t show_devices(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "Character devices:\n");
	fs_chrdev_for_each(put_device, out);
	text_printf(out, "\nBlock devices:\n");
	return 0;
}

// ---- links to the reader ------------------------------------------------------------------------

static err_t show_self(struct text *out, const struct view_id *id)
{
	(void)id;
	if (!current_process())
		return -ENOENT;
	text_printf(out, "%u", current_process()->pid);
	return 0;
}

static err_t show_thread_self(struct text *out, const struct view_id *id)
{
	(void)id;
	if (!current_process())
		return -ENOENT;
	text_printf(out, "%u/task/%u", current_process()->pid, current_thread()->proc.tid);
	return 0;
}

// ---- tables -------------------------------------------------------------------------------------

static const char swaps[] = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
static const char partitions[] = "major minor  #blocks  name\n\n";

static const struct view_entry entries[] = {
	VIEW_FILE("cpuinfo", show_cpuinfo),
	VIEW_FILE("meminfo", procfs_show_meminfo),
	VIEW_FILE("stat", procfs_show_cpu_stat),
	VIEW_FILE("uptime", show_uptime),
	VIEW_FILE("loadavg", show_loadavg),
	VIEW_FILE("schedstat", show_schedstat),
	VIEW_FILE("version", show_version),
	VIEW_FILE("cmdline", show_cmdline),
	VIEW_FILE("interrupts", procfs_show_interrupts),
	VIEW_FILE("vmstat", procfs_show_vmstat),
	{.name = "slabinfo", .mode = FS_IFREG | 0400, .show = procfs_show_slabinfo},
	VIEW_FILE("filesystems", show_filesystems),
	VIEW_FILE("devices", show_devices),
	VIEW_TEXT("swaps", swaps),
	VIEW_TEXT("partitions", partitions),
	VIEW_TEXT("modules", ""),
	VIEW_TEXT("diskstats", ""),
	VIEW_TEXT("misc", ""),
	VIEW_LINK("mounts", "self/mounts"),
	{.name = "self", .mode = FS_IFLNK | 0777, .show = show_self},
	{.name = "thread-self", .mode = FS_IFLNK | 0777, .show = show_thread_self},
	VIEW_FOLDER("sys", &procfs_sys_dir),
};

static const struct view_entry process_entry = {.mode = FS_IFDIR | 0555, .dir = &procfs_pid_dir};
static const struct view_dir root_dir = {
	.entries = entries,
	.count = array_len(entries),
	.each = &process_entry,
	.prefix = "",
	.next = procfs_next_pid,
	.enter = procfs_enter_pid,
};
static const struct view_entry root_entry = {.mode = FS_IFDIR | 0555, .dir = &root_dir};

struct view_fs procfs = {.root = &root_entry};
static err_t procfs_mount(const char *source, uint64_t flags, const char *options,
			  struct fs_super **super);
static const struct fs_type procfs_type = {
	.name = "proc",
	.magic = PROC_SUPER_MAGIC,
	.mount = procfs_mount,
};

static err_t procfs_mount(const char *source, uint64_t flags, const char *options,
			  struct fs_super **super)
{
	(void)source, (void)flags, (void)options;
	return view_fs_mount(&procfs, &procfs_type, super);
}

void procfs_init(void)
{
	static struct fs_type_node node;
	view_fs_init(&procfs);
	procfs_sys_init();
	fs_type_register(&procfs_type, &node);
}
