// SPDX-License-Identifier: MIT
// What the kernel keeps of a process, copied at one moment under its locks for the views to print.
#include "private.h"

#include <dev/tty_info.h>
#include <lib/string.h>
#include <mm/space.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>

struct inspection {
	const struct view_id *id;
	void (*visit)(void *arg, struct process *process);
	void *arg;
	bool is_same;
};

static void visit_same(void *arg, struct process *process)
{
	struct inspection *inspection = arg;
	inspection->is_same = process->start_time == inspection->id->start;
	if (inspection->is_same)
		inspection->visit(inspection->arg, process);
}

err_t procfs_inspect(const struct view_id *id, void (*visit)(void *arg, struct process *process),
		     void *arg)
{
	struct inspection inspection = {.id = id, .visit = visit, .arg = arg};
	(void)process_inspect(id->pid, visit_same, &inspection);
	return inspection.is_same ? 0 : -ESRCH;
}

static void get_space(void *arg, struct process *process)
{
	struct thread *thread = process_any_thread_locked(process);
	struct mm_space *space = thread ? thread->mm.space : NULL;
	if (space)
		mm_space_get(space);
	*(struct mm_space **)arg = space;
}

struct mm_space *procfs_get_space(const struct view_id *id)
{
	struct mm_space *space = NULL;
	(void)!procfs_inspect(id, get_space, &space);
	return space;
}

// ---- is it there, whose is it -------------------------------------------------------------------

/** Thread @tid of @process (locked); the process's own number: any that is left. */
static struct thread *find_thread(struct process *process, uint32_t tid)
{
	struct thread *thread;
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (thread->proc.tid == tid)
			return thread;
	}
	return NULL;
}

struct owner {
	const struct view_id *id;
	uint32_t uid, gid;
	bool is_alive;
};

static void get_owner(void *arg, struct process *process)
{
	struct owner *owner = arg;
	struct thread *thread = find_thread(process, owner->id->tid);
	owner->is_alive = thread || owner->id->tid == owner->id->pid;
	const struct cred *cred = thread ? cred_of(thread) : process_cred_locked(process);
	owner->uid = process->dumpable ? cred->euid : 0;
	owner->gid = process->dumpable ? cred->egid : 0;
}

bool view_id_is_alive(const struct view_id *id, uint32_t *uid, uint32_t *gid)
{
	struct owner owner = {.id = id, .is_alive = true};
	if (id->pid && procfs_inspect(id, get_owner, &owner))
		return false;
	*uid = owner.uid;
	*gid = owner.gid;
	return owner.is_alive;
}

static void check_trace(void *arg, struct process *process)
{
	const struct cred *own = cred_current();
	*(bool *)arg = process_is_open_to_locked(process, own->fsuid, own->fsgid);
}

bool view_id_may_trace(const struct view_id *id)
{
	bool may = false;
	struct process *self = current_process();
	if (!id->pid || cred_has_cap(cred_current(), CAP_SYS_PTRACE))
		return true;
	if (self && self->pid == id->pid)
		return true;
	return !procfs_inspect(id, check_trace, &may) && may;
}

// ---- the copy -----------------------------------------------------------------------------------

static void copy_cred(struct procfs_info *info, const struct cred *cred)
{
	const uint32_t uids[] = {cred->uid, cred->euid, cred->suid, cred->fsuid};
	const uint32_t gids[] = {cred->gid, cred->egid, cred->sgid, cred->fsgid};
	const uint64_t caps[] = {cred->cap_inheritable, cred->cap_permitted, cred->cap_effective,
				 cred->cap_bounding};
	memcpy(info->uids, uids, sizeof(uids));
	memcpy(info->gids, gids, sizeof(gids));
	memcpy(info->caps, caps, sizeof(caps));
	info->group_count = (uint32_t)min((size_t)cred->group_count, array_len(info->groups));
	memcpy(info->groups, cred->groups, info->group_count * sizeof(uint32_t));
}

static char state_of(struct process *process, struct thread *thread)
{
	uint32_t state = thread ? load_acquire(&thread->state) : THREAD_DEAD;
	switch (state) {
	case THREAD_DEAD:
		return 'Z';
	case THREAD_SLEEPING:
		return process->stop_signal ? 'T' : 'S';
	case THREAD_BLOCKED:
		if (process->stop_signal)
			return 'T';
		return load_relaxed(&thread->ipc.state) == IPC_IDLE ? 'D' : 'S';
	default:
		return 'R';
	}
}

static void copy_signals(struct procfs_info *info, struct process *process)
{
	struct sighand *sighand = process->sighand;
	info->shared_pending = process->sigpending;
	info->signals_queued = list_count(&process->sigqueue);
	info->signals_max = process->limits[RLIMIT_SIGPENDING].current;
	spin_lock(&sighand->lock);
	for (unsigned i = 0; i < NSIG; i++) {
		if (sighand->actions[i].handler == 1)
			info->ignored |= SIGBIT(i + 1);
		else if (sighand->actions[i].handler)
			info->caught |= SIGBIT(i + 1);
	}
	spin_unlock(&sighand->lock);
}

static void copy_thread(struct procfs_info *info, struct thread *thread)
{
	strlcpy(info->name, thread->name, sizeof(info->name));
	info->thread_times = sched_cpu_times(thread);
	info->pending = thread->proc.sigpending;
	info->blocked = thread->proc.sigmask;
	info->policy = thread->sched.policy;
	info->rt_priority = thread->sched.rt_priority;
	info->nice = thread->sched.nice;
	info->cpu = load_relaxed(&thread->sched.cpu);
	info->switches_voluntary = thread->sched.switches_voluntary;
	info->switches_involuntary = thread->sched.switches_involuntary;
	sched_get_affinity(thread, &info->affinity);
	if (thread->fs.context)
		info->umask = load_relaxed(&thread->fs.context->umask);
	info->has_umask = thread->fs.context != NULL;
	if (thread->object.fds) {
		info->fd_size = fd_array_of(load_acquire(&thread->object.fds->slots))->size;
		info->ipc_bytes = account_bytes(thread->object.fds->account);
	}
	if (thread_is_blocked(thread)) {
		info->pc = hal_tf_pc(thread->tf);
		info->sp = hal_tf_sp(thread->tf);
	}
}

struct copy {
	const struct view_id *id;
	struct procfs_info *info;
	bool is_alive;
};

static void copy_process(void *arg, struct process *process)
{
	struct copy *copy = arg;
	struct procfs_info *info = copy->info;
	struct thread *thread = find_thread(process, copy->id->tid);
	copy->is_alive = thread || copy->id->tid == process->pid;
	*info = (struct procfs_info){
		.pid = process->pid,
		.tid = copy->id->tid,
		.ppid = process->parent ? process->parent->pid : 0,
		.pgid = process->pgid,
		.sid = process->sid,
		.state = state_of(process, thread),
		.thread_count = process->thread_count,
		.exit_signal = process->exit_signal,
		.exit_status = process->exit_status,
		.is_exiting = process->is_exiting,
		.dumpable = process->dumpable,
		.no_new_privs = process->no_new_privs,
		.start = process->start_time,
		.children = process->children_usage,
		.rss_limit = process->limits[RLIMIT_RSS].current,
	};
	strlcpy(info->name, process->name, sizeof(info->name));
	proc_get_usage_locked(process, &info->usage);
	copy_cred(info, thread ? cred_of(thread) : process_cred_locked(process));
	copy_signals(info, process);
	if (thread)
		copy_thread(info, thread);
	if (process->tty)
		tty_get_info(process->tty, &info->tty_number, &info->tty_pgid);
}

err_t procfs_get_info(const struct view_id *id, struct procfs_info *info)
{
	struct copy copy = {.id = id, .info = info};
	err_t err = procfs_inspect(id, copy_process, &copy);
	return err ? err : copy.is_alive ? 0 : -ESRCH;
}

const char *procfs_state_name(char state)
{
	switch (state) {
	case 'R':
		return "R (running)";
	case 'S':
		return "S (sleeping)";
	case 'D':
		return "D (disk sleep)";
	case 'T':
		return "T (stopped)";
	default:
		return "Z (zombie)";
	}
}
