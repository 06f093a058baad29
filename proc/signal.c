// SPDX-License-Identifier: MIT
// Receiving signals: masks, actions, and what happens on the way back to user mode.
#include <proc/signal.h>

#include "internal.h"

#include <hal/trapframe.h>
#include <ipc/endpoint.h>
#include <kernel/log.h>
#include <kernel/upcall.h>
#include <mm/ucopy.h>
#include <object/cred.h>
#include <proc/inspect.h>

bool signal_is_pending(void)
{
	return load_relaxed(&current_thread()->pending) != 0;
}

err_t signal_get_action(int signo, struct sigaction *action)
{
	struct sighand *sighand = current_process()->sighand;
	if (signo < 1 || signo > NSIG)
		return -EINVAL;
	spin_lock(&sighand->lock);
	*action = sighand->actions[signo - 1];
	spin_unlock(&sighand->lock);
	return 0;
}

/** Signals wait, or did: does current take them now? Those of @blocked it takes no more. Process locked. */
static no_inline void look_again_locked(struct thread *self, uint64_t blocked)
{
	signal_recalc_locked(self);
	signal_pass_on_locked(self->proc.process, blocked);
}

static always_inline void set_mask_and_awaited(uint64_t mask, uint64_t awaited)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	uint64_t blocked = mask & ~SIGNALS_FORCED & ~self->proc.sigmask;
	spin_lock(&process->lock);
	self->proc.sigmask = mask & ~SIGNALS_FORCED;
	self->proc.awaited = awaited;
	uint64_t waiting = self->proc.sigpending | process->sigpending;
	if (unlikely(waiting || (load_relaxed(&self->pending) & PEND_SIGNAL)))
		look_again_locked(self, blocked);
	spin_unlock(&process->lock);
}

void signal_replace_mask(uint64_t mask)
{
	set_mask_and_awaited(mask, 0);
}

err_t signal_set_mask(int how, uint64_t set, uint64_t *old)
{
	uint64_t mask = current_thread()->proc.sigmask;
	if (old)
		*old = mask;
	if (how == 0)
		mask |= set;
	else if (how == 1)
		mask &= ~set;
	else if (how == 2)
		mask = set;
	else
		return -EINVAL;
	signal_replace_mask(mask);
	return 0;
}

uint64_t signal_pending_set(void)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	spin_lock(&process->lock);
	uint64_t set = (self->proc.sigpending | process->sigpending) & self->proc.sigmask;
	spin_unlock(&process->lock);
	return set;
}

void signal_set_temporary_mask(uint64_t mask)
{
	struct proc_part *part = &current_thread()->proc;
	part->saved_sigmask = part->sigmask;
	part->has_saved_sigmask = true;
	signal_replace_mask(mask);
}

void signal_restore_mask(void)
{
	struct proc_part *part = &current_thread()->proc;
	if (!part->has_saved_sigmask)
		return;
	part->has_saved_sigmask = false;
	signal_replace_mask(part->saved_sigmask);
}

int64_t signal_wait(uint64_t set, nsec_t deadline, struct siginfo *info)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	uint64_t mask = self->proc.sigmask;
	set &= ~SIGNALS_FORCED;
	for (;;) {
		spin_lock(&process->lock);
		bool found = signal_dequeue_locked(~set, info);
		spin_unlock(&process->lock);
		if (found)
			return info->signo;
		if (time_now() >= deadline)
			return -EAGAIN;
		set_mask_and_awaited(mask & ~set, mask & set); // so that their arrival ends the sleep
		err_t err = sched_sleep_until(deadline, true);
		signal_replace_mask(mask);
		spin_lock(&process->lock);
		found = signal_dequeue_locked(~set, info);
		spin_unlock(&process->lock);
		if (found)
			return info->signo;
		if (err == -EINTR)
			return -EINTR;
	}
}

// ---- stopping -------------------------------------------------------------------------------------

static void report_to_parent(struct process *process, int code, int status)
{
	spin_lock(&proc_tree_lock);
	struct process *parent = process->parent;
	if (parent) {
		spin_lock(&parent->lock); // its exec may replace the handlers
		spin_lock(&parent->sighand->lock);
		bool is_wanted = !(parent->sighand->actions[SIGCHLD - 1].flags & SA_NOCLDSTOP);
		spin_unlock(&parent->sighand->lock);
		spin_unlock(&parent->lock);
		if (is_wanted)
			signal_notify_parent_locked(parent, process, code, status);
		proc_child_event(parent);
	}
	spin_unlock(&proc_tree_lock);
}

void proc_report_continue(struct process *process)
{
	report_to_parent(process, CLD_CONTINUED, SIGCONT);
}

/** The process stops by @signo, unless SIGCONT came after the signal was taken: every thread is told, this one
 *  stops in stop_here(). The parent hears of it from the last one: then none of them runs. */
static void begin_stop(struct process *process, int signo)
{
	struct thread *thread;
	spin_lock(&process->lock);
	bool begins = process->is_stop_taken && !process->stop_signal && !process->is_exiting;
	if (begins) {
		process->stop_signal = (uint32_t)signo;
		process->stop_unreported = 0;
		process->continue_unreported = 0;
		list_for_each_entry(thread, &process->threads, proc.node) {
			thread->proc.is_stopping = true;
			process->stopping++;
			proc_set_pending(thread, PEND_STOP);
		}
	}
	spin_unlock(&process->lock);
}

bool proc_stopped_locked(struct thread *thread)
{
	struct process *process = thread->proc.process;
	if (!thread->proc.is_stopping)
		return false;
	thread->proc.is_stopping = false;
	if (--process->stopping)
		return false;
	process->stop_unreported = 1;
	return true;
}

void proc_report_stop(struct process *process)
{
	report_to_parent(process, CLD_STOPPED, (int)process->stop_signal);
}

static void stop_here(struct process *process)
{
	struct thread *self = current_thread();
	spin_lock(&process->lock);
	bool is_last = proc_stopped_locked(self);
	spin_unlock(&process->lock);
	if (is_last)
		proc_report_stop(process);
	(void)sched_wait_event(&process->stop_wait,
			       !process->stop_signal ||
				       (load_relaxed(&self->pending) & PEND_EXIT),
			       NSEC_NEVER, 0);
	spin_lock(&process->lock);
	if (!process->stop_signal || process->is_exiting) // else it stops anew
		proc_clear_pending(self, PEND_STOP);
	spin_unlock(&process->lock);
}

// ---- delivery -------------------------------------------------------------------------------------

enum { RESTART_NONE, RESTART_IF_ASKED, RESTART_UNLESS_HANDLER, RESTART_ALWAYS };

static int restart_kind(const struct trapframe *tf)
{
	if (!hal_tf_is_syscall(tf))
		return RESTART_NONE;
	switch (hal_tf_result(tf)) {
	case -ERESTARTNOINTR:
		return RESTART_ALWAYS;
	case -ERESTARTSYS:
		return RESTART_IF_ASKED;
	case -ERESTARTNOHAND:
	case -ERESTART_RESTARTBLOCK:
		return RESTART_UNLESS_HANDLER;
	default:
		return RESTART_NONE;
	}
}

/** A handler is about to run: the interrupted call is made again, or says -EINTR. */
static void finish_call_for_handler(struct trapframe *tf, const struct sigaction *action)
{
	current_thread()->proc.restart_deadline = 0;
	int kind = restart_kind(tf);
	if (kind == RESTART_ALWAYS ||
	    (kind == RESTART_IF_ASKED && (action->flags & SA_RESTART)))
		hal_tf_restart_syscall(tf);
	else if (kind != RESTART_NONE)
		hal_tf_set_result(tf, -EINTR);
}

static void run_handler(struct trapframe *tf, const struct siginfo *info,
			const struct sigaction *action)
{
	struct proc_part *part = &current_thread()->proc;
	uint64_t mask = part->has_saved_sigmask ? part->saved_sigmask : part->sigmask;
	part->has_saved_sigmask = false;
	finish_call_for_handler(tf, action);
	if (sigframe_push(tf, info, action, mask))
		proc_exit_group(SIGSEGV); // no room for the frame
	uint64_t blocked = action->mask | (action->flags & SA_NODEFER ? 0 : SIGBIT(info->signo));
	signal_replace_mask(part->sigmask | blocked);
}

/** The action for @signo, copied; SA_RESETHAND takes effect. */
static struct sigaction take_action(struct process *process, int signo)
{
	spin_lock(&process->sighand->lock);
	struct sigaction *slot = &process->sighand->actions[signo - 1], action = *slot;
	if ((action.flags & SA_RESETHAND) && action.handler > SIG_IGN)
		slot->handler = SIG_DFL;
	spin_unlock(&process->sighand->lock);
	return action;
}

static void default_action(struct process *process, int signo)
{
	if (SIGBIT(signo) & SIGNALS_IGNORED_BY_DEFAULT)
		return;
	if (process == proc_init_process)
		return;
	if (!(SIGBIT(signo) & SIGNALS_STOP))
		proc_exit_group(signo);
	else if (signo == SIGSTOP || !proc_pgrp_is_orphaned(process->pgid))
		begin_stop(process, signo);
}

/** Deliver one signal: true if a handler was set up (the next one nests on it). */
static bool deliver(struct trapframe *tf, const struct siginfo *info)
{
	struct process *process = current_process();
	struct sigaction action = take_action(process, info->signo);
	if (action.handler == SIG_IGN)
		return false;
	if (action.handler == SIG_DFL) {
		default_action(process, info->signo);
		return false;
	}
	run_handler(tf, info, &action);
	return true;
}

void proc_restart_call(void)
{
	proc_set_pending(current_thread(), PEND_RESTART);
}

static void start_thread(struct thread *self)
{
	proc_clear_pending(self, PEND_START);
	(void)!mm_store_user32(self->proc.set_child_tid, self->proc.tid);
}

/** No handler ran: a call that was only disturbed goes on, and sigsuspend's mask is put back. */
static void finish_without_handler(struct trapframe *tf)
{
	if (restart_kind(tf) != RESTART_NONE)
		hal_tf_restart_syscall(tf);
	signal_restore_mask();
}

void upcall_pending_work(struct trapframe *tf)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	bool ran_handler = false;
	for (;;) {
		uint32_t pending = load_acquire(&self->pending);
		struct siginfo info;
		if (pending & IPC_PENDING)
			ipc_resume(tf);
		if (pending & PEND_EXIT)
			proc_exit_thread(process->exit_status);
		if (pending & PEND_START)
			start_thread(self);
		if (pending & PEND_STOP) {
			stop_here(process);
			continue;
		}
		if (!(pending & PEND_SIGNAL))
			break;
		spin_lock(&process->lock);
		bool found = signal_dequeue_locked(self->proc.sigmask, &info);
		spin_unlock(&process->lock);
		if (found)
			ran_handler |= deliver(tf, &info);
	}
	proc_clear_pending(self, PEND_RESTART);
	if (!ran_handler)
		finish_without_handler(tf);
}

void upcall_fault_signal(struct trapframe *tf, int signo, int code, vaddr_t addr)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	struct siginfo info = {.signo = signo, .code = code, .value = addr};
	if (signo == SIGKILL)
		proc_exit_group(SIGKILL);
	spin_lock(&process->lock);
	spin_lock(&process->sighand->lock);
	struct sigaction *action = &process->sighand->actions[signo - 1];
	bool is_blocked = self->proc.sigmask & SIGBIT(signo);
	if (is_blocked || action->handler == SIG_IGN)
		action->handler = SIG_DFL; // it cannot be put off
	bool is_deadly = action->handler == SIG_DFL;
	spin_unlock(&process->sighand->lock);
	self->proc.sigmask &= ~SIGBIT(signo);
	spin_unlock(&process->lock);
	if (is_deadly) {
		log_debug("%s[%u]: killed by signal %d, address 0x%lx, pc 0x%lx, sp 0x%lx", self->name,
			  self->proc.pid, signo, (unsigned long)addr, (unsigned long)hal_tf_pc(tf),
			  (unsigned long)hal_tf_sp(tf));
		proc_exit_group(signo); // also init: it cannot go on
	}
	(void)signal_send_thread(process, self, &info);
}

void proc_get_uids(struct process *process, uint32_t *uid, uint32_t *suid)
{
	spin_lock(&process->lock);
	const struct cred *cred = process_cred_locked(process);
	*uid = cred->uid;
	*suid = cred->suid;
	spin_unlock(&process->lock);
}
