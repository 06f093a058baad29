// SPDX-License-Identifier: MIT
// Looking at a process from outside. What a thread shares (address space, descriptors, directories,
// credentials) it changes and lets go of with its process locked, so whoever holds that lock may
// follow the pointers.
#include "internal.h"

#include <proc/inspect.h>

bool process_inspect(uint32_t pid, void (*visit)(void *arg, struct process *process), void *arg)
{
	spin_lock(&proc_tree_lock);
	struct process *process = pid_process_locked(pid);
	if (process && !process->parent && process != proc_init_process)
		process = NULL; // not born yet, or reaped
	if (process) {
		spin_lock(&process->lock);
		visit(arg, process);
		spin_unlock(&process->lock);
	}
	spin_unlock(&proc_tree_lock);
	return process != NULL;
}

struct thread *process_any_thread_locked(struct process *process)
{
	struct thread *thread = process->leader;
	if (thread && thread->mm.space)
		return thread;
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (thread->mm.space)
			return thread;
	}
	return NULL;
}

const struct cred *process_cred_locked(struct process *process)
{
	const struct thread *thread = list_first_entry(&process->threads, struct thread, proc.node);
	return thread ? cred_of(thread) : process->cred ? process->cred : &cred_root;
}

bool process_is_open_to_locked(struct process *process, uint32_t uid, uint32_t gid)
{
	const struct cred *its = process_cred_locked(process);
	bool is_same = uid == its->uid && uid == its->euid && uid == its->suid && gid == its->gid &&
		       gid == its->egid && gid == its->sgid;
	return (is_same && process->dumpable) || cred_has_cap(cred_current(), CAP_SYS_PTRACE);
}

/** As another, or as one who may do more, a process keeps what it has from who it was before, and hears of
 *  its parent's death no more: who caused that may not signal it. */
static bool is_another(const struct cred *cred, const struct cred *before)
{
	return cred->euid != before->euid || cred->egid != before->egid || cred->fsuid != before->fsuid ||
	       cred->fsgid != before->fsgid || (cred->cap_permitted & ~before->cap_permitted);
}

void proc_set_cred(struct cred *cred)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	spin_lock(&process->lock);
	struct cred *old = self->object.cred;
	if (is_another(cred, cred_current()))
		process->dumpable = process->pdeath_signal = 0;
	self->object.cred = cred;
	spin_unlock(&process->lock);
	user_recharge(cred->uid);
	if (old)
		cred_put(old);
}
