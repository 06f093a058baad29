// SPDX-License-Identifier: MIT
// Sending and delivering signals.
#pragma once

#include <proc/process.h>

/** Send to a process or one thread, no permission check. 0, -EAGAIN (queue full), -ESRCH. Any thread
 *  context; not from interrupts. */
err_t signal_send_process(struct process *process, const struct siginfo *info);
err_t signal_send_thread(struct thread *thread, const struct siginfo *info);
/** To every member of a process group: 0 if one was reached, -ESRCH. From the tty too. */
err_t signal_send_pgrp(uint32_t pgid, const struct siginfo *info);
/** kill(2) with permission checks: pid > 0, 0, -1, < -1; tgkill(2). */
must_check err_t signal_kill_process(struct process *process, const struct siginfo *info);
must_check err_t signal_kill(int64_t pid, const struct siginfo *info);
must_check err_t signal_tgkill(int64_t tgid, int64_t tid, const struct siginfo *info);

/** A deliverable signal waits for the current thread: a sleep that can be interrupted must end. */
bool signal_is_pending(void);

must_check err_t signal_get_action(int signo, struct sigaction *action);
/** Set *@action, which becomes what was there before. */
must_check err_t signal_exchange_action(int signo, struct sigaction *action);
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
#include <uapi/errno.h>
