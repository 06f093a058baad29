// SPDX-License-Identifier: MIT
// Terminals as files: open, read, write, poll, hang-up. What bytes mean is ldisc.c's; whose
// terminal it is, tty_session.c's.
#include "tty.h"

#include <kernel/time.h>
#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <proc/signal.h>
#include <sched/sched.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

#define CHUNK 64 // bytes for the device at a time: interrupts are off while a UART is fed
#define READ_CHUNK 256
#define WRITE_CHUNK 256

static struct tty *tty_of_ldisc(struct ldisc *ldisc)
{
	return container_of(ldisc, struct tty, ldisc);
}

/** Echo never waits: what the device has no room for, and what does not fit while output is
 *  stopped, is lost. */
static void echo(struct ldisc *ldisc, const char *text, size_t len)
{
	struct tty *tty = tty_of_ldisc(ldisc);
	if (!ldisc->is_stopped) {
		tty->ops->output(tty, text, min(len, tty->ops->room(tty)));
		return;
	}
	len = min(len, TTY_HELD - tty->held_len);
	memcpy(tty->held + tty->held_len, text, len);
	tty->held_len += len;
}

static void signal_typed(struct ldisc *ldisc, int signo)
{
	tty_signal_foreground(tty_of_ldisc(ldisc), signo);
}

static void flush_output(struct ldisc *ldisc)
{
	struct tty *tty = tty_of_ldisc(ldisc);
	tty->held_len = 0;
	if (tty->ops->flush_output)
		tty->ops->flush_output(tty);
}

void tty_wake_writers(struct tty *tty)
{
	sched_cond_broadcast(&tty->writable);
	poll_notify(&tty->source, POLLOUT | POLLWRNORM);
}

void tty_wake_readers(struct tty *tty)
{
	sched_cond_broadcast(&tty->readable);
	poll_notify(&tty->source, POLLIN | POLLRDNORM);
}

static void set_stopped(struct ldisc *ldisc, bool is_stopped)
{
	struct tty *tty = tty_of_ldisc(ldisc);
	if (is_stopped)
		return;
	tty->ops->output(tty, tty->held, min(tty->held_len, tty->ops->room(tty)));
	tty->held_len = 0;
	tty_wake_writers(tty);
}

static const struct ldisc_ops ldisc_ops = {
	.echo = echo,
	.signal = signal_typed,
	.flush_output = flush_output,
	.set_stopped = set_stopped,
};

void tty_setup(struct tty *tty, const struct tty_ops *ops, uint64_t rdev)
{
	memset(tty, 0, sizeof(*tty));
	tty->ops = ops;
	tty->rdev = rdev;
	sched_mutex_init(&tty->lock);
	sched_mutex_init(&tty->read_lock);
	sched_mutex_init(&tty->write_lock);
	sched_cond_init(&tty->readable);
	sched_cond_init(&tty->writable);
	poll_source_init(&tty->source);
	tty_reset(tty);
}

void tty_reset(struct tty *tty)
{
	sched_mutex_lock(&tty->lock);
	ldisc_init(&tty->ldisc, &ldisc_ops);
	tty->size = (struct winsize){0};
	tty->is_exclusive = false;
	tty->held_len = 0;
	store_release(&tty->is_stuck, 0);
	sched_mutex_unlock(&tty->lock);
}

size_t tty_receive(struct tty *tty, const uint8_t *bytes, size_t len)
{
	sched_mutex_lock(&tty->lock);
	size_t used = ldisc_receive(&tty->ldisc, bytes, len);
	store_release(&tty->is_stuck, used < len);
	if (ldisc_has_input(&tty->ldisc, 1))
		tty_wake_readers(tty);
	sched_mutex_unlock(&tty->lock);
	return used;
}

void tty_input_taken(struct tty *tty)
{
	if (!load_relaxed(&tty->is_stuck))
		return;
	store_release(&tty->is_stuck, 0);
	tty->ops->input_room(tty);
}

bool tty_is_hung_up(const struct tty_open *open)
{
	return open->hangups != open->tty->hangups && !open->is_console;
}

void tty_end_opens(struct tty *tty)
{
	sched_mutex_lock(&tty->lock);
	tty->hangups++;
	tty->held_len = 0;
	ldisc_flush_input(&tty->ldisc);
	ldisc_set_stopped(&tty->ldisc, false);
	tty_input_taken(tty);
	sched_cond_broadcast(&tty->readable);
	sched_cond_broadcast(&tty->writable);
	poll_notify(&tty->source, POLLHUP | POLLERR | POLLIN | POLLOUT);
	sched_mutex_unlock(&tty->lock);
}

// ---- reading ------------------------------------------------------------------------------------

/** How one read waits: VMIN and VTIME. */
struct read_plan {
	uint64_t minimum; // bytes after which it returns
	nsec_t deadline; // of the present wait
	nsec_t interval; // the deadline after each piece; 0: it stays as it is
};

static struct read_plan make_plan(const struct tty *tty)
{
	struct read_plan plan = {1, NSEC_NEVER, 0};
	nsec_t time = tty->ldisc.termios.cc[VTIME] * (NSEC_PER_SEC / 10);
	if (ldisc_is_canonical(&tty->ldisc))
		return plan;
	if (tty->ldisc.termios.cc[VMIN]) {
		plan.minimum = tty->ldisc.termios.cc[VMIN];
		plan.interval = time; // begins with the first byte
	} else {
		plan.deadline = time_now() + time;
	}
	return plan;
}

/** Wait for input (lock held): 0; 1: there will be none, by hang-up or time; negative. */
static int wait_input(struct tty *tty, struct file *file, const struct read_plan *plan)
{
	err_t err = 0;
	while (!ldisc_has_input(&tty->ldisc, 1)) {
		if (tty_is_hung_up(file->data) || err == -ETIMEDOUT || time_now() >= plan->deadline)
			return 1;
		if (load_relaxed(&file->flags) & O_NONBLOCK)
			return -EAGAIN;
		if (err)
			return -ERESTARTSYS;
		err = sched_cond_wait(&tty->readable, &tty->lock, plan->deadline,
				      SCHED_WAIT_INTERRUPTIBLE);
	}
	return 0;
}

/** One piece of a read that has @done bytes: bytes given or negative; *@is_over when it ends
 *  here. */
static int64_t read_piece(struct tty *tty, struct file *file, struct io_vec *io, uint64_t done,
			  struct read_plan *plan, bool *is_over)
{
	uint8_t piece[READ_CHUNK];
	size_t n = 0;
	*is_over = true;
	sched_mutex_lock(&tty->lock);
	int end = wait_input(tty, file, plan);
	if (!end) {
		n = ldisc_read(&tty->ldisc, piece, min(io->left, (uint64_t)READ_CHUNK), is_over);
		bool has_more = ldisc_has_input(&tty->ldisc, 1);
		if (!ldisc_is_canonical(&tty->ldisc))
			*is_over = !has_more && done + n >= plan->minimum;
		if (!has_more && plan->interval)
			plan->deadline = time_now() + plan->interval;
		tty_input_taken(tty);
	}
	sched_mutex_unlock(&tty->lock);
	if (end)
		return min(end, 0);
	return io_vec_put(io, piece, n) == n ? (int64_t)n : -EFAULT;
}

static int64_t read_pieces(struct tty *tty, struct file *file, struct io_vec *io)
{
	uint64_t done = 0;
	bool is_over = false;
	sched_mutex_lock(&tty->lock);
	struct read_plan plan = make_plan(tty);
	sched_mutex_unlock(&tty->lock);
	while (io->left && !is_over) {
		int64_t n = read_piece(tty, file, io, done, &plan, &is_over);
		if (n < 0)
			return done ? (int64_t)done : n;
		done += (uint64_t)n;
	}
	return (int64_t)done;
}

/** Keep other readers, or writers, out during one call. */
static err_t lock_call(struct sched_mutex *mutex, struct file *file)
{
	if (load_relaxed(&file->flags) & O_NONBLOCK)
		return sched_mutex_trylock(mutex) ? 0 : -EAGAIN;
	return sched_mutex_lock_interruptible(mutex) ? -ERESTARTSYS : 0;
}

static int64_t tty_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct tty *tty = tty_of(file);
	(void)pos;
	if (tty_is_hung_up(file->data))
		return 0;
	err_t err = tty_check_background(tty, SIGTTIN);
	if (!err)
		err = lock_call(&tty->read_lock, file);
	if (err)
		return err;
	int64_t done = read_pieces(tty, file, io);
	sched_mutex_unlock(&tty->read_lock);
	return done;
}

// ---- writing ------------------------------------------------------------------------------------

/** What one byte may become fits. */
static bool can_output(struct tty *tty)
{
	return !tty->ldisc.is_stopped && tty->ops->room(tty) >= 8;
}

/** Wait until output is possible (lock held). */
static err_t wait_output(struct tty *tty, struct file *file)
{
	err_t err = 0;
	while (!can_output(tty) || tty_is_hung_up(file->data)) {
		if (tty_is_hung_up(file->data))
			return -EIO;
		if (load_relaxed(&file->flags) & O_NONBLOCK)
			return -EAGAIN;
		if (err)
			return -ERESTARTSYS;
		err = sched_cond_wait(&tty->writable, &tty->lock, NSEC_NEVER,
				      SCHED_WAIT_INTERRUPTIBLE);
	}
	return 0;
}

/** Put @len bytes out: 0, or an error with *@used of them gone. */
static err_t put_bytes(struct tty *tty, struct file *file, const uint8_t *from, size_t len,
		       size_t *used)
{
	char out[CHUNK];
	err_t err = 0;
	*used = 0;
	sched_mutex_lock(&tty->lock);
	while (*used < len && !(err = wait_output(tty, file))) {
		size_t n;
		size_t made = ldisc_output(&tty->ldisc, from + *used, len - *used, &n, out,
					   min(tty->ops->room(tty), sizeof(out)));
		tty->ops->output(tty, out, made);
		*used += n;
	}
	sched_mutex_unlock(&tty->lock);
	return err;
}

static int64_t write_pieces(struct tty *tty, struct file *file, struct io_vec *io)
{
	uint8_t piece[WRITE_CHUNK];
	uint64_t done = 0;
	err_t err = 0;
	while (io->left && !err) {
		size_t used = 0;
		size_t n = io_vec_take(io, piece, min(io->left, (uint64_t)WRITE_CHUNK));
		err = n ? put_bytes(tty, file, piece, n, &used) : -EFAULT;
		done += used;
		sched_preempt_point();
		if (!err && io->left && signal_is_pending())
			err = -ERESTARTSYS;
	}
	return done ? (int64_t)done : err;
}

static int64_t tty_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct tty *tty = tty_of(file);
	(void)pos;
	if (tty_is_hung_up(file->data))
		return -EIO;
	err_t err = 0;
	if (tty->ldisc.termios.lflag & TOSTOP)
		err = tty_check_background(tty, SIGTTOU);
	if (!err)
		err = lock_call(&tty->write_lock, file);
	if (err)
		return err;
	int64_t done = write_pieces(tty, file, io);
	sched_mutex_unlock(&tty->write_lock);
	return done;
}

// ---- the rest -----------------------------------------------------------------------------------

static uint32_t tty_poll(struct file *file, struct poll_entry *entry)
{
	struct tty *tty = tty_of(file);
	const uint8_t *cc = tty->ldisc.termios.cc;
	uint32_t events = 0;
	poll_link(&tty->source, entry);
	sched_mutex_lock(&tty->lock);
	if (ldisc_has_input(&tty->ldisc, !cc[VTIME] && cc[VMIN] ? cc[VMIN] : 1))
		events |= POLLIN | POLLRDNORM;
	if (can_output(tty))
		events |= POLLOUT | POLLWRNORM;
	if (tty_is_hung_up(file->data))
		events = POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
	sched_mutex_unlock(&tty->lock);
	return events;
}

static void tty_release(struct file *file)
{
	struct tty *tty = tty_of(file);
	sched_mutex_lock(&tty->lock);
	if (--tty->open_count == 0) {
		tty->is_exclusive = false;
		if (tty->ops->last_close)
			tty->ops->last_close(tty);
	}
	sched_mutex_unlock(&tty->lock);
	kfree(file->data);
}

static const struct file_ops tty_file_ops = {
	.name = "tty",
	.read = tty_read,
	.write = tty_write,
	.poll = tty_poll,
	.ioctl = tty_ioctl,
	.release = tty_release,
};

struct tty *tty_of_file(struct file *file)
{
	return file->ops == &tty_file_ops ? tty_of(file) : NULL;
}

err_t tty_open(struct tty *tty, uint32_t open_flags, bool is_console, struct file **file)
{
	struct tty_open *open = kzalloc(sizeof(*open));
	if (!open)
		return -ENOMEM;
	open->tty = tty;
	open->is_console = is_console;
	*file = file_create(&tty_file_ops, open_flags, open);
	if (!*file) {
		kfree(open);
		return -ENOMEM;
	}
	(*file)->is_stream = true;
	sched_mutex_lock(&tty->lock);
	open->hangups = tty->hangups;
	tty->open_count++; // file_put() takes it back
	bool is_busy = tty->is_exclusive && !cred_has_cap(cred_current(), CAP_SYS_ADMIN);
	sched_mutex_unlock(&tty->lock);
	if (is_busy) {
		file_put(*file);
		return -EBUSY;
	}
	if (!is_console)
		tty_maybe_acquire(tty, open_flags);
	return 0;
}
