// SPDX-License-Identifier: MIT
// wait4 and waitid: look at the children under the tree lock; sleep on the process's child_wait until
// one changes. A child is reported once: the report is taken under the same lock.
#include "internal.h"

#include <object/cred.h>
#include <proc/inspect.h>

struct search {
	enum wait_who who;
	uint32_t id;
	unsigned options;
	struct process *reaped; // to be forgotten after the lock is dropped
};

static bool matches(const struct search *search, const struct process *child)
{
	switch (search->who) {
	case WAIT_PID:
		return child->pid == search->id;
	case WAIT_PGID:
		return child->pgid == search->id;
	default:
		return true;
	}
}

static void fill_locked(struct wait_result *result, struct process *child, int code, int status)
{
	result->pid = child->pid;
	result->uid = process_cred_locked(child)->uid;
	result->code = code;
	result->status = status;
	proc_get_usage_locked(child, &result->usage);
	usage_add(&result->usage, &child->children_usage);
}

static bool report_zombie(struct search *search, struct process *child, struct wait_result *result)
{
	if (load_acquire(&child->state) != PROCESS_ZOMBIE || !(search->options & WEXITED))
		return false;
	int status = child->exit_status;
	spin_lock(&child->lock);
	fill_locked(result, child, status & 0x7f ? CLD_KILLED : CLD_EXITED, status);
	spin_unlock(&child->lock);
	if (search->options & WNOWAIT)
		return true;
	usage_add(&current_process()->children_usage, &result->usage);
	process_unlink_locked(child);
	search->reaped = child;
	return true;
}

static bool report_stop(const struct search *search, struct process *child,
			struct wait_result *result)
{
	spin_lock(&child->lock);
	bool is_stop = (search->options & WUNTRACED) && child->stop_signal && child->stop_unreported;
	bool is_continue = !is_stop && (search->options & WCONTINUED) && child->continue_unreported;
	if (is_stop)
		fill_locked(result, child, CLD_STOPPED, (int)(child->stop_signal << 8 | 0x7f));
	if (is_continue)
		fill_locked(result, child, CLD_CONTINUED, 0xffff);
	if (!(search->options & WNOWAIT)) {
		child->stop_unreported &= !is_stop;
		child->continue_unreported &= !is_continue;
	}
	spin_unlock(&child->lock);
	return is_stop || is_continue;
}

/** 0 with or without a result, -ECHILD. */
static err_t look(struct search *search, struct wait_result *result)
{
	struct process *child, *next;
	err_t err = -ECHILD;
	spin_lock(&proc_tree_lock);
	list_for_each_entry_safe(child, next, &current_process()->children, sibling) {
		if (!matches(search, child))
			continue;
		err = 0;
		if (report_zombie(search, child, result) || report_stop(search, child, result))
			break;
	}
	spin_unlock(&proc_tree_lock);
	return err;
}

err_t proc_wait(enum wait_who who, uint32_t id, unsigned options, struct wait_result *result)
{
	struct process *self = current_process();
	struct search search = {who, id, options, NULL};
	result->pid = 0;
	irqflags_t flags = spin_lock_irqsave(&self->child_wait.lock);
	err_t err;
	for (;;) {
		// The queue's lock is not held while looking, but a change that comes between the
		// look and the sleep is counted: see child_events.
		uint32_t seen = self->child_events;
		spin_unlock_irqrestore(&self->child_wait.lock, flags);
		err = look(&search, result);
		if (search.reaped)
			process_forget(search.reaped);
		if (err || result->pid || (options & WNOHANG))
			return err;
		flags = spin_lock_irqsave(&self->child_wait.lock);
		while (!err && seen == self->child_events)
			err = sched_waitq_wait(&self->child_wait, &flags, NSEC_NEVER,
					       SCHED_WAIT_INTERRUPTIBLE, 0);
		if (err)
			break;
	}
	spin_unlock_irqrestore(&self->child_wait.lock, flags);
	return -ERESTARTSYS;
}

void proc_child_event(struct process *parent)
{
	irqflags_t flags = spin_lock_irqsave(&parent->child_wait.lock);
	parent->child_events++;
	sched_waitq_wake_n_locked(&parent->child_wait, UINT32_MAX);
	spin_unlock_irqrestore(&parent->child_wait.lock, flags);
}
