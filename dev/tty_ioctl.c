// SPDX-License-Identifier: MIT
// ioctl on terminals: settings, size, queues, job control. Numbers and structures are Linux's.
#include "tty.h"

#include <lib/string.h>
#include <mm/ucopy.h>
#include <object/cred.h>
#include <uapi/errno.h>
#include <uapi/signal.h>

#define BOTHER 010000u // of CBAUD: the speed stands in ospeed
#define BAUD_EXTENDED 010000u

static uint32_t baud_of(const struct termios2 *termios)
{
	static const uint32_t slow[] = {0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400,
					4800, 9600, 19200, 38400};
	static const uint32_t fast[] = {0, 57600, 115200, 230400, 460800, 500000, 576000, 921600,
					1000000, 1152000, 1500000, 2000000, 2500000, 3000000,
					3500000, 4000000};
	uint32_t code = termios->cflag & CBAUD;
	if (code == BOTHER)
		return termios->ospeed;
	return code & BAUD_EXTENDED ? fast[code & 15] : slow[code & 15];
}

static struct termios2 get_termios(struct tty *tty)
{
	sched_mutex_lock(&tty->lock);
	struct termios2 termios = tty->ldisc.termios;
	sched_mutex_unlock(&tty->lock);
	return termios;
}

static err_t get_settings(struct tty *tty, uint64_t arg, size_t size)
{
	struct termios2 termios = get_termios(tty);
	return mm_copy_out(arg, &termios, size);
}

/** Output needs no waiting for: it is with the device when write() returns. */
static void apply_termios(struct tty *tty, const struct termios2 *termios, bool flushes)
{
	sched_mutex_lock(&tty->lock);
	if (flushes) {
		ldisc_flush_input(&tty->ldisc);
		tty_input_taken(tty);
	}
	ldisc_set_termios(&tty->ldisc, termios);
	// A reader looks at what is there in another way now.
	if (ldisc_has_input(&tty->ldisc, 1))
		tty_wake_readers(tty);
	sched_mutex_unlock(&tty->lock);
}

static err_t set_settings(struct tty *tty, uint64_t arg, size_t size, bool flushes)
{
	struct termios2 termios = get_termios(tty);
	err_t err = mm_copy_in(&termios, arg, size);
	if (err)
		return err;
	termios.ospeed = baud_of(&termios);
	if (size == TERMIOS_SIZE || (termios.cflag & CBAUD) != BOTHER)
		termios.ispeed = termios.ospeed;
	apply_termios(tty, &termios, flushes);
	return 0;
}

static err_t get_termio(struct tty *tty, uint64_t arg)
{
	struct termios2 t = get_termios(tty);
	struct termio old = {(uint16_t)t.iflag, (uint16_t)t.oflag, (uint16_t)t.cflag,
			     (uint16_t)t.lflag, t.line, {0}};
	memcpy(old.cc, t.cc, sizeof(old.cc));
	return mm_copy_out(arg, &old, sizeof(old));
}

static uint32_t low_half(uint32_t whole, uint16_t low)
{
	return (whole & 0xffff0000u) | low;
}

static err_t set_termio(struct tty *tty, uint64_t arg, bool flushes)
{
	struct termios2 t = get_termios(tty);
	struct termio old;
	err_t err = mm_copy_in(&old, arg, sizeof(old));
	if (err)
		return err;
	t.iflag = low_half(t.iflag, old.iflag);
	t.oflag = low_half(t.oflag, old.oflag);
	t.cflag = low_half(t.cflag, old.cflag);
	t.lflag = low_half(t.lflag, old.lflag);
	t.line = old.line;
	memcpy(t.cc, old.cc, sizeof(old.cc));
	t.ispeed = t.ospeed = baud_of(&t);
	apply_termios(tty, &t, flushes);
	return 0;
}

/** -ENOTTY: not one of these. */
static err_t settings_ioctl(struct tty *tty, uint32_t command, uint64_t arg)
{
	switch (command) {
	case TCGETS:
		return get_settings(tty, arg, TERMIOS_SIZE);
	case TCGETS2:
		return get_settings(tty, arg, sizeof(struct termios2));
	case TCGETA:
		return get_termio(tty, arg);
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
		return set_settings(tty, arg, TERMIOS_SIZE, command == TCSETSF);
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
		return set_settings(tty, arg, sizeof(struct termios2), command == TCSETSF2);
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
		return set_termio(tty, arg, command == TCSETAF);
	default:
		return -ENOTTY;
	}
}

static err_t get_size(struct tty *tty, uint64_t arg)
{
	sched_mutex_lock(&tty->lock);
	struct winsize size = tty->size;
	sched_mutex_unlock(&tty->lock);
	return mm_copy_out(arg, &size, sizeof(size));
}

static err_t set_size(struct tty *tty, uint64_t arg)
{
	struct winsize size;
	err_t err = mm_copy_in(&size, arg, sizeof(size));
	if (err)
		return err;
	sched_mutex_lock(&tty->lock);
	bool is_other = memcmp(&tty->size, &size, sizeof(size)) != 0;
	tty->size = size;
	sched_mutex_unlock(&tty->lock);
	if (is_other)
		tty_signal_foreground(tty, SIGWINCH);
	return 0;
}

static err_t flush_queues(struct tty *tty, uint64_t which)
{
	if (which > TCIOFLUSH)
		return -EINVAL;
	sched_mutex_lock(&tty->lock);
	if (which != TCOFLUSH) {
		ldisc_flush_input(&tty->ldisc);
		tty_input_taken(tty);
	}
	if (which != TCIFLUSH)
		tty->ldisc.ops->flush_output(&tty->ldisc);
	sched_mutex_unlock(&tty->lock);
	return 0;
}

/** TCXONC. */
static err_t control_flow(struct tty *tty, uint64_t action)
{
	if (action > TCION)
		return -EINVAL;
	sched_mutex_lock(&tty->lock);
	if (action == TCOOFF || action == TCOON) {
		ldisc_set_stopped(&tty->ldisc, action == TCOOFF);
	} else {
		char c = (char)tty->ldisc.termios.cc[action == TCIOFF ? VSTOP : VSTART];
		if (c && tty->ops->room(tty))
			tty->ops->output(tty, &c, 1);
	}
	sched_mutex_unlock(&tty->lock);
	return 0;
}

static err_t put_u32(uint64_t arg, int64_t value)
{
	uint32_t word = (uint32_t)value;
	return value < 0 ? (err_t)value : mm_copy_out(arg, &word, sizeof(word));
}

static err_t count_input(struct tty *tty, uint64_t arg)
{
	sched_mutex_lock(&tty->lock);
	uint32_t count = ldisc_input_count(&tty->ldisc);
	sched_mutex_unlock(&tty->lock);
	return put_u32(arg, count);
}

static err_t set_exclusive(struct tty *tty, bool is_exclusive)
{
	sched_mutex_lock(&tty->lock);
	tty->is_exclusive = is_exclusive;
	sched_mutex_unlock(&tty->lock);
	return 0;
}

/** TIOCSTI: as if typed. */
static err_t type_byte(struct tty *tty, uint64_t arg)
{
	uint8_t c;
	if (tty_controlling() != tty && !cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	err_t err = mm_copy_in(&c, arg, 1);
	if (!err && !tty_receive(tty, &c, 1))
		err = -EAGAIN;
	return err;
}

static err_t set_discipline(uint64_t arg)
{
	uint32_t number;
	err_t err = mm_copy_in(&number, arg, sizeof(number));
	if (err)
		return err;
	return number == 0 ? 0 : -EINVAL; // N_TTY is the only one
}

static err_t hang_up(struct tty *tty)
{
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	tty_hang_up(tty, false);
	return 0;
}

static err_t set_foreground(struct tty *tty, uint64_t arg)
{
	int32_t pgid;
	err_t err = mm_copy_in(&pgid, arg, sizeof(pgid));
	return err ? err : tty_set_foreground(tty, pgid);
}

static err_t job_ioctl(struct tty *tty, struct file *file, uint32_t command, uint64_t arg,
		       bool is_master)
{
	switch (command) {
	case TIOCSCTTY:
		return tty_acquire(tty, file, arg == 1);
	case TIOCNOTTY:
		return tty_give_up(tty);
	case TIOCGPGRP:
		return put_u32(arg, tty_get_foreground(tty, is_master));
	case TIOCSPGRP:
		return set_foreground(tty, arg);
	case TIOCGSID:
		return put_u32(arg, tty_get_session(tty, is_master));
	case TIOCVHANGUP:
		return hang_up(tty);
	default:
		return -ENOTTY;
	}
}

static err_t device_ioctl(struct tty *tty, uint32_t command, uint64_t arg)
{
	switch (command) {
	case TIOCGWINSZ:
		return get_size(tty, arg);
	case TIOCSWINSZ:
		return set_size(tty, arg);
	case TIOCINQ:
		return count_input(tty, arg);
	case TIOCOUTQ:
		return put_u32(arg, 0);
	case TCFLSH:
		return flush_queues(tty, arg);
	case TCXONC:
		return control_flow(tty, arg);
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
		return 0; // nothing is under way, and no device here sends breaks
	case TIOCEXCL:
	case TIOCNXCL:
		return set_exclusive(tty, command == TIOCEXCL);
	case TIOCSTI:
		return type_byte(tty, arg);
	case TIOCGETD:
		return put_u32(arg, 0);
	case TIOCSETD:
		return set_discipline(arg);
	default:
		return -ENOTTY;
	}
}

/** Commands by which a background process would change its terminal. */
static bool is_change(uint32_t command)
{
	switch (command) {
	case TCSETS:
	case TCSETSW:
	case TCSETSF:
	case TCSETS2:
	case TCSETSW2:
	case TCSETSF2:
	case TCSETA:
	case TCSETAW:
	case TCSETAF:
	case TCFLSH:
	case TCXONC:
	case TCSBRK:
	case TCSBRKP:
	case TIOCSBRK:
	case TIOCCBRK:
	case TIOCSETD:
		return true;
	default:
		return false;
	}
}

int64_t tty_ioctl_common(struct tty *tty, struct file *file, uint32_t command, uint64_t arg,
			 bool is_master)
{
	if (is_change(command) && !is_master) {
		err_t err = tty_check_background(tty, SIGTTOU);
		if (err)
			return err;
	}
	err_t err = settings_ioctl(tty, command, arg);
	if (err == -ENOTTY)
		err = device_ioctl(tty, command, arg);
	if (err == -ENOTTY)
		err = job_ioctl(tty, file, command, arg, is_master);
	return err;
}

int64_t tty_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	if (tty_is_hung_up(file->data))
		return command == TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_ioctl_common(tty_of(file), file, command, arg, false);
}
