// SPDX-License-Identifier: MIT
// The process object: making, counting, limits, groups and sessions.
#include "internal.h"

#include <proc/itimer.h>
#include <proc/pidfd.h>
#include <proc/signalfd.h>

#include <kernel/param.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <object/fdtable.h>
#include <object/file.h>

#define PROCESSES_MAX_DEFAULT 1024
#define UNLIMITED UINT64_MAX

struct process *proc_init_process;
static struct slab_cache *process_cache, *sighand_cache;
static _Atomic uint32_t process_count;
static uint32_t processes_max;

void proc_init(void)
{
	process_cache = slab_cache_create("process", sizeof(struct process), 16);
	sighand_cache = slab_cache_create("sighand", sizeof(struct sighand), 16);
	processes_max = (uint32_t)param_get_u64("processes", PROCESSES_MAX_DEFAULT);
	pid_init();
	user_init();
	oom_init();
	signal_init();
	vdso_init();
	itimer_init();
	signalfd_init();
	pidfd_init();
}

/** Exact from any number of CPUs. The last sixteenth is root's, who may want to end some. */
err_t process_count_inc(void)
{
	bool is_root = cred_has_cap(cred_current(), CAP_SYS_RESOURCE);
	uint32_t limit = processes_max - (is_root ? 0 : processes_max / 16);
	uint32_t count = load_relaxed(&process_count);
	do {
		if (count >= limit)
			return -EAGAIN;
	} while (!cas_acq_rel(&process_count, &count, count + 1));
	return 0;
}

void process_count_dec(void)
{
	fetch_sub_release(&process_count, 1);
}

const struct rlimit proc_default_limits[RLIMIT_COUNT] = {
	[RLIMIT_CPU] = {UNLIMITED, UNLIMITED},
	[RLIMIT_FSIZE] = {UNLIMITED, UNLIMITED},
	[RLIMIT_DATA] = {UNLIMITED, UNLIMITED},
	[RLIMIT_STACK] = {MIB(8), UNLIMITED},
	[RLIMIT_CORE] = {0, UNLIMITED},
	[RLIMIT_RSS] = {UNLIMITED, UNLIMITED},
	[RLIMIT_NPROC] = {PROCESSES_MAX_DEFAULT, PROCESSES_MAX_DEFAULT},
	[RLIMIT_NOFILE] = {FD_LIMIT_DEFAULT, FD_LIMIT_MAX},
	[RLIMIT_MEMLOCK] = {MIB(8), MIB(8)},
	[RLIMIT_AS] = {UNLIMITED, UNLIMITED},
	[RLIMIT_LOCKS] = {UNLIMITED, UNLIMITED},
	[RLIMIT_SIGPENDING] = {1024, 1024},
	[RLIMIT_MSGQUEUE] = {ACCOUNT_LIMIT_DEFAULT, UNLIMITED},
	[RLIMIT_RTTIME] = {UNLIMITED, UNLIMITED},
};

/** Without limits, which the caller copies. */
struct process *process_create(void)
{
	struct process *process = slab_alloc(process_cache);
	if (!process)
		return NULL;
	memset(process, 0, offsetof(struct process, limits));
	atomic_init(&process->refs, 1);
	spin_init(&process->lock);
	list_init(&process->threads);
	list_init(&process->children);
	list_init(&process->sibling);
	list_init(&process->pgrp_node);
	list_init(&process->sigqueue);
	list_init(&process->timers);
	sched_mutex_init(&process->alarm_lock);
	sched_waitq_init(&process->child_wait);
	sched_waitq_init(&process->stop_wait);
	sched_waitq_init(&process->exec_wait);
	process->exit_signal = SIGCHLD;
	process->dumpable = 1;
	process->start_time = time_now();
	return process;
}

void process_get(struct process *process)
{
	fetch_add_relaxed(&process->refs, 1);
}

void process_put(struct process *process)
{
	if (fetch_sub_acq_rel(&process->refs, 1) != 1)
		return;
	signal_flush(&process->sigqueue, &process->sigpending);
	if (process->sighand)
		sighand_put(process->sighand);
	if (process->exe)
		file_put(process->exe);
	if (process->cred)
		cred_put(process->cred);
	slab_free(process_cache, process);
}

struct sighand *sighand_create(void)
{
	struct sighand *sighand = slab_alloc_zeroed(sighand_cache);
	if (sighand) {
		atomic_init(&sighand->refs, 1);
		spin_init(&sighand->lock);
	}
	return sighand;
}

struct sighand *sighand_copy(struct sighand *from)
{
	struct sighand *sighand = slab_alloc(sighand_cache);
	if (!sighand)
		return NULL;
	atomic_init(&sighand->refs, 1);
	spin_init(&sighand->lock);
	spin_lock(&from->lock);
	memcpy(sighand->actions, from->actions, sizeof(sighand->actions));
	spin_unlock(&from->lock);
	return sighand;
}

void sighand_keep_ignored(struct sighand *fresh, struct sighand *from)
{
	spin_lock(&from->lock);
	for (unsigned i = 0; i < NSIG; i++) {
		if (from->actions[i].handler == SIG_IGN)
			fresh->actions[i].handler = SIG_IGN;
	}
	spin_unlock(&from->lock);
}

void sighand_put(struct sighand *sighand)
{
	if (fetch_sub_acq_rel(&sighand->refs, 1) == 1)
		slab_free(sighand_cache, sighand);
}

void proc_set_pending(struct thread *thread, uint32_t bits)
{
	fetch_or_acq_rel(&thread->pending, bits);
	sched_interrupt(thread);
}

uint64_t proc_limit(enum proc_rlimit limit)
{
	struct process *process = current_process();
	spin_lock(&process->lock);
	uint64_t value = process->limits[limit].current;
	spin_unlock(&process->lock);
	return value;
}

nsec_t process_cpu_time(struct process *process)
{
	struct thread *thread;
	spin_lock(&process->lock);
	nsec_t total = process->run_ns_dead;
	list_for_each_entry(thread, &process->threads, proc.node)
		total += sched_cpu_time(thread);
	spin_unlock(&process->lock);
	return total;
}

// ---- groups and sessions --------------------------------------------------------------------------

static bool is_child_of_current(struct process *process)
{
	return process->parent == current_process();
}

static err_t check_setpgid_locked(struct process *process, uint32_t pgid)
{
	struct process *self = current_process();
	if (!process || (process != self && !is_child_of_current(process)))
		return -ESRCH;
	if (process->sid != self->sid || process->sid == process->pid)
		return -EPERM;
	if (process != self && process->has_execed)
		return -EACCES;
	if (pgid != process->pid && !pgrp_exists_locked(pgid, self->sid))
		return -EPERM;
	return 0;
}

err_t proc_setpgid(uint32_t pid, uint32_t pgid)
{
	if (pid == 0)
		pid = current_process()->pid;
	if (pgid == 0)
		pgid = pid;
	spin_lock(&proc_tree_lock);
	struct process *process = pid_process_locked(pid);
	err_t err = check_setpgid_locked(process, pgid);
	if (!err && process->pgid != pgid) {
		pgrp_leave_locked(process);
		pgrp_join_locked(process, pgid);
	}
	spin_unlock(&proc_tree_lock);
	return err;
}

int64_t proc_getpgid(uint32_t pid)
{
	spin_lock(&proc_tree_lock);
	struct process *process = pid ? pid_process_locked(pid) : current_process();
	int64_t pgid = process ? (int64_t)process->pgid : -ESRCH;
	spin_unlock(&proc_tree_lock);
	return pgid;
}

int64_t proc_getsid(uint32_t pid)
{
	spin_lock(&proc_tree_lock);
	struct process *process = pid ? pid_process_locked(pid) : current_process();
	int64_t sid = process ? (int64_t)process->sid : -ESRCH;
	spin_unlock(&proc_tree_lock);
	return sid;
}

struct any_member {
	bool found;
};

static void note_member(void *arg, struct process *process)
{
	(void)process;
	((struct any_member *)arg)->found = true;
}

int64_t proc_setsid(void)
{
	struct process *self = current_process();
	struct any_member member = {false};
	spin_lock(&proc_tree_lock);
	pgrp_for_each_locked(self->pid, note_member, &member);
	if (!member.found) {
		pgrp_leave_locked(self);
		pgrp_join_locked(self, self->pid);
		session_leave_locked(self);
		session_join_locked(self, self->pid);
		self->tty = NULL;
	}
	spin_unlock(&proc_tree_lock);
	return member.found ? -EPERM : (int64_t)self->pid;
}
