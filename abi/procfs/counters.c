// SPDX-License-Identifier: MIT
// /proc/{stat,meminfo,vmstat,interrupts,slabinfo}: what the kernel counts.
#include "private.h"

#include <kernel/irq.h>
#include <kernel/time.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <sched/sched.h>

#define TMPFS_MAGIC 0x01021994

typedef unsigned long long ull;

// ---- stat ---------------------------------------------------------------------------------------

static void put_cpu_times(struct text *out, const struct sched_cpu_stats *stats)
{
	text_printf(out, " %llu 0 %llu %llu 0 0 0 0 0 0\n", (ull)(stats->user_time / NSEC_PER_TICK),
		    (ull)(stats->system_time / NSEC_PER_TICK),
		    (ull)(stats->idle_time / NSEC_PER_TICK));
}

static void sum_interrupts(void *arg, const struct irq_handler *handler)
{
	*(uint64_t *)arg += handler->count;
}

static void count_blocked(void *arg, struct thread *thread)
{
	bool is_user = thread->mm.space != NULL;
	if (is_user && load_relaxed(&thread->state) == THREAD_BLOCKED &&
	    load_relaxed(&thread->ipc.state) == IPC_IDLE)
		++*(uint32_t *)arg;
}

err_t procfs_show_cpu_stat(struct text *out, const struct view_id *id)
{
	struct sched_cpu_stats sum = {0}, stats;
	uint64_t interrupts = 0;
	uint32_t blocked = 0;
	size_t cpu;
	(void)id;
	for (cpu = 0; cpu < cpus_possible_count(); cpu++) { // those that are off, too: it never sinks
		sched_get_cpu_stats((cpuid_t)cpu, &stats);
		sum.user_time += stats.user_time;
		sum.system_time += stats.system_time;
		sum.idle_time += stats.idle_time;
		sum.switches_voluntary += stats.switches_voluntary;
		sum.switches_involuntary += stats.switches_involuntary;
	}
	text_printf(out, "cpu ");
	put_cpu_times(out, &sum);
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		sched_get_cpu_stats((cpuid_t)cpu, &stats);
		text_printf(out, "cpu%zu", cpu);
		put_cpu_times(out, &stats);
	}
	irq_for_each(sum_interrupts, &interrupts);
	thread_for_each(count_blocked, &blocked);
	text_printf(out, "intr %llu\nctxt %llu\nbtime %llu\nprocesses %llu\n", (ull)interrupts,
		    (ull)(sum.switches_voluntary + sum.switches_involuntary),
		    (ull)(time_realtime_offset() / NSEC_PER_SEC), (ull)proc_fork_count());
	text_printf(out, "procs_running %u\nprocs_blocked %u\nsoftirq 0 0 0 0 0 0 0 0 0 0 0\n",
		    sched_runnable_count(), blocked);
	return 0;
}

// ---- memory -------------------------------------------------------------------------------------

static void note_tmpfs(void *arg, const char *source, const char *target, const char *type,
		       const char *options)
{
	(void)source, (void)options;
	if (strcmp(type, "tmpfs") == 0)
		text_put(arg, target, strlen(target) + 1);
}

/** Pages of files, which all live in tmpfs. */
static uint64_t file_pages(void)
{
	struct text targets = {0};
	uint64_t pages = 0;
	fs_for_each_mount(note_tmpfs, &targets);
	for (size_t at = 0; at < targets.len; at += strlen(targets.data + at) + 1) {
		const struct fs_at path = {.dirfd = FS_AT_CWD, .path = targets.data + at};
		struct fs_statfs stats;
		if (fs_statfs(&path, &stats) || stats.type != TMPFS_MAGIC ||
		    stats.blocks < stats.blocks_free)
			continue;
		uint64_t used = (stats.blocks - stats.blocks_free) * stats.block_size;
		pages += used / HAL_PAGE_SIZE;
	}
	text_free(&targets);
	return pages;
}

static void sum_slab(void *arg, const struct slab_info *info)
{
	*(uint64_t *)arg += info->total / info->per_slab * info->pages_per_slab * HAL_PAGE_SIZE;
}

static void put_kib(struct text *out, const char *label, uint64_t bytes)
{
	text_printf(out, "%-16s%8llu kB\n", label, (ull)bytes / 1024);
}

err_t procfs_show_meminfo(struct text *out, const struct view_id *id)
{
	struct frame_stats stats;
	uint64_t slab = 0, files = file_pages() * HAL_PAGE_SIZE;
	(void)id;
	frame_get_stats(&stats);
	slab_for_each(sum_slab, &slab);
	const struct {
		const char *label;
		uint64_t bytes;
	} rows[] = {
		{"MemTotal:", (stats.total + stats.reserved) * HAL_PAGE_SIZE},
		{"MemFree:", stats.free * HAL_PAGE_SIZE},
		{"MemAvailable:", stats.free * HAL_PAGE_SIZE},
		{"Buffers:", 0},
		{"Cached:", files},
		{"SwapCached:", 0},
		{"Active:", files},
		{"Inactive:", 0},
		{"Unevictable:", 0},
		{"Mlocked:", 0},
		{"SwapTotal:", 0},
		{"SwapFree:", 0},
		{"Dirty:", 0},
		{"Writeback:", 0},
		{"Shmem:", files},
		{"Slab:", slab},
		{"SReclaimable:", 0},
		{"SUnreclaim:", slab},
		{"KernelStack:", thread_count() * HAL_KSTACK_SIZE},
		{"CommitLimit:", (stats.total + stats.reserved) * HAL_PAGE_SIZE},
	};
	for (unsigned i = 0; i < array_len(rows); i++)
		put_kib(out, rows[i].label, rows[i].bytes);
	return 0;
}

err_t procfs_show_vmstat(struct text *out, const struct view_id *id)
{
	struct frame_stats stats;
	uint64_t slab = 0, files = file_pages();
	(void)id;
	frame_get_stats(&stats);
	slab_for_each(sum_slab, &slab);
	text_printf(out, "nr_free_pages %llu\nnr_file_pages %llu\nnr_shmem %llu\n", (ull)stats.free,
		    (ull)files, (ull)files);
	text_printf(out, "nr_slab_unreclaimable %llu\n", (ull)slab / HAL_PAGE_SIZE);
	text_printf(out, "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\n");
	return 0;
}

static void put_slab(void *arg, const struct slab_info *info)
{
	text_printf(arg,
		    "%-17s %6llu %6llu %6zu %4u %4u : tunables %4u %4u %4u"
		    " : slabdata %6u %6u %6u\n",
		    info->name, (ull)info->in_use, (ull)info->total, info->size, info->per_slab,
		    info->pages_per_slab, 0, 0, 0, 0, 0, 0);
}

err_t procfs_show_slabinfo(struct text *out, const struct view_id *id)
{
	(void)id;
	text_printf(out, "slabinfo - version: 2.1\n"
			 "# name            <active_objs> <num_objs> <objsize> <objperslab>"
			 " <pagesperslab> : tunables <limit> <batchcount> <sharedfactor>"
			 " : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
	slab_for_each(put_slab, out);
	return 0;
}

// ---- interrupts ---------------------------------------------------------------------------------

/** An interrupt is counted as a whole, and shown for the CPU that gets it now. */
static void put_interrupt(void *arg, const struct irq_handler *handler)
{
	struct text *out = arg;
	size_t cpu;
	text_printf(out, "%3u: ", handler->irq);
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		text_printf(out, "%10llu ", cpu == handler->cpu ? (ull)handler->count : 0);
	text_printf(out, "  %s\n", handler->name);
}

err_t procfs_show_interrupts(struct text *out, const struct view_id *id)
{
	struct sched_cpu_stats stats;
	size_t cpu;
	(void)id;
	text_printf(out, "    ");
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		text_printf(out, " %*sCPU%zu ", cpu < 10 ? 6 : cpu < 100 ? 5 : 4, "", cpu);
	text_printf(out, "\n");
	irq_for_each(put_interrupt, out);
	text_printf(out, "LOC:");
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		text_printf(out, " %10llu", (ull)timer_interrupts((cpuid_t)cpu));
	text_printf(out, "   Local timer interrupts\nRES:");
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		sched_get_cpu_stats((cpuid_t)cpu, &stats);
		text_printf(out, " %10llu", (ull)stats.ipis);
	}
	text_printf(out, "   Rescheduling interrupts\n");
	return 0;
}
