// SPDX-License-Identifier: MIT
// The end of threads and processes.
//
// A thread ends in its own context: it lets go of what it shares, is taken off its process, and stops
// in sched_exit(). The last thread of a process makes it a zombie, which its parent reaps in wait.c; a
// process whose parent does not care is reaped at once. The order that programs can see (P5): robust
// list, clear_child_tid and its futex wake, then the thread is gone.
#include "internal.h"

#include <fs/fs.h>
#include <ipc/endpoint.h>
#include <ipc/futex.h>
#include <ipc/sysv.h>
#include <kernel/panic.h>
#include <kernel/upcall.h>
#include <mm/space.h>
#include <mm/ucopy.h>
#include <object/cred.h>
#include <object/fdtable.h>
#include <proc/itimer.h>
#include <proc/posix_timer.h>

#define ROBUST_MAX 2048

// ---- what programs see of a thread's end ----------------------------------------------------------

/** The word of a robust mutex that the ending thread holds: mark it, wake one. */
static void mark_owner_died(uaddr_t word)
{
	uint32_t value, found;
	if (mm_load_user32(word, &value))
		return;
	while ((value & FUTEX_TID_MASK) == current_thread()->proc.tid) {
		uint32_t dead = (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		if (mm_cas_user32(word, value, dead, &found))
			return;
		if (found == value)
			break;
		value = found;
	}
	if (value & FUTEX_WAITERS)
		(void)!futex_wake(word, false, 1, FUTEX_BITSET_ANY);
}

/** Walk Linux's struct robust_list_head {next, futex_offset, pending}; bad pointers end it. */
static void walk_robust_list(void)
{
	uint64_t head = current_thread()->proc.robust_list, fields[3], entry;
	if (!head || mm_copy_in(fields, head, sizeof(fields)))
		return;
	entry = fields[0];
	for (unsigned i = 0; i < ROBUST_MAX && (entry & ~1ull) != head; i++) {
		uint64_t next;
		bool has_next = !mm_copy_in(&next, entry & ~1ull, sizeof(next));
		if ((entry & ~1ull) != (fields[2] & ~1ull))
			mark_owner_died((entry & ~1ull) + fields[1]);
		if (!has_next)
			break;
		entry = next;
	}
	if (fields[2])
		mark_owner_died((fields[2] & ~1ull) + fields[1]);
}

static void tell_joiner(void)
{
	uint64_t word = current_thread()->proc.clear_child_tid;
	if (!word || mm_store_user32(word, 0))
		return;
	(void)!futex_wake(word, false, 1, FUTEX_BITSET_ANY);
}

// ---- letting go -----------------------------------------------------------------------------------

/** Others may look at what a thread shares while its process is locked: it is taken out under that
 *  lock and let go of afterwards. */
static void drop_shared(struct thread *self)
{
	struct process *process = self->proc.process;
	ipc_thread_exit();
	vfork_finish(self);
	spin_lock(&process->lock);
	struct fdtable *fds = self->object.fds;
	struct fs_context *context = self->fs.context;
	self->object.fds = NULL;
	self->fs.context = NULL;
	spin_unlock(&process->lock);
	if (fds)
		fdtable_put(fds);
	if (context)
		fs_context_put(context);
	spin_lock(&process->lock);
	struct mm_space *space = self->mm.space;
	if (space && (process->is_exiting || process->thread_count == 1))
		usage_note_space_locked(process, space);
	self->mm.space = NULL;
	spin_unlock(&process->lock);
	if (space)
		mm_space_put(space);
}

void proc_end_threads_locked(struct process *process, struct thread *except)
{
	struct thread *thread;
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (thread != except)
			proc_set_pending(thread, PEND_EXIT);
	}
	sched_waitq_wake_all(&process->stop_wait);
}

err_t proc_end_other_threads(void)
{
	struct process *process = current_process();
	spin_lock(&process->lock);
	if (process->is_exiting) {
		spin_unlock(&process->lock);
		return -EINTR;
	}
	process->is_exiting = process->is_execing = true;
	proc_end_threads_locked(process, current_thread());
	spin_unlock(&process->lock);
	(void)sched_wait_event(&process->exec_wait, process->thread_count == 1, NSEC_NEVER, 0);
	spin_lock(&process->lock);
	err_t err = process->is_execing ? 0 : -EINTR;
	if (!err)
		process->is_exiting = process->is_execing = false;
	spin_unlock(&process->lock);
	return err;
}

// ---- the end of a process -------------------------------------------------------------------------

/** Who adopts the children of @process (tree lock). */
static struct process *find_reaper(struct process *process)
{
	for (struct process *p = process->parent; p; p = p->parent) {
		if (p->child_subreaper && load_relaxed(&p->state) == PROCESS_ALIVE)
			return p;
	}
	return proc_init_process;
}

/** Unlink a zombie that nobody will wait for, or that was waited for (tree lock). The caller drops the
 *  tree's reference and the number afterwards, by process_forget(). */
void process_unlink_locked(struct process *process)
{
	store_relaxed(&process->state, PROCESS_DEAD);
	list_remove(&process->sibling);
	pgrp_leave_locked(process);
	session_leave_locked(process);
	process_set_parent_locked(process, NULL);
}

void process_forget(struct process *process)
{
	pid_set_process(process->pid, NULL);
	pid_free(process->pid);
	process_count_dec();
	process_put(process);
}

static bool wants_no_zombies(struct process *parent)
{
	spin_lock(&parent->lock);
	spin_lock(&parent->sighand->lock);
	const struct sigaction *action = &parent->sighand->actions[SIGCHLD - 1];
	bool result = action->handler == SIG_IGN || (action->flags & SA_NOCLDWAIT);
	spin_unlock(&parent->sighand->lock);
	spin_unlock(&parent->lock);
	return result;
}

/** How the end is told: CLD_* and the status that goes with it. */
static int exit_code_of(int status)
{
	return status & 0x7f ? CLD_KILLED : CLD_EXITED;
}

/** Give the children of @process to another; zombies among them are announced to it, or are in @gone if it wants
 *  none (tree lock). */
static void reparent_children(struct process *process, struct list *gone)
{
	struct process *reaper = find_reaper(process), *child;
	bool has_zombie = false;
	while ((child = list_first_entry(&process->children, struct process, sibling))) {
		list_remove(&child->sibling);
		list_push_back(&reaper->children, &child->sibling);
		process_set_parent_locked(child, reaper);
		child->exit_signal = SIGCHLD;
		if (child->pdeath_signal) {
			struct siginfo info = {.signo = (int)child->pdeath_signal, .pid = process->pid};
			signal_send_locked(child, &info);
		}
		if (load_relaxed(&child->state) == PROCESS_ZOMBIE) {
			has_zombie = true;
			signal_notify_parent_locked(reaper, child, exit_code_of(child->exit_status),
						    child->exit_status);
			if (wants_no_zombies(reaper)) {
				process_unlink_locked(child);
				list_push_back(gone, &child->sibling);
			}
		}
	}
	if (has_zombie)
		proc_child_event(reaper); // it may wait already
}

struct orphan_check {
	bool has_stopped;
};

static void note_stopped(void *arg, struct process *process)
{
	if (process->stop_signal)
		((struct orphan_check *)arg)->has_stopped = true;
}

static void wake_orphan(void *arg, struct process *process)
{
	struct siginfo hup = {.signo = SIGHUP, .code = SI_KERNEL};
	struct siginfo cont = {.signo = SIGCONT, .code = SI_KERNEL};
	(void)arg;
	signal_send_locked(process, &hup);
	signal_send_locked(process, &cont);
}

/** A group with stopped members that nobody can continue any more gets SIGHUP and SIGCONT (POSIX). */
static void check_orphaned_group(uint32_t pgid, bool was_orphaned)
{
	struct orphan_check check = {false};
	if (was_orphaned || !pgrp_is_orphaned_locked(pgid))
		return;
	pgrp_for_each_locked(pgid, note_stopped, &check);
	if (check.has_stopped)
		pgrp_for_each_locked(pgid, wake_orphan, NULL);
}

/** The last thread is leaving: zombie, or gone at once. Returns true if nobody will reap it. */
static bool become_zombie(struct process *process)
{
	struct process *child;
	struct list gone;
	list_init(&gone);
	spin_lock(&proc_tree_lock);
	bool was_orphaned = pgrp_is_orphaned_locked(process->pgid);
	reparent_children(process, &gone);
	struct process *parent = process->parent;
	process->leader = NULL;
	store_release(&process->state, PROCESS_ZOMBIE);
	check_orphaned_group(process->pgid, was_orphaned);
	bool is_unwanted = process->exit_signal == SIGCHLD && wants_no_zombies(parent);
	if (process->exit_signal)
		signal_notify_parent_locked(parent, process, exit_code_of(process->exit_status),
					    process->exit_status);
	if (is_unwanted)
		process_unlink_locked(process);
	proc_child_event(parent);
	spin_unlock(&proc_tree_lock);
	while ((child = list_pop_front_entry(&gone, struct process, sibling)))
		process_forget(child);
	pidfd_notify(process);
	return is_unwanted;
}

/** Take current off its process; true if it was the last thread. */
static bool leave_process(struct thread *self, struct process *process)
{
	spin_lock(&process->lock);
	list_remove(&self->proc.node);
	signal_flush(&self->proc.sigqueue, &self->proc.sigpending);
	usage_thread_ends_locked(process, self);
	bool is_last = --process->thread_count == 0;
	struct cred *cred = self->object.cred;
	self->object.cred = NULL;
	if (is_last)
		process->cred = cred; // a zombie is somebody's
	bool is_last_to_stop = proc_stopped_locked(self) && !is_last;
	if (process->leader == self)
		process->leader = NULL;
	// What was sent to the process and chosen for this thread is another's now.
	struct thread *thread;
	list_for_each_entry(thread, &process->threads, proc.node)
		signal_recalc_locked(thread);
	spin_unlock(&process->lock);
	if (is_last_to_stop)
		proc_report_stop(process);
	sched_waitq_wake_all(&process->exec_wait);
	if (cred && !is_last)
		cred_put(cred);
	return is_last;
}

void proc_exit_thread(int code)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	bool is_last_alive;
	spin_lock(&process->lock);
	is_last_alive = --process->living == 0;
	if (is_last_alive && !process->is_exiting)
		process->exit_status = code;
	spin_unlock(&process->lock);
	if (process == proc_init_process && is_last_alive)
		panic("init ended, status %d", process->exit_status >> 8 ? process->exit_status >> 8
									: process->exit_status);
	walk_robust_list();
	futex_thread_exit();
	tell_joiner();
	if (is_last_alive && process->sid == process->pid)
		upcall_session_leader_exit(process);
	self->mm.claim = FRAME_CLAIM_KERNEL; // it gives back more than it takes
	drop_shared(self);
	pid_set_thread(self->proc.tid, NULL);
	if (self->proc.tid != process->pid)
		pid_free(self->proc.tid);
	user_uncharge(self->proc.charged_uid);
	bool is_last = leave_process(self, process);
	if (is_last) {
		proc_drop_alarm(process);
		proc_drop_all_timers(process);
		sysv_process_exit(process->pid);
	}
	if (is_last && process->oom_state)
		oom_victim_gone(process);
	if (is_last && become_zombie(process))
		process_forget(process);
	self->proc.process = NULL;
	process_put(process);
	sched_exit();
}

void proc_exit_group(int status)
{
	struct process *process = current_process();
	spin_lock(&process->lock);
	if (!process->is_exiting) {
		process->is_exiting = true;
		process->exit_status = status;
		proc_end_threads_locked(process, current_thread());
	}
	status = process->exit_status;
	spin_unlock(&process->lock);
	proc_exit_thread(status);
}
