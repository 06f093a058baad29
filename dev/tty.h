// SPDX-License-Identifier: MIT
// Terminals, inside dev/. A terminal exists for ever or stands in a static table (pseudo
// terminals), so pointers to one never go stale; what is open is counted.
//
// Locks, in order: write_lock or read_lock (one program's whole write or read) → lock → what
// signals take. All sleep but the last; interrupts only fill the console's ring (console.c).
#pragma once

#include <object/file.h>
#include <sched/mutex.h>

#include "ldisc.h"

struct process;
struct tty;

/** The device under a terminal. `lock` is held in all. */
struct tty_ops {
	/** Bytes for the device; at most room() of them. */
	void (*output)(struct tty *tty, const char *text, size_t len);
	size_t (*room)(struct tty *tty);
	/** Input that tty_receive() did not take can be offered again. */
	void (*input_room)(struct tty *tty);
	/** Throw away output that is under way. May be NULL. */
	void (*flush_output)(struct tty *tty);
	/** The last open file is closed. May be NULL. */
	void (*last_close)(struct tty *tty);
	bool is_pty;
};

#define TTY_HELD 1024

/** l = lock, s = tty_session_lock. */
struct tty {
	const struct tty_ops *ops;
	uint64_t rdev; // of its own node
	struct sched_mutex lock, read_lock, write_lock;
	struct ldisc ldisc; // l
	struct winsize size; // l
	struct sched_cond readable, writable; // with lock
	struct poll_source source;
	uint32_t hangups; // files opened before the last hang-up see their end (l)
	_Atomic uint32_t is_stuck; // input is not taken until somebody reads (l; read without)
	uint32_t open_count; // l
	bool is_exclusive; // TIOCEXCL (l)
	char held[TTY_HELD]; // echo made while output was stopped (l)
	size_t held_len; // (l)
	uint32_t session; // whose controlling terminal it is, 0 = nobody's (s)
	uint32_t foreground; // process group (s)
};

/** What file->data of a terminal is. */
struct tty_open {
	struct tty *tty;
	uint32_t hangups; // of the tty when it was opened
	bool is_console; // by /dev/console: survives hang-ups
};

void tty_setup(struct tty *tty, const struct tty_ops *ops, uint64_t rdev);
/** Settings and buffers as at first: nobody has it open. */
void tty_reset(struct tty *tty);
/** Open @tty; may make it the controlling terminal of the current process. */
must_check err_t tty_open(struct tty *tty, uint32_t open_flags, bool is_console,
			  struct file **file);
/** Bytes from the device; how many were taken. Thread context, no lock. */
size_t tty_receive(struct tty *tty, const uint8_t *bytes, size_t len);
/** Readers get end of file, writers -EIO. */
void tty_end_opens(struct tty *tty);
/** The same, and the session loses the terminal: SIGHUP and SIGCONT to its leader, @is_exit (the
 *  leader ends by itself): SIGHUP to the foreground group. */
void tty_hang_up(struct tty *tty, bool is_exit);
/** There is room for output, or something else to look at, again (lock held). */
void tty_wake_writers(struct tty *tty);
void tty_wake_readers(struct tty *tty);
/** Input was read or thrown away (lock held). */
void tty_input_taken(struct tty *tty);
bool tty_is_hung_up(const struct tty_open *open);
/** NULL: not a terminal (or a master). */
struct tty *tty_of_file(struct file *file);
static inline struct tty *tty_of(struct file *file)
{
	return ((struct tty_open *)file->data)->tty;
}

// tty_session.c
/** The current process's controlling terminal, NULL = none. */
struct tty *tty_controlling(void);
/** @tty was opened: it becomes the controlling terminal of a leader that has none. */
void tty_maybe_acquire(struct tty *tty, uint32_t open_flags);
/** A background process touches its terminal: 0 go on; -ERESTARTSYS: @signo was sent; -EIO. */
must_check err_t tty_check_background(struct tty *tty, int signo);
/** TIOCSCTTY, TIOCNOTTY. */
must_check err_t tty_acquire(struct tty *tty, struct file *file, bool is_forced);
must_check err_t tty_give_up(struct tty *tty);
/** TIOCGPGRP, TIOCSPGRP, TIOCGSID; by the master of a pseudo terminal every session may be asked.
 *  */
must_check int64_t tty_get_foreground(struct tty *tty, bool is_master);
must_check err_t tty_set_foreground(struct tty *tty, int32_t pgid);
must_check int64_t tty_get_session(struct tty *tty, bool is_master);
/** @signo to the foreground group. */
void tty_signal_foreground(struct tty *tty, int signo);

// tty_ioctl.c
int64_t tty_ioctl(struct file *file, uint32_t command, uint64_t arg);
/** Those that the two sides of a pseudo terminal share; @tty is the slave. -ENOTTY. */
int64_t tty_ioctl_common(struct tty *tty, struct file *file, uint32_t command, uint64_t arg,
			 bool is_master);

// console.c, mem.c
void console_init(void);
void mem_init(void);
/** The consoles' own nodes: "ttyS0", "tty1". */
void console_for_each(void (*visit)(const char *name, uint32_t mode, uint64_t rdev));
