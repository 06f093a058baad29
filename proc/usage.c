// SPDX-License-Identifier: MIT
// What processes have used: CPU time, faults, switches, memory. Threads and address spaces count while they
// live; what is gone is kept in the process, and of reaped children in the parent.
#include <proc/usage.h>

#include "internal.h"

#include <mm/space.h>
#include <proc/inspect.h>

void usage_add(struct proc_usage *sum, const struct proc_usage *more)
{
	sum->times.user += more->times.user;
	sum->times.system += more->times.system;
	sum->faults += more->faults;
	sum->major_faults += more->major_faults;
	sum->voluntary += more->voluntary;
	sum->involuntary += more->involuntary;
	sum->peak_pages = max(sum->peak_pages, more->peak_pages);
}

void usage_note_space_locked(struct process *process, struct mm_space *space)
{
	struct mm_faults now = mm_count_faults(space);
	mm_note_peak(space);
	process->gone.faults += now.all - process->counted.all;
	process->gone.major_faults += now.major - process->counted.major;
	process->gone.peak_pages = max(process->gone.peak_pages, load_relaxed(&space->peak_pages));
	process->counted = now;
}

void usage_thread_ends_locked(struct process *process, struct thread *thread)
{
	process->run_ns_dead += sched_cpu_time(thread);
	sched_add_samples(&process->gone_samples, &thread->sched.samples);
	process->gone.voluntary += thread->sched.switches_voluntary;
	process->gone.involuntary += thread->sched.switches_involuntary;
}

void proc_get_usage_locked(struct process *process, struct proc_usage *usage)
{
	struct sched_samples samples = {0};
	nsec_t total = process->run_ns_dead;
	uint64_t voluntary = 0, involuntary = 0;
	struct thread *thread = process_any_thread_locked(process);
	if (thread)
		usage_note_space_locked(process, thread->mm.space);
	sched_add_samples(&samples, &process->gone_samples);
	list_for_each_entry(thread, &process->threads, proc.node) {
		total += sched_cpu_time(thread);
		sched_add_samples(&samples, &thread->sched.samples);
		voluntary += thread->sched.switches_voluntary;
		involuntary += thread->sched.switches_involuntary;
	}
	sched_divide_time(total, &samples, &process->gone.times);
	*usage = process->gone;
	usage->voluntary += voluntary;
	usage->involuntary += involuntary;
}

void proc_get_usage(struct process *process, struct proc_usage *usage, struct proc_usage *children)
{
	spin_lock(&process->lock);
	proc_get_usage_locked(process, usage);
	spin_unlock(&process->lock);
	spin_lock(&proc_tree_lock);
	*children = process->children_usage;
	spin_unlock(&proc_tree_lock);
}
