// SPDX-License-Identifier: MIT
// Sending and delivering signals.
#pragma once

#include <proc/process.h>
#include <uapi/errno.h>

/** Send to a process or one thread, no permission check. 0, -EAGAIN (queue full), -ESRCH. Any thread
 *  context; not from interrupts. */
err_t signal_send_process(struct process *process, const struct siginfo *info);
err_t signal_send_thread(struct process *process, struct thread *thread, const struct siginfo *info);
/** To every member of a process group: 0 if one was reached, -ESRCH. From the tty too. */
err_t signal_send_pgrp(uint32_t pgid, const struct siginfo *info);
/** kill(2) with permission checks: pid > 0, 0, -1, < -1; tgkill(2). */
must_check err_t signal_kill_process(struct process *process, const struct siginfo *info);
must_check err_t signal_kill(int64_t pid, const struct siginfo *info);
must_check err_t signal_tgkill(int64_t tgid, int64_t tid, const struct siginfo *info);

/** A deliverable signal waits for the current thread: a sleep that can be interrupted must end. */
bool signal_is_pending(void);

must_check err_t signal_get_action(int signo, struct sigaction *action);
#define SIGNALS_FORCED (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))
/** Set *@action, which becomes what was there before. What waits and is ignored from now on is dropped
 *  when it is looked at. */
must_check static inline err_t signal_exchange_action(int signo, struct sigaction *action)
{
	struct sighand *sighand = current_process()->sighand;
	if (signo < 1 || signo > NSIG || signo == SIGKILL || signo == SIGSTOP)
		return -EINVAL;
	struct sigaction *slot = &sighand->actions[signo - 1];
	action->mask &= ~SIGNALS_FORCED;
	spin_lock(&sighand->lock);
	uint64_t handler = slot->handler, flags = slot->flags, restorer = slot->restorer,
		 mask = slot->mask; // one by one, which compilers keep in registers
	*slot = *action;
	spin_unlock(&sighand->lock);
	action->handler = handler;
	action->flags = flags;
	action->restorer = restorer;
	action->mask = mask;
	return 0;
}
/** @how: SIG_BLOCK 0, SIG_UNBLOCK 1, SIG_SETMASK 2. */
must_check err_t signal_set_mask(int how, uint64_t set, uint64_t *old);
uint64_t signal_pending_set(void);
/** sigsuspend, ppoll, pselect: use @mask until the next handler has run. */
void signal_set_temporary_mask(uint64_t mask);
/** ... or put it back at once, when the call did not end by a signal. */
void signal_restore_mask(void);
/** sigtimedwait. The signal's number or -EAGAIN, -EINTR. */
must_check int64_t signal_wait(uint64_t set, nsec_t deadline, struct siginfo *info);
/** The present system call was disturbed and is made again, or fails with -EINTR, on the way to user
 *  mode, whether or not a signal is left by then. */
void proc_restart_call(void);
/** Linux's 128-byte siginfo_t of @info. */
void signal_encode_info(void *linux_siginfo, const struct siginfo *info);
/** rt_sigreturn: the result register afterwards. */
void signal_return(struct trapframe *tf);

/** Errors that a restartable system call returns instead of -EINTR: delivery turns them into a restart
 *  or into -EINTR, by SA_RESTART. Never seen by programs: -ERESTARTSYS (restart if SA_RESTART or no
 *  handler), -ERESTARTNOHAND and -ERESTART_RESTARTBLOCK (restart only if no handler ran). */
