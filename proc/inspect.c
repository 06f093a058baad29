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

void proc_set_cred(struct cred *cred)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	spin_lock(&process->lock);
	struct cred *old = self->object.cred;
	self->object.cred = cred;
	spin_unlock(&process->lock);
	user_recharge(cred->uid);
	if (old)
		cred_put(old);
}
