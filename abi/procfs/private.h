// SPDX-License-Identifier: MIT
// What the files of abi/procfs/ share: each gives the tables of its part of the tree.
#pragma once

#include "view.h"

#include <proc/inspect.h>

#define CLOCK_TICKS 100 // USER_HZ: what programs divide CPU times by
#define NSEC_PER_TICK (NSEC_PER_SEC / CLOCK_TICKS)

extern const struct view_dir procfs_sys_dir; // sys.c: /proc/sys
void procfs_sys_init(void);
extern const struct view_dir procfs_pid_dir; // pid.c: /proc/PID
extern const struct view_dir procfs_fd_dir, procfs_fdinfo_dir; // pid_fd.c

/** Directories of processes, as view_dir has it. */
int64_t procfs_next_pid(const struct view_id *id, uint32_t from);
err_t procfs_enter_pid(const struct view_id *id, uint32_t pid, struct view_id *child);

/** Call @visit with the process of @id, locked, if it is still the same one. 0, -ESRCH. Must not
 *  sleep. */
err_t procfs_inspect(const struct view_id *id, void (*visit)(void *arg, struct process *process),
		     void *arg);
/** Its address space, with a reference; NULL: a zombie, or gone. */
must_check struct mm_space *procfs_get_space(const struct view_id *id);

// alias.c
/** Where following a link to @file, which has no name, leads. Takes over the reference of its
 *  grant. */
must_check err_t procfs_alias_create(struct fs_super *super, struct file *file, uint32_t rights,
				     struct fs_dentry **dentry);
/** The file that @file stands for: itself unless it was opened so. */
extern struct view_fs procfs;

// counters.c
err_t procfs_show_cpu_stat(struct text *out, const struct view_id *id);
err_t procfs_show_meminfo(struct text *out, const struct view_id *id);
err_t procfs_show_vmstat(struct text *out, const struct view_id *id);
err_t procfs_show_interrupts(struct text *out, const struct view_id *id);
err_t procfs_show_slabinfo(struct text *out, const struct view_id *id);

// pid_stat.c and pid_mem.c
err_t procfs_show_stat(struct text *out, const struct view_id *id);
err_t procfs_show_task_stat(struct text *out, const struct view_id *id);
err_t procfs_show_statm(struct text *out, const struct view_id *id);
err_t procfs_show_status(struct text *out, const struct view_id *id);
err_t procfs_show_cmdline(struct text *out, const struct view_id *id);
err_t procfs_show_environ(struct text *out, const struct view_id *id);
err_t procfs_show_auxv(struct text *out, const struct view_id *id);
err_t procfs_show_maps(struct text *out, const struct view_id *id);
err_t procfs_show_smaps(struct text *out, const struct view_id *id);

/** A copy of what the kernel keeps of a process or one of its threads. */
struct procfs_info {
	uint32_t pid, tid, ppid, pgid, sid;
	char name[16], state;
	uint32_t thread_count, exit_signal;
	int exit_status;
	uint32_t is_exiting, dumpable, no_new_privs;
	uint32_t tty_number, tty_pgid; // 0 = none
	nsec_t start;
	struct proc_usage usage, children; // of the process
	struct sched_times thread_times;
	uint64_t pending, shared_pending, blocked, ignored, caught; // signals
	uint64_t signals_queued, signals_max;
	uint32_t policy, rt_priority, cpu;
	int nice;
	uint64_t switches_voluntary, switches_involuntary;
	uint64_t pc, sp; // user registers, 0 while it runs
	uint32_t uids[4], gids[4]; // real, effective, saved, file system
	uint32_t group_count, groups[64];
	uint64_t caps[4]; // inheritable, permitted, effective, bounding
	uint32_t umask, has_umask, fd_size;
	uint64_t ipc_bytes;
	uint64_t rss_limit;
	struct cpuset affinity;
};
/** 0, -ESRCH. */
must_check err_t procfs_get_info(const struct view_id *id, struct procfs_info *info);
/** "S (sleeping)" */
const char *procfs_state_name(char state);
