// SPDX-License-Identifier: MIT
// Controlling terminals. A terminal knows its session and that session's foreground group; a
// process knows its terminal. The terminal decides: what a process has is valid only while the
// terminal's session is the process's own. So a process that was forked while its session lost
// the terminal has none, whatever it copied.
//
// tty_session_lock covers a terminal's session and foreground, and process->tty of the current
// process where it is set. Under it nothing is taken; signals are sent after it was let go.
#include "tty.h"

#include <kernel/upcall.h>
#include <object/cred.h>
#include <proc/process.h>
#include <proc/signal.h>
#include <uapi/errno.h>

#define SIG_IGN 1

static struct spinlock tty_session_lock = SPINLOCK_INIT;

static struct tty *controlling_of(const struct process *process)
{
	struct tty *tty = process ? process->tty : NULL;
	return tty && tty->session == process->sid ? tty : NULL;
}

struct tty *tty_controlling(void)
{
	return controlling_of(current_process());
}

static bool is_leader(const struct process *process)
{
	return process && process->pid == process->sid;
}

static void send_group(uint32_t pgid, int signo)
{
	struct siginfo info = {.signo = signo, .code = SI_KERNEL};
	if (pgid)
		(void)signal_send_pgrp(pgid, &info); // nobody there: nobody to tell
}

void tty_signal_foreground(struct tty *tty, int signo)
{
	spin_lock(&tty_session_lock);
	uint32_t pgid = tty->foreground;
	spin_unlock(&tty_session_lock);
	send_group(pgid, signo);
}

/** Make @tty the terminal of @process, which leads a session, if it is nobody's. */
static bool take_free(struct tty *tty, struct process *process, uint32_t pgid)
{
	spin_lock(&tty_session_lock);
	bool is_free = tty->session == 0;
	if (is_free) {
		tty->session = process->sid;
		tty->foreground = pgid;
		process->tty = tty;
	}
	spin_unlock(&tty_session_lock);
	return is_free;
}

void tty_maybe_acquire(struct tty *tty, uint32_t open_flags)
{
	struct process *process = current_process();
	if ((open_flags & (O_NOCTTY | O_PATH)) || (open_flags & O_ACCMODE) == O_WRONLY ||
	    !is_leader(process) || tty_controlling())
		return;
	take_free(tty, process, (uint32_t)proc_getpgid(0));
}

static bool is_blocked_or_ignored(int signo)
{
	struct process *process = current_process();
	spin_lock(&process->sighand->lock);
	bool is_ignored = process->sighand->actions[signo - 1].handler == SIG_IGN;
	spin_unlock(&process->sighand->lock);
	return is_ignored || (current_thread()->proc.sigmask & SIGBIT(signo));
}

err_t tty_check_background(struct tty *tty, int signo)
{
	if (tty_controlling() != tty)
		return 0;
	uint32_t pgid = (uint32_t)proc_getpgid(0);
	spin_lock(&tty_session_lock);
	bool is_foreground = !tty->foreground || tty->foreground == pgid;
	spin_unlock(&tty_session_lock);
	if (is_foreground)
		return 0;
	if (is_blocked_or_ignored(signo))
		return signo == SIGTTIN ? -EIO : 0;
	if (proc_pgrp_is_orphaned(pgid))
		return -EIO; // nobody would continue it
	send_group(pgid, signo);
	return -ERESTARTSYS;
}

struct forget {
	struct tty *tty;
	uint32_t session;
};

static bool forget_tty(void *arg, struct process *process)
{
	const struct forget *forget = arg;
	if (process->sid == forget->session && process->tty == forget->tty)
		process->tty = NULL;
	return true;
}

/** Take @tty from its session; which it was, and its foreground group. */
static uint32_t end_session(struct tty *tty, uint32_t *foreground)
{
	spin_lock(&tty_session_lock);
	struct forget forget = {tty, tty->session};
	*foreground = tty->foreground;
	tty->session = tty->foreground = 0;
	spin_unlock(&tty_session_lock);
	if (forget.session)
		process_for_each(forget_tty, &forget);
	return forget.session;
}

err_t tty_acquire(struct tty *tty, struct file *file, bool is_forced)
{
	struct process *process = current_process();
	bool is_admin = cred_has_cap(cred_current(), CAP_SYS_ADMIN);
	uint32_t foreground;
	if (is_leader(process) && tty_controlling() == tty)
		return 0;
	if (!is_leader(process) || tty_controlling())
		return -EPERM;
	if ((load_relaxed(&file->flags) & O_ACCMODE) == O_WRONLY && !is_admin)
		return -EPERM;
	uint32_t pgid = (uint32_t)proc_getpgid(0);
	if (take_free(tty, process, pgid))
		return 0;
	if (!is_forced || !is_admin)
		return -EPERM;
	end_session(tty, &foreground);
	return take_free(tty, process, pgid) ? 0 : -EPERM;
}

err_t tty_give_up(struct tty *tty)
{
	struct process *process = current_process();
	uint32_t foreground;
	if (tty_controlling() != tty)
		return -ENOTTY;
	if (!is_leader(process)) {
		process->tty = NULL;
		return 0;
	}
	end_session(tty, &foreground);
	send_group(foreground, SIGHUP);
	send_group(foreground, SIGCONT);
	return 0;
}

int64_t tty_get_foreground(struct tty *tty, bool is_master)
{
	if (!is_master && tty_controlling() != tty)
		return -ENOTTY;
	return tty->foreground;
}

int64_t tty_get_session(struct tty *tty, bool is_master)
{
	if (!is_master && tty_controlling() != tty)
		return -ENOTTY;
	return tty->session ? (int64_t)tty->session : -ENOTTY;
}

err_t tty_set_foreground(struct tty *tty, int32_t pgid)
{
	err_t err = tty_check_background(tty, SIGTTOU);
	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (tty_controlling() != tty)
		return -ENOTTY;
	if (pgid < 0)
		return -EINVAL;
	if (!proc_pgrp_in_session((uint32_t)pgid, current_process()->sid))
		return -EPERM;
	spin_lock(&tty_session_lock);
	tty->foreground = (uint32_t)pgid;
	spin_unlock(&tty_session_lock);
	return 0;
}

static void signal_leader(uint32_t session)
{
	struct process *leader = process_find(session);
	struct siginfo info = {.signo = SIGHUP, .code = SI_KERNEL};
	if (!leader)
		return;
	(void)signal_send_process(leader, &info);
	info.signo = SIGCONT;
	(void)signal_send_process(leader, &info);
	process_put(leader);
}

void tty_hang_up(struct tty *tty, bool is_exit)
{
	uint32_t foreground;
	uint32_t session = end_session(tty, &foreground);
	tty_end_opens(tty);
	if (is_exit)
		send_group(foreground, SIGHUP);
	else if (session)
		signal_leader(session);
}

void upcall_session_leader_exit(struct process *process)
{
	struct tty *tty = controlling_of(process);
	uint32_t foreground;
	process->tty = NULL;
	if (!tty)
		return;
	if (!tty->ops->is_pty) {
		tty_hang_up(tty, true);
		return;
	}
	// The other side of a pseudo terminal may still want to read what was written.
	end_session(tty, &foreground);
	send_group(foreground, SIGHUP);
}
