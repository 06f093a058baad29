// SPDX-License-Identifier: MIT
// Sending signals: who gets it, is it wanted, and waking whom it concerns.
//
// A standard signal is queued at most once, a real-time signal (32 and up) once per send. A signal to a
// process is kept by the process and any thread that does not mask it may take it. SIGKILL ends all
// threads at once; SIGSTOP and SIGCONT act at the moment of sending, as POSIX has it.
#include "internal.h"

#include <lib/string.h>
#include <mm/slab.h>
#include <object/cred.h>

#define SIGRT_FIRST 32
#define QUEUED_MAX 4096

struct queued {
	struct list node;
	struct siginfo info;
};

static struct slab_cache *queued_cache;
static _Atomic uint32_t queued_count;

void signal_init(void)
{
	queued_cache = slab_cache_create("sigqueue", sizeof(struct queued), 8);
}

void signal_flush(struct list *queue, uint64_t *pending)
{
	struct queued *entry;
	while ((entry = list_first_entry(queue, struct queued, node))) {
		list_remove(&entry->node);
		slab_free(queued_cache, entry);
		fetch_sub_release(&queued_count, 1);
	}
	*pending = 0;
}

static void flush_set(struct list *queue, uint64_t *pending, uint64_t set)
{
	struct queued *entry, *next;
	list_for_each_entry_safe(entry, next, queue, node) {
		if (!(SIGBIT(entry->info.signo) & set))
			continue;
		list_remove(&entry->node);
		slab_free(queued_cache, entry);
		fetch_sub_release(&queued_count, 1);
	}
	*pending &= ~set;
}

/** Put @info on a queue: 0; -EAGAIN when it would be lost although it must not. */
static err_t enqueue(struct list *queue, uint64_t *pending, const struct siginfo *info)
{
	uint64_t bit = SIGBIT(info->signo);
	if (info->signo < SIGRT_FIRST && (*pending & bit) && info->code != SI_TIMER)
		return 0; // a timer has one queued at most, and waits until it is taken
	struct queued *entry = NULL;
	if (load_relaxed(&queued_count) < QUEUED_MAX)
		entry = slab_alloc(queued_cache);
	if (entry) {
		entry->info = *info;
		list_push_back(queue, &entry->node);
		fetch_add_relaxed(&queued_count, 1);
	} else if (info->signo >= SIGRT_FIRST && info->code != SI_USER) {
		return -EAGAIN;
	}
	*pending |= bit; // without an entry: the bare number
	return 0;
}

/** Take the lowest signal of @set off a queue. */
static bool take(struct list *queue, uint64_t *pending, uint64_t set, struct siginfo *info)
{
	uint64_t wanted = *pending & set;
	if (!wanted)
		return false;
	// Faults first, as Linux does: they belong to the instruction that is about to be left.
	uint64_t faults = wanted & (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) |
				    SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS));
	int signo = __builtin_ctzll(faults ? faults : wanted) + 1;
	struct queued *entry, *next, *found = NULL;
	bool is_more = false;
	list_for_each_entry_safe(entry, next, queue, node) {
		if (entry->info.signo != signo)
			continue;
		is_more = found != NULL;
		if (is_more)
			break;
		found = entry;
	}
	if (found) {
		*info = found->info;
		list_remove(&found->node);
		slab_free(queued_cache, found);
		fetch_sub_release(&queued_count, 1);
	} else {
		*info = (struct siginfo){.signo = signo};
	}
	if (!is_more)
		*pending &= ~SIGBIT(signo);
	return true;
}

static always_inline void recalc_locked(struct thread *thread)
{
	uint64_t waiting = thread->proc.sigpending | thread->proc.process->sigpending;
	uint64_t mask = thread->proc.sigmask & ~SIGNALS_FORCED;
	if (waiting & ~mask)
		proc_set_pending(thread, PEND_SIGNAL);
	else
		proc_clear_pending(thread, PEND_SIGNAL);
}

void signal_recalc_locked(struct thread *thread)
{
	recalc_locked(thread);
}

bool signal_dequeue_locked(uint64_t mask, struct siginfo *info)
{
	struct thread *self = current_thread();
	struct process *process = self->proc.process;
	uint64_t set = ~(mask & ~SIGNALS_FORCED);
	bool found = take(&self->proc.sigqueue, &self->proc.sigpending, set, info) ||
		     take(&process->sigqueue, &process->sigpending, set, info);
	recalc_locked(self);
	if (found && (SIGBIT(info->signo) & SIGNALS_STOP))
		process->is_stop_taken = true;
	if (found && info->code == SI_TIMER)
		posix_timer_taken_locked(process, info);
	return found;
}

bool signal_is_ignored_locked(struct process *process, int signo)
{
	spin_lock(&process->sighand->lock);
	uint64_t handler = process->sighand->actions[signo - 1].handler;
	spin_unlock(&process->sighand->lock);
	if (process == proc_init_process && handler == SIG_DFL)
		return true; // init gets only what it asked for
	return handler == SIG_IGN ||
	       (handler == SIG_DFL && (SIGBIT(signo) & SIGNALS_IGNORED_BY_DEFAULT));
}

static void flush_everywhere(struct process *process, uint64_t set)
{
	struct thread *thread;
	flush_set(&process->sigqueue, &process->sigpending, set);
	list_for_each_entry(thread, &process->threads, proc.node)
		flush_set(&thread->proc.sigqueue, &thread->proc.sigpending, set);
}

/** SIGCONT: go on, whatever becomes of the signal itself. */
static void continue_locked(struct process *process)
{
	struct thread *thread;
	flush_everywhere(process, SIGNALS_STOP);
	process->is_stop_taken = false;
	if (!process->stop_signal)
		return;
	process->stop_signal = 0;
	process->stopping = 0;
	process->stop_unreported = 0;
	process->continue_unreported = 1;
	list_for_each_entry(thread, &process->threads, proc.node) {
		thread->proc.is_stopping = false;
		proc_clear_pending(thread, PEND_STOP);
	}
	sched_waitq_wake_all(&process->stop_wait);
}

/** What the sending itself does, before the question who takes the signal. */
static void act_on_send(struct process *process, int signo)
{
	if (signo == SIGCONT)
		continue_locked(process);
	else if (SIGBIT(signo) & SIGNALS_STOP)
		flush_everywhere(process, SIGBIT(SIGCONT));
}

static bool is_masked_everywhere(struct process *process, struct thread *only, int signo)
{
	struct thread *thread;
	if (only)
		return (only->proc.sigmask | only->proc.awaited) & SIGBIT(signo);
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (!((thread->proc.sigmask | thread->proc.awaited) & SIGBIT(signo)))
			return false;
	}
	return true;
}

void signal_kill_locked(struct process *process)
{
	if (!process->is_exiting || process->is_execing) {
		process->is_exiting = true;
		process->is_execing = false;
		process->exit_status = SIGKILL;
	}
	process->stop_signal = 0;
	proc_end_threads_locked(process, NULL);
}

/** Make one thread that may take @signo look: the current one, the leader, or any. */
static void wake_taker(struct process *process, int signo)
{
	struct thread *thread, *taker = NULL;
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (thread->proc.sigmask & SIGBIT(signo))
			continue;
		if (!taker || thread == current_thread() || thread == process->leader)
			taker = thread;
	}
	// All others are told too that there is something: a taker that ends would leave it behind.
	list_for_each_entry(thread, &process->threads, proc.node) {
		if (!(thread->proc.sigmask & SIGBIT(signo)))
			fetch_or_acq_rel(&thread->pending, PEND_SIGNAL);
	}
	if (taker)
		proc_set_pending(taker, PEND_SIGNAL);
}

void signal_pass_on_locked(struct process *process, uint64_t set)
{
	for (set &= process->sigpending; set; set &= set - 1)
		wake_taker(process, __builtin_ctzll(set) + 1);
}

/** @goes_on, if not NULL: the process was stopped and runs now; its parent is to be told when no lock
 *  is held. */
static err_t send_quietly(struct process *process, struct thread *only, const struct siginfo *info,
			  bool *goes_on)
{
	err_t err = 0;
	int signo = info->signo;
	spin_lock(&process->lock);
	if (only && (only->proc.pid != process->pid || !list_is_linked(&only->proc.node))) {
		spin_unlock(&process->lock);
		return -ESRCH; // it has ended, and would keep what is queued for it
	}
	bool was_stopped = process->stop_signal != 0;
	act_on_send(process, signo);
	if (signo == SIGKILL && process != proc_init_process) {
		signal_kill_locked(process);
	} else if (!signal_is_ignored_locked(process, signo) ||
		   is_masked_everywhere(process, only, signo)) {
		if (only)
			err = enqueue(&only->proc.sigqueue, &only->proc.sigpending, info);
		else
			err = enqueue(&process->sigqueue, &process->sigpending, info);
		if (!err && only)
			recalc_locked(only);
		else if (!err)
			wake_taker(process, signo);
	}
	if (goes_on)
		*goes_on = was_stopped && !process->stop_signal && signo == SIGCONT;
	spin_unlock(&process->lock);
	signalfd_notify(process);
	return err;
}

static err_t send(struct process *process, struct thread *only, const struct siginfo *info)
{
	bool goes_on = false;
	err_t err = send_quietly(process, only, info, &goes_on);
	if (goes_on)
		proc_report_continue(process);
	return err;
}

void signal_send_locked(struct process *process, const struct siginfo *info)
{
	if (load_acquire(&process->state) == PROCESS_ALIVE)
		(void)send_quietly(process, NULL, info, NULL);
}

err_t signal_send_process(struct process *process, const struct siginfo *info)
{
	if (load_acquire(&process->state) != PROCESS_ALIVE)
		return 0; // a zombie takes any signal, without effect
	return send(process, NULL, info);
}

err_t signal_send_thread(struct process *process, struct thread *thread, const struct siginfo *info)
{
	return send(process, thread, info);
}

void signal_notify_parent_locked(struct process *parent, struct process *child, int code, int status)
{
	uint32_t uid, suid;
	proc_get_uids(child, &uid, &suid);
	struct siginfo info = {
		.signo = code == CLD_STOPPED || code == CLD_CONTINUED ? SIGCHLD : (int)child->exit_signal,
		.code = code,
		.pid = child->pid,
		.uid = uid,
		.value = (uint64_t)(code == CLD_EXITED	? status >> 8 & 0xff
				    : code == CLD_KILLED ? status & 0x7f
							 : status),
	};
	if (info.signo)
		signal_send_locked(parent, &info);
}

// ---- kill(2) and its kin --------------------------------------------------------------------------

static bool may_signal(struct process *process, int signo)
{
	const struct cred *cred = cred_current();
	struct process *self = current_process();
	if (!self || process == self || cred_has_cap(cred, CAP_KILL))
		return true;
	if (signo == SIGCONT && process->sid == self->sid)
		return true;
	uint32_t uid, suid;
	proc_get_uids(process, &uid, &suid);
	return cred->euid == uid || cred->euid == suid || cred->uid == uid || cred->uid == suid;
}

err_t signal_kill_process(struct process *process, const struct siginfo *info)
{
	if (info->signo < 0 || info->signo > NSIG)
		return -EINVAL;
	if (load_acquire(&process->state) == PROCESS_DEAD)
		return -ESRCH;
	if (!may_signal(process, info->signo))
		return -EPERM;
	return info->signo ? signal_send_process(process, info) : 0;
}

/** Members of a group or, with pgid 0, all processes but init and the caller. */
struct collection {
	const struct siginfo *info;
	uint32_t reached, refused;
	bool checks;
	uint32_t pgid;
};

static bool signal_member(void *arg, struct process *process)
{
	struct collection *collection = arg;
	if (collection->pgid ? process->pgid != collection->pgid
			     : process->pid == 1 || process == current_process())
		return true;
	err_t err = collection->checks ? signal_kill_process(process, collection->info)
				       : signal_send_process(process, collection->info);
	if (err == -EPERM)
		collection->refused++;
	else
		collection->reached++;
	return true;
}

static err_t signal_many(uint32_t pgid, const struct siginfo *info, bool checks)
{
	struct collection collection = {.info = info, .checks = checks, .pgid = pgid};
	process_for_each(signal_member, &collection);
	return collection.reached ? 0 : collection.refused ? -EPERM : -ESRCH;
}

err_t signal_send_pgrp(uint32_t pgid, const struct siginfo *info)
{
	return signal_many(pgid, info, false);
}

err_t signal_kill(int64_t pid, const struct siginfo *info)
{
	if (info->signo < 0 || info->signo > NSIG)
		return -EINVAL;
	if (pid == 0)
		return signal_many(current_process()->pgid, info, true);
	if (pid == -1)
		return signal_many(0, info, true);
	if (pid < 0)
		return pid < INT32_MIN ? -ESRCH : signal_many((uint32_t)-pid, info, true);
	struct process *process = pid <= INT32_MAX ? process_find((uint32_t)pid) : NULL;
	if (!process)
		return -ESRCH;
	err_t err = signal_kill_process(process, info);
	process_put(process);
	return err;
}

err_t signal_tgkill(int64_t tgid, int64_t tid, const struct siginfo *info)
{
	if (tid <= 0 || tgid == 0 || info->signo < 0 || info->signo > NSIG)
		return -EINVAL;
	struct thread *self = current_thread();
	if (tid == self->proc.tid && (tgid < 0 || tgid == self->proc.pid) && info->signo)
		return send(self->proc.process, self, info); // raise(3), abort(3)
	struct thread *thread = tid <= INT32_MAX ? thread_find((uint32_t)tid) : NULL;
	if (!thread)
		return -ESRCH;
	struct process *process = process_find(thread->proc.pid);
	err_t err = -ESRCH;
	if (process && (tgid < 0 || tgid == process->pid)) {
		err = may_signal(process, info->signo) ? 0 : -EPERM;
		if (!err && info->signo)
			err = send(process, thread, info);
	}
	if (process)
		process_put(process);
	thread_put(thread);
	return err;
}
