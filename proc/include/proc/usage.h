// SPDX-License-Identifier: MIT
// What a process has used, as getrusage() tells it.
#pragma once

#include <lib/types.h>
#include <sched/thread.h>

struct process;

struct proc_usage {
	struct sched_times times;
	uint64_t faults, major_faults; // of page; all, and those that waited for a file
	uint64_t voluntary, involuntary; // switches
	uint64_t peak_pages; // the most that were resident
};

/** Of @process itself, and of its children that were waited for, with theirs. */
void proc_get_usage(struct process *process, struct proc_usage *usage, struct proc_usage *children);
/** The former; @process is locked. */
void proc_get_usage_locked(struct process *process, struct proc_usage *usage);
