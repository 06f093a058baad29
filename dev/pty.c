// SPDX-License-Identifier: MIT
// Pseudo terminals: /dev/ptmx makes one and is its master, /dev/pts/N its slave, a terminal like
// any other. What programs write to the slave waits in a ring for the master to read; what the
// master writes is typed at the slave.
//
// A pty is made when none is free and kept for ever after, so pointers to it never go stale. It is
// free when its master is closed and nobody has the slave open. pty_lock covers which are free, and
// is taken before a slave's lock; everything else of a pty is under the slave's lock.
#include <dev/dev.h>
#include <fs/vnode.h>
#include <kernel/log.h>
#include <lib/format.h>
#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <proc/signal.h>
#include <sched/thread.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

#include "pty.h"

#define PTYS_MAX 256 // minors of one major
#define RING 4096 // a power of two
#define CHUNK 256
#define NODE_NAME 16

struct pty {
	struct tty slave;
	uint32_t index;
	bool has_master; // pty_lock
	bool is_locked; // TIOCSPTLCK: the slave cannot be opened (slave.lock)
	bool was_opened; // the slave, since the master was (slave.lock)
	uint8_t ring[RING]; // what the slave wrote (slave.lock)
	uint32_t head, tail; // positions only grow (slave.lock)
	struct sched_cond readable, writable; // the master waits here, with slave.lock
	struct poll_source source; // the master's
};

static struct sched_mutex pty_lock;
static struct pty *ptys[PTYS_MAX]; // pty_lock

static struct pty *pty_of(struct tty *tty)
{
	return container_of(tty, struct pty, slave);
}

// ---- what the slave's terminal asks of its device ----

static size_t slave_room(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	return RING - (pty->head - pty->tail);
}

static void slave_output(struct tty *tty, const char *text, size_t len)
{
	struct pty *pty = pty_of(tty);
	for (size_t i = 0; i < len; i++)
		pty->ring[pty->head++ % RING] = (uint8_t)text[i];
	sched_cond_broadcast(&pty->readable);
	poll_notify(&pty->source, POLLIN | POLLRDNORM);
}

static void slave_input_room(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	sched_cond_broadcast(&pty->writable);
	poll_notify(&pty->source, POLLOUT | POLLWRNORM);
}

static void slave_flush_output(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	pty->tail = pty->head;
	tty_wake_writers(tty);
}

static void slave_last_close(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	sched_cond_broadcast(&pty->readable);
	poll_notify(&pty->source, POLLHUP | POLLIN);
}

static const struct tty_ops slave_ops = {
	.output = slave_output,
	.room = slave_room,
	.input_room = slave_input_room,
	.flush_output = slave_flush_output,
	.last_close = slave_last_close,
	.is_pty = true,
};

/** The slave was open and is not any more (lock held). */
static bool is_abandoned(const struct pty *pty)
{
	return pty->was_opened && pty->slave.open_count == 0;
}

// ---- the master ----

static err_t master_wait(struct pty *pty, struct file *file, struct sched_cond *cond)
{
	if (load_relaxed(&file->flags) & O_NONBLOCK)
		return -EAGAIN;
	err_t err = sched_cond_wait(cond, &pty->slave.lock, NSEC_NEVER, SCHED_WAIT_INTERRUPTIBLE);
	return err ? -ERESTARTSYS : 0;
}

static size_t take_output(struct pty *pty, uint8_t *to, size_t len)
{
	size_t n = 0;
	while (n < len && pty->tail != pty->head)
		to[n++] = pty->ring[pty->tail++ % RING];
	return n;
}

static int64_t master_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct pty *pty = file->data;
	uint8_t piece[CHUNK];
	uint64_t done = 0;
	err_t err = 0;
	(void)pos;
	while (io->left && !err) {
		sched_mutex_lock(&pty->slave.lock);
		while (!done && !err && pty->head == pty->tail)
			err = is_abandoned(pty) ? -EIO : master_wait(pty, file, &pty->readable);
		size_t n = take_output(pty, piece, min(io->left, (uint64_t)CHUNK));
		if (n)
			tty_wake_writers(&pty->slave);
		sched_mutex_unlock(&pty->slave.lock);
		if (!n)
			break;
		if (io_vec_put(io, piece, n) != n)
			err = -EFAULT;
		else
			done += n;
	}
	return done ? (int64_t)done : err;
}

/** Type @len bytes at the slave: 0, or an error with *@used of them taken. */
static err_t type_bytes(struct pty *pty, struct file *file, const uint8_t *from, size_t len,
			size_t *used)
{
	err_t err = 0;
	*used = 0;
	while (!err) {
		*used += tty_receive(&pty->slave, from + *used, len - *used);
		if (*used == len)
			break;
		sched_mutex_lock(&pty->slave.lock);
		while (!err && load_relaxed(&pty->slave.is_stuck))
			err = master_wait(pty, file, &pty->writable);
		sched_mutex_unlock(&pty->slave.lock);
	}
	return err;
}

static int64_t master_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct pty *pty = file->data;
	uint8_t piece[CHUNK];
	uint64_t done = 0;
	err_t err = 0;
	(void)pos;
	while (io->left && !err) {
		size_t used = 0;
		size_t n = io_vec_take(io, piece, min(io->left, (uint64_t)CHUNK));
		err = n ? type_bytes(pty, file, piece, n, &used) : -EFAULT;
		done += used;
	}
	return done ? (int64_t)done : err;
}

static uint32_t master_poll(struct file *file, struct poll_entry *entry)
{
	struct pty *pty = file->data;
	uint32_t events = 0;
	poll_link(&pty->source, entry);
	sched_mutex_lock(&pty->slave.lock);
	if (pty->head != pty->tail)
		events |= POLLIN | POLLRDNORM;
	if (!load_relaxed(&pty->slave.is_stuck))
		events |= POLLOUT | POLLWRNORM;
	if (is_abandoned(pty))
		events |= POLLHUP;
	sched_mutex_unlock(&pty->slave.lock);
	return events;
}

static void node_name(const struct pty *pty, char name[NODE_NAME])
{
	fmt_snprintf(name, NODE_NAME, "pts/%u", pty->index);
}

static void master_release(struct file *file)
{
	struct pty *pty = file->data;
	char name[NODE_NAME];
	node_name(pty, name);
	tty_hang_up(&pty->slave, false);
	fs_devnode_remove(name);
	sched_mutex_lock(&pty_lock);
	pty->has_master = false;
	sched_mutex_unlock(&pty_lock);
}

/** Open the slave for a master that asks, by its name if that can be reached. */
static err_t open_peer(struct pty *pty, uint64_t open_flags)
{
	char path[8 + NODE_NAME] = "/dev/";
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
	struct file *file;
	uint32_t flags = (uint32_t)open_flags & (O_ACCMODE | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	node_name(pty, path + 5);
	err_t err = fs_open(&at, flags, 0, &file);
	if (err == 0 && tty_of_file(file) != &pty->slave) {
		file_put(file); // another /dev
		err = -ENOENT;
	}
	if (err)
		err = pty_open_slave(pty->index, flags, &file);
	return err ? err : file_install(file, flags & O_CLOEXEC);
}

static err_t put_u32(uint64_t arg, uint32_t value)
{
	return mm_copy_out(arg, &value, sizeof(value));
}

static err_t set_locked(struct pty *pty, uint64_t arg)
{
	uint32_t value;
	err_t err = mm_copy_in(&value, arg, sizeof(value));
	if (err)
		return err;
	sched_mutex_lock(&pty->slave.lock);
	pty->is_locked = value != 0;
	sched_mutex_unlock(&pty->slave.lock);
	return 0;
}

static int64_t master_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	struct pty *pty = file->data;
	switch (command) {
	case TIOCGPTN:
		return put_u32(arg, pty->index);
	case TIOCSPTLCK:
		return set_locked(pty, arg);
	case TIOCGPTLCK:
		return put_u32(arg, pty->is_locked);
	case TIOCGPTPEER:
		return open_peer(pty, arg);
	case TIOCINQ:
		return put_u32(arg, pty->head - pty->tail);
	case TIOCSCTTY:
	case TIOCNOTTY:
		return -ENOTTY; // it is the slave that can be somebody's terminal
	default:
		return tty_ioctl_common(&pty->slave, file, command, arg, true);
	}
}

static const struct file_ops master_ops = {
	.name = "ptmx",
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.release = master_release,
};

// ---- opening ----

static struct pty *make_pty(uint32_t index)
{
	struct pty *pty = kzalloc(sizeof(*pty));
	if (!pty)
		return NULL;
	pty->index = index;
	tty_setup(&pty->slave, &slave_ops, FS_MKDEV(PTY_SLAVE_MAJOR, index));
	sched_cond_init(&pty->readable);
	sched_cond_init(&pty->writable);
	poll_source_init(&pty->source);
	return pty;
}

/** A free pty, taken. */
static err_t take_pty(struct pty **taken)
{
	err_t err = -ENOSPC;
	sched_mutex_lock(&pty_lock);
	for (uint32_t i = 0; i < PTYS_MAX && err == -ENOSPC; i++) {
		if (!ptys[i])
			ptys[i] = make_pty(i);
		struct pty *pty = ptys[i];
		if (!pty) {
			err = -ENOMEM;
		} else if (!pty->has_master && !pty->slave.open_count) {
			pty->has_master = true;
			*taken = pty;
			err = 0;
		}
	}
	sched_mutex_unlock(&pty_lock);
	return err;
}

static void start_over(struct pty *pty)
{
	tty_reset(&pty->slave);
	sched_mutex_lock(&pty->slave.lock);
	struct termios2 *termios = &pty->slave.ldisc.termios;
	termios->cflag = B38400 | CS8 | CREAD;
	termios->ispeed = termios->ospeed = 38400;
	pty->is_locked = true;
	pty->was_opened = false;
	pty->head = pty->tail = 0;
	sched_mutex_unlock(&pty->slave.lock);
}

/** The slave's node belongs to who opened the master. */
static err_t make_node(struct pty *pty)
{
	char path[8 + NODE_NAME] = "/dev/";
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
	struct cred *cred = cred_current();
	struct fs_setattr attr = {.valid = FS_SET_UID | FS_SET_GID, .uid = cred->fsuid,
				  .gid = cred->fsgid};
	node_name(pty, path + 5);
	err_t err = fs_devnode_create(path + 5, FS_IFCHR | 0620, pty->slave.rdev);
	if (err || attr.uid == 0)
		return err;
	// Giving a file away is the kernel's act here, not the caller's.
	struct thread *self = current_thread();
	struct cred *own = self->object.cred;
	self->object.cred = &cred_root;
	if (fs_setattr(&at, 0, &attr) != 0)
		log_debug("pty: %s stays root's", path); // devtmpfs is not at /dev
	self->object.cred = own;
	return 0;
}

static void let_go(struct pty *pty)
{
	sched_mutex_lock(&pty_lock);
	pty->has_master = false;
	sched_mutex_unlock(&pty_lock);
}

err_t pty_open_master(uint32_t open_flags, struct file **file)
{
	struct pty *pty;
	err_t err = take_pty(&pty);
	if (err)
		return err;
	start_over(pty);
	err = make_node(pty);
	if (err) {
		let_go(pty);
		return err;
	}
	*file = file_create(&master_ops, open_flags, pty);
	if (!*file) {
		char name[NODE_NAME];
		node_name(pty, name);
		fs_devnode_remove(name);
		let_go(pty);
		return -ENOMEM;
	}
	(*file)->is_stream = true;
	return 0;
}

err_t pty_open_slave(uint32_t index, uint32_t open_flags, struct file **file)
{
	err_t err = -EIO;
	sched_mutex_lock(&pty_lock);
	struct pty *pty = index < PTYS_MAX ? ptys[index] : NULL;
	if (pty && pty->has_master && !pty->is_locked)
		err = tty_open(&pty->slave, open_flags, false, file);
	if (!err) {
		sched_mutex_lock(&pty->slave.lock);
		pty->was_opened = true;
		sched_mutex_unlock(&pty->slave.lock);
	}
	sched_mutex_unlock(&pty_lock);
	return err;
}

static struct fs_chrdev slave_chrdev = {
	.major = PTY_SLAVE_MAJOR,
	.minor_count = PTYS_MAX,
	.name = "pts",
	.open = pty_open_slave,
};

void pty_init(void)
{
	sched_mutex_init(&pty_lock);
	fs_chrdev_register(&slave_chrdev);
}
