// SPDX-License-Identifier: MIT
// What the files of proc/ share.
//
// Locks, in order: tree_lock (who is whose parent, groups, sessions, the pid table, states) → a
// process's lock (its threads, signals, stop and exit) → its sighand's lock. All are taken with
// interrupts on and never by interrupt handlers.
#pragma once

#include <proc/process.h>
#include <proc/signal.h>
#include <sched/sched.h>
#include <uapi/errno.h>

/** Bits of thread.pending. */
enum {
	PEND_SIGNAL = 1, // a signal that is not masked waits
	PEND_EXIT = 2, // the process or this thread must end
	PEND_STOP = 4, // the process is stopped
	PEND_START = 8, // first return to user mode: store the tid
	PEND_RESTART = 16, // a call returned ERESTART*, but no signal is left
};

extern struct spinlock proc_tree_lock;

/** Set bits of @thread's pending word and make it look. */
void proc_set_pending(struct thread *thread, uint32_t bits);
static inline void proc_clear_pending(struct thread *thread, uint32_t bits)
{
	fetch_and_acq_rel(&thread->pending, ~bits);
}

// pid.c: the table of numbers. An entry names a thread, a process, or both (a leader).
must_check err_t pid_alloc(uint32_t *pid);
void pid_free(uint32_t pid);
void pid_set_thread(uint32_t pid, struct thread *thread);
void pid_set_process(uint32_t pid, struct process *process);
void pid_set_process_locked(uint32_t pid, struct process *process); // tree lock
struct process *pid_process_locked(uint32_t pid); // tree lock; no reference
void pgrp_join_locked(struct process *process, uint32_t pgid);
void pgrp_leave_locked(struct process *process);
void session_join_locked(struct process *process, uint32_t sid);
void session_leave_locked(struct process *process);
/** Visit all processes that were born, or the members of a group (tree lock). */
void process_for_each_locked(void (*visit)(void *arg, struct process *process), void *arg);
void pgrp_for_each_locked(uint32_t pgid, void (*visit)(void *arg, struct process *process), void *arg);
bool pgrp_exists_locked(uint32_t pgid, uint32_t sid);
bool pgrp_is_orphaned_locked(uint32_t pgid);
void pid_init(void);

// process.c
struct process *process_create(void);
extern struct process *proc_init_process; // PID 1
/** Of one user or in all: counted at fork and reap. */
must_check err_t process_count_inc(void);
void process_count_dec(void);
/** Tree lock; @parent may be NULL. */
static inline void process_set_parent_locked(struct process *process, struct process *parent)
{
	process->parent = parent;
	store_relaxed(&process->ppid, parent ? parent->pid : 0);
}
struct sighand *sighand_create(void);
struct sighand *sighand_copy(struct sighand *from);
/** @fresh, all defaults, ignores what @from ignores. */
void sighand_keep_ignored(struct sighand *fresh, struct sighand *from);
void sighand_put(struct sighand *sighand);

// fork.c: the child of vfork has let go of its parent's address space.
void vfork_finish(struct thread *child);

// exit.c
/** Make all other threads of current's process end, and wait for them (exec). -EINTR: this one must. */
must_check err_t proc_end_other_threads(void);
/** Reaping: unlink a zombie (tree lock held), then forget its number and the tree's reference. */
void process_unlink_locked(struct process *process);
void process_forget(struct process *process);
/** The process lock is held: every thread but @except must end. */
void proc_end_threads_locked(struct process *process, struct thread *except);

// oom.c
void oom_init(void);
/** The last thread of @process, whose oom_state is not 0, has let go of its memory. */
void oom_victim_gone(struct process *process);

// wait.c: a child of @parent ended, stopped or goes on.
void proc_child_event(struct process *parent);

// signal_send.c
void signal_init(void);
void signal_flush(struct list *queue, uint64_t *pending);
/** Recompute PEND_SIGNAL of @thread (process lock held). */
void signal_recalc_locked(struct thread *thread);
/** Current's mask is @mask from here on. */
void signal_replace_mask(uint64_t mask);
/** Current takes those of @set no more: what the process has of them is for another thread. Process locked. */
void signal_pass_on_locked(struct process *process, uint64_t set);
/** Send with the tree lock held: nobody is told of a continued process. */
void signal_send_locked(struct process *process, const struct siginfo *info);
/** SIGCHLD (or its exit signal) to @parent about @child (tree lock held). */
void signal_notify_parent_locked(struct process *parent, struct process *child, int code, int status);
/** SIGKILL, whatever @process is: its lock is held. */
void signal_kill_locked(struct process *process);
bool signal_is_ignored_locked(struct process *process, int signo);
/** Take the next signal that is not in current's mask; false: none. Process lock held. */
bool signal_dequeue_locked(uint64_t mask, struct siginfo *info);
#define SIGNALS_STOP (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define SIGNALS_IGNORED_BY_DEFAULT                                                                 \
	(SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT))
#define SIG_DFL 0
#define SIG_IGN 1
enum {
	SA_NOCLDSTOP = 1, SA_NOCLDWAIT = 2, SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000,
	SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000
};
#define SA_RESETHAND 0x80000000ul

/** @process was continued: tell its parent. */
void proc_report_continue(struct process *process);
/** @thread has stopped or ends: true if it was the last of a stop that nobody has told yet; then the
 *  caller calls proc_report_stop() without the lock. */
bool proc_stopped_locked(struct thread *thread);
void proc_report_stop(struct process *process);
/** Real and saved user id of @process. */
void proc_get_uids(struct process *process, uint32_t *uid, uint32_t *suid);

// pidfd.c: @process has ended.
void pidfd_notify(struct process *process);

// signalfd.c: a signal was queued for @process or a thread of it.
void signalfd_notify(struct process *process);

// itimer.c: make the thread look that sends what timers ask for.
void itimer_wake_sender(void);

// posix_timer.c
bool posix_timers_are_due(void);
void posix_timers_send_due(void); // in that thread
/** A timer's signal leaves the queue: its overrun, and the next period begins. Process lock held. */
void posix_timer_taken_locked(struct process *process, struct siginfo *info);

extern const struct rlimit proc_default_limits[RLIMIT_COUNT]; // of PID 1

// usage.c. Process locked.
void usage_add(struct proc_usage *sum, const struct proc_usage *more);
/** @process is about to let go of @space, its present one, or somebody wants to know. */
void usage_note_space_locked(struct process *process, struct mm_space *space);
void usage_thread_ends_locked(struct process *process, struct thread *thread);

// user.c: threads by real user id.
void user_init(void);
/** @child is the caller's user's. -EAGAIN: that one has RLIMIT_NPROC, -ENOMEM. */
must_check err_t user_charge_thread(struct thread *child);
void user_uncharge(uint32_t uid); // 0: nobody
void user_recharge(uint32_t uid); // the current thread is now @uid's

// sigframe.c
must_check err_t sigframe_push(struct trapframe *tf, const struct siginfo *info,
			       const struct sigaction *action, uint64_t saved_mask);

// vdso.c
void vdso_init(void);
must_check err_t vdso_map(struct mm_space *space);
/** Where the image is in every program; 0 = there is none. */
vaddr_t vdso_address(void);
/** Code that returns from a signal handler. */
vaddr_t vdso_sigreturn(void);
