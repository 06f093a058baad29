// SPDX-License-Identifier: MIT
// System calls of resource limits and of a process's settings.
#include "syscall.h"

#include <fs/fs.h>
#include <lib/string.h>
#include <mm/space.h>
#include <object/fdtable.h>
#include <proc/inspect.h>
#include <proc/posix_timer.h>
#include <proc/signal.h>

// ---- limits ---------------------------------------------------------------------------------------

/** Copies of limits that other rooms look at (process locked). */
static void apply_limit(struct process *process, unsigned resource)
{
	uint64_t value = process->limits[resource].current;
	struct thread *thread = process == current_process() ? current_thread() : process_any_thread_locked(process);
	if (!thread || !thread->object.fds || !thread->fs.context)
		return; // it ends
	if (resource == RLIMIT_NOFILE)
		thread->object.fds->limit = (uint32_t)min(value, (uint64_t)FD_LIMIT_MAX);
	else if (resource == RLIMIT_MSGQUEUE)
		store_relaxed(&thread->object.fds->account->limit, value);
	else if (resource == RLIMIT_STACK)
		thread->mm.space->limit_stack = value;
	else if (resource == RLIMIT_AS)
		thread->mm.space->limit_as_pages = value / HAL_PAGE_SIZE;
	else if (resource == RLIMIT_DATA)
		thread->mm.space->limit_data_pages = value / HAL_PAGE_SIZE;
	else if (resource == RLIMIT_FSIZE)
		fs_set_size_limit(thread->fs.context, value);
}

/** May current see and set another's limits? As Linux: if all its ids are ours (lock held). */
static bool may_limit(struct process *process)
{
	const struct cred *own = cred_current(), *its = process_cred_locked(process);
	return process == current_process() || cred_has_cap(own, CAP_SYS_RESOURCE) ||
	       (own->uid == its->uid && own->uid == its->euid && own->uid == its->suid &&
		own->gid == its->gid && own->gid == its->egid && own->gid == its->sgid);
}

static err_t change_limit(struct process *process, unsigned resource, const struct rlimit *wanted)
{
	struct rlimit *limit = &process->limits[resource];
	if (wanted->current > wanted->max)
		return -EINVAL;
	if (wanted->max > limit->max && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		return -EPERM;
	if (resource == RLIMIT_NOFILE && wanted->max > FD_LIMIT_MAX)
		return -EPERM;
	*limit = *wanted;
	return 0;
}

static int64_t prlimit(struct process *process, unsigned resource, uaddr_t new_at, uaddr_t old_at)
{
	struct rlimit wanted, old;
	if (resource >= RLIMIT_COUNT)
		return -EINVAL;
	if (new_at && mm_copy_in(&wanted, new_at, sizeof(wanted)))
		return -EFAULT;
	spin_lock(&process->lock);
	old = process->limits[resource];
	err_t err = !may_limit(process) ? -EPERM : new_at ? change_limit(process, resource, &wanted) : 0;
	if (!err && new_at)
		apply_limit(process, resource);
	spin_unlock(&process->lock);
	if (!err && new_at && resource == RLIMIT_CPU)
		err = proc_watch_cpu_limit(process);
	if (!err && old_at && mm_copy_out(old_at, &old, sizeof(old)))
		return -EFAULT;
	return err;
}

SYSCALL4(prlimit64, uint32_t, pid, uint32_t, resource, uaddr_t, new_at, uaddr_t, old_at)
{
	struct process *process = process_find(pid ? pid : current_process()->pid);
	if (!process)
		return -ESRCH;
	int64_t result = prlimit(process, resource, new_at, old_at);
	process_put(process);
	return result;
}

SYSCALL2(getrlimit, uint32_t, resource, uaddr_t, at)
{
	return at ? prlimit(current_process(), resource, 0, at) : -EFAULT;
}

SYSCALL2(setrlimit, uint32_t, resource, uaddr_t, at)
{
	return at ? prlimit(current_process(), resource, at, 0) : -EFAULT;
}

// ---- prctl ----------------------------------------------------------------------------------------

enum { PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG = 2, PR_GET_DUMPABLE = 3, PR_SET_DUMPABLE = 4,
       PR_GET_KEEPCAPS = 7, PR_SET_KEEPCAPS = 8, PR_SET_NAME = 15, PR_GET_NAME = 16, PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER = 37,
       PR_SET_NO_NEW_PRIVS = 38, PR_GET_NO_NEW_PRIVS = 39, PR_CAPBSET_READ = 23 };

static int64_t set_name(uaddr_t at)
{
	struct thread *self = current_thread();
	char name[16] = {0};
	int n = mm_copy_in_string(name, at, sizeof(name));
	if (n < 0 && n != -ENAMETOOLONG)
		return n;
	name[15] = 0;
	memcpy(self->name, name, sizeof(name));
	if (self->proc.tid == self->proc.pid)
		memcpy(self->proc.process->name, name, sizeof(name));
	return 0;
}

static int64_t set_keep_caps(uint64_t is_on)
{
	struct cred *old = cred_current();
	if (is_on > 1)
		return -EINVAL;
	struct cred *cred = cred_copy(old);
	if (!cred)
		return -ENOMEM;
	cred->securebits = (old->securebits & ~CRED_KEEP_CAPS) | (is_on ? CRED_KEEP_CAPS : 0);
	proc_set_cred(cred);
	return 0;
}

// Partly: names, capabilities, death of the parent and what else the source lists; the rest: EINVAL.
SYSCALL5(prctl, int, option, uint64_t, arg, uint64_t, arg3, uint64_t, arg4, uint64_t, arg5)
{
	struct process *process = current_process();
	(void)arg3, (void)arg4, (void)arg5;
	switch (option) {
	case PR_SET_NAME:
		return set_name(arg);
	case PR_GET_NAME:
		return mm_copy_out(arg, current_thread()->name, 16);
	case PR_SET_PDEATHSIG:
		if (arg > NSIG)
			return -EINVAL;
		process->pdeath_signal = (uint32_t)arg;
		return 0;
	case PR_GET_PDEATHSIG:
		return abi_put32(arg, process->pdeath_signal);
	case PR_GET_DUMPABLE:
		return process->dumpable;
	case PR_SET_DUMPABLE:
		if (arg > 1)
			return -EINVAL;
		process->dumpable = (uint32_t)arg;
		return 0;
	case PR_GET_KEEPCAPS:
		return cred_current()->securebits & CRED_KEEP_CAPS ? 1 : 0;
	case PR_SET_KEEPCAPS:
		return set_keep_caps(arg);
	case PR_SET_CHILD_SUBREAPER:
		process->child_subreaper = arg != 0;
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return abi_put32(arg, process->child_subreaper);
	case PR_SET_NO_NEW_PRIVS:
		if (arg != 1)
			return -EINVAL;
		process->no_new_privs = 1;
		return 0;
	case PR_GET_NO_NEW_PRIVS:
		return process->no_new_privs;
	case PR_CAPBSET_READ:
		return arg > CAP_LAST ? -EINVAL : (int64_t)(cred_current()->cap_bounding >> arg & 1);
	default:
		return -EINVAL;
	}
}
