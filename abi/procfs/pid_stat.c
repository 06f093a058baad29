// SPDX-License-Identifier: MIT
// /proc/PID/{stat,statm,status}: what ps, top and pgrep read. Fields that Linux has and this
// kernel has no fact for are 0, as Linux itself prints what it does not keep.
#include "private.h"

#include <lib/bitmap.h>
#include <mm/space.h>
#include <proc/signal.h>
#include <uapi/errno.h>

/** Sizes of an address space; all 0 of a zombie. */
struct sizes {
	uint64_t total, resident, data, locked, stack, code; // pages
	vaddr_t code_start, code_end, stack_top, brk_start;
	vaddr_t arg_start, arg_end, env_start, env_end;
};

static void get_sizes(const struct view_id *id, struct sizes *sizes)
{
	*sizes = (struct sizes){0};
	struct mm_space *space = procfs_get_space(id);
	if (!space)
		return;
	sched_read_lock(&space->lock);
	*sizes = (struct sizes){
		.total = space->total_pages,
		.resident = mm_resident_pages(space),
		.data = space->data_pages,
		.locked = space->locked_pages,
		.code_start = space->code_start,
		.code_end = space->code_end,
		.stack_top = space->stack_top,
		.brk_start = space->brk_start,
		.arg_start = space->arg_start,
		.arg_end = space->arg_end,
		.env_start = space->env_start,
		.env_end = space->env_end,
	};
	sched_read_unlock(&space->lock);
	struct mm_area_info area;
	if (mm_area_next(space, sizes->stack_top - 1, &area) && (area.flags & MM_STACK))
		sizes->stack = (area.end - area.start) >> HAL_PAGE_SHIFT;
	sizes->code = (sizes->code_end - sizes->code_start + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
	mm_space_put(space);
}

static uint64_t ticks(nsec_t time)
{
	return time / NSEC_PER_TICK;
}

/** As Linux shows it: 20 + nice, or below zero for real-time threads. */
static int priority_of(const struct procfs_info *info)
{
	if (info->policy == SCHED_FIFO || info->policy == SCHED_RR)
		return -1 - (int)info->rt_priority;
	return 20 + info->nice;
}

typedef unsigned long long ull;

static err_t show_stat(struct text *out, const struct view_id *id, bool is_task)
{
	struct procfs_info info;
	struct sizes sizes;
	err_t err = procfs_get_info(id, &info);
	if (err)
		return err;
	get_sizes(id, &sizes);
	bool may_see = view_id_may_trace(id);
	text_printf(out, "%u (%s) %c %u %u %u %u %d", info.tid, info.name, info.state, info.ppid,
		    info.pgid, info.sid, info.tty_number, info.tty_pgid ? (int)info.tty_pgid : -1);
	const struct proc_usage *usage = &info.usage, *children = &info.children;
	const struct sched_times *times = is_task ? &info.thread_times : &usage->times;
	text_printf(out, " 0 %llu %llu %llu %llu %llu %llu %llu %llu", (ull)(usage->faults - usage->major_faults),
		    (ull)(children->faults - children->major_faults), (ull)usage->major_faults, (ull)children->major_faults,
		    (ull)ticks(times->user), (ull)ticks(times->system), (ull)ticks(children->times.user),
		    (ull)ticks(children->times.system));
	text_printf(out, " %d %d %u 0 %llu %llu %llu %llu", priority_of(&info), info.nice,
		    info.thread_count ? info.thread_count : 1, (ull)ticks(info.start),
		    (ull)sizes.total << HAL_PAGE_SHIFT, (ull)sizes.resident, (ull)info.rss_limit);
	text_printf(out, " %llu %llu %llu %llu %llu", (ull)(may_see ? sizes.code_start : 1),
		    (ull)(may_see ? sizes.code_end : 1), (ull)(may_see ? sizes.stack_top : 0),
		    (ull)(may_see ? info.sp : 0), (ull)(may_see ? info.pc : 0));
	// The four words of signals hold 31 bits, as Linux keeps them for old programs.
	text_printf(out, " %u %u %u %u %u 0 0 %u %u %u %u 0 0 0",
		    (unsigned)info.pending & INT_MAX, (unsigned)info.blocked & INT_MAX,
		    (unsigned)info.ignored & INT_MAX, (unsigned)info.caught & INT_MAX,
		    info.state == 'R' || info.state == 'Z' ? 0u : 1u, info.exit_signal, info.cpu,
		    info.rt_priority, info.policy);
	if (!may_see)
		sizes = (struct sizes){0};
	text_printf(out, " %llu %llu %llu %llu %llu %llu %llu %d\n", (ull)sizes.code_end,
		    (ull)sizes.brk_start, (ull)sizes.brk_start, (ull)sizes.arg_start,
		    (ull)sizes.arg_end, (ull)sizes.env_start, (ull)sizes.env_end,
		    may_see ? info.exit_status : 0);
	return 0;
}

err_t procfs_show_stat(struct text *out, const struct view_id *id)
{
	return show_stat(out, id, false);
}

err_t procfs_show_task_stat(struct text *out, const struct view_id *id)
{
	return show_stat(out, id, true);
}

err_t procfs_show_statm(struct text *out, const struct view_id *id)
{
	struct sizes sizes;
	get_sizes(id, &sizes);
	text_printf(out, "%llu %llu 0 %llu 0 %llu 0\n", (ull)sizes.total, (ull)sizes.resident,
		    (ull)sizes.code, (ull)sizes.data);
	return 0;
}

static void put_ids(struct text *out, const char *label, const uint32_t ids[4])
{
	text_printf(out, "%s:\t%u\t%u\t%u\t%u\n", label, ids[0], ids[1], ids[2], ids[3]);
}

static void put_kib(struct text *out, const char *label, uint64_t pages)
{
	text_printf(out, "%s:\t%8llu kB\n", label, (ull)pages << (HAL_PAGE_SHIFT - 10));
}

static void put_memory(struct text *out, const struct view_id *id, uint64_t peak)
{
	struct sizes sizes;
	get_sizes(id, &sizes);
	if (!sizes.total)
		return;
	put_kib(out, "VmPeak", sizes.total);
	put_kib(out, "VmSize", sizes.total);
	put_kib(out, "VmLck", sizes.locked);
	put_kib(out, "VmPin", 0);
	put_kib(out, "VmHWM", peak);
	put_kib(out, "VmRSS", sizes.resident);
	put_kib(out, "VmData", sizes.data);
	put_kib(out, "VmStk", sizes.stack);
	put_kib(out, "VmExe", sizes.code);
	put_kib(out, "VmLib", 0);
	put_kib(out, "VmSwap", 0);
}

static void put_signals(struct text *out, const struct procfs_info *info)
{
	text_printf(out, "SigQ:\t%llu/%llu\n", (ull)info->signals_queued, (ull)info->signals_max);
	text_printf(out, "SigPnd:\t%016llx\nShdPnd:\t%016llx\nSigBlk:\t%016llx\n",
		    (ull)info->pending, (ull)info->shared_pending, (ull)info->blocked);
	text_printf(out, "SigIgn:\t%016llx\nSigCgt:\t%016llx\n", (ull)info->ignored,
		    (ull)info->caught);
}

static void put_capabilities(struct text *out, const struct procfs_info *info)
{
	static const char *const names[] = {"CapInh", "CapPrm", "CapEff", "CapBnd"};
	for (unsigned i = 0; i < array_len(names); i++)
		text_printf(out, "%s:\t%016llx\n", names[i], (ull)info->caps[i]);
	text_printf(out, "CapAmb:\t%016llx\nNoNewPrivs:\t%u\nSeccomp:\t0\n", 0ull,
		    info->no_new_privs);
}

err_t procfs_show_status(struct text *out, const struct view_id *id)
{
	struct procfs_info info;
	err_t err = procfs_get_info(id, &info);
	if (err)
		return err;
	text_printf(out, "Name:\t");
	text_put_escaped(out, info.name, "\n\\");
	text_printf(out, "\n");
	if (info.has_umask)
		text_printf(out, "Umask:\t%04o\n", info.umask);
	text_printf(out, "State:\t%s\nTgid:\t%u\nNgid:\t0\nPid:\t%u\nPPid:\t%u\nTracerPid:\t0\n",
		    procfs_state_name(info.state), info.pid, info.tid, info.ppid);
	put_ids(out, "Uid", info.uids);
	put_ids(out, "Gid", info.gids);
	text_printf(out, "FDSize:\t%u\nGroups:\t", info.fd_size);
	for (uint32_t i = 0; i < info.group_count; i++)
		text_printf(out, "%u ", info.groups[i]);
	text_printf(out, "\n");
	put_memory(out, id, info.usage.peak_pages);
	text_printf(out, "Threads:\t%u\n", info.thread_count ? info.thread_count : 1);
	put_signals(out, &info);
	put_capabilities(out, &info);
	text_printf(out, "Cpus_allowed:\t");
	text_put_mask(out, info.affinity.bits, cpus_possible_count());
	text_printf(out, "\nCpus_allowed_list:\t");
	text_put_list(out, info.affinity.bits, cpus_possible_count());
	text_printf(out, "\nvoluntary_ctxt_switches:\t%llu\nnonvoluntary_ctxt_switches:\t%llu\nIpcBytes:\t%llu\n",
		    (ull)info.switches_voluntary, (ull)info.switches_involuntary, (ull)info.ipc_bytes);
	return 0;
}
