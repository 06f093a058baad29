// SPDX-License-Identifier: MIT
// /dev/null, zero, full, random, urandom (1:3, 1:5, 1:7, 1:8, 1:9) and kmsg (1:11, kmsg.c).
#include "mem.h"

#include <fs/vnode.h>
#include <kernel/random.h>
#include <mm/io_vec.h>
#include <mm/ucopy.h>
#include <proc/signal.h>
#include <sched/sched.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

#include "tty.h"

#define CHUNK 256
#define ZERO_CHUNK KIB(64)
#define RNDGETENTCNT 0x80045200u
#define POOL_BITS 256

static int64_t read_nothing(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)file, (void)io, (void)pos;
	return 0;
}

static int64_t write_away(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)file, (void)pos;
	uint64_t len = io->left;
	io->left = 0;
	return (int64_t)len;
}

static int64_t write_full(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)file, (void)pos;
	return io->left ? -ENOSPC : 0;
}

static int64_t read_zeros(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)file, (void)pos;
	uint64_t done = 0;
	while (io->left && !(done && signal_is_pending())) {
		size_t n = io_vec_put_zeros(io, min(io->left, (uint64_t)ZERO_CHUNK));
		if (!n)
			return done ? (int64_t)done : -EFAULT;
		done += n;
		sched_preempt_point();
	}
	return (int64_t)done;
}

static int64_t read_random(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)file, (void)pos;
	uint8_t bytes[CHUNK];
	uint64_t done = 0;
	while (io->left && !(done && signal_is_pending())) {
		size_t len = min(io->left, (uint64_t)CHUNK);
		random_bytes(bytes, len);
		size_t n = io_vec_put(io, bytes, len);
		if (!n)
			return done ? (int64_t)done : -EFAULT;
		done += n;
		sched_preempt_point();
	}
	return (int64_t)done;
}

static int64_t write_random(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)file, (void)pos;
	uint8_t bytes[CHUNK];
	uint64_t done = 0;
	while (io->left) {
		size_t n = io_vec_take(io, bytes, min(io->left, (uint64_t)CHUNK));
		if (!n)
			return done ? (int64_t)done : -EFAULT;
		random_mix(bytes, n);
		done += n;
	}
	return (int64_t)done;
}

static int64_t ioctl_random(struct file *file, uint32_t command, uint64_t arg)
{
	(void)file;
	uint32_t bits = POOL_BITS;
	return command == RNDGETENTCNT ? mm_copy_out(arg, &bits, sizeof(bits)) : -ENOTTY;
}

/** Seeking succeeds and means nothing. */
static int64_t seek_nowhere(struct file *file, int64_t offset, int whence)
{
	(void)file, (void)offset, (void)whence;
	return 0;
}

static uint32_t always_ready(struct file *file, struct poll_entry *entry)
{
	(void)file, (void)entry;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static const struct file_ops null_ops = {
	.name = "null", .read = read_nothing, .write = write_away, .poll = always_ready,
	.seek = seek_nowhere,
};
static const struct file_ops zero_ops = {
	.name = "zero", .read = read_zeros, .write = write_away, .poll = always_ready,
	.seek = seek_nowhere, .mmap_object = zero_mmap_object,
};
static const struct file_ops full_ops = {
	.name = "full", .read = read_zeros, .write = write_full, .poll = always_ready,
	.seek = seek_nowhere,
};
static const struct file_ops random_ops = {
	.name = "random", .read = read_random, .write = write_random, .poll = always_ready,
	.ioctl = ioctl_random, .seek = seek_nowhere,
};

static err_t open_mem(uint32_t minor, uint32_t open_flags, struct file **file)
{
	static const struct file_ops *const kinds[] = {
		[3] = &null_ops, [5] = &zero_ops, [7] = &full_ops,
		[8] = &random_ops, [9] = &random_ops,
	};
	if (minor == MINOR_KMSG)
		return kmsg_open(open_flags, file);
	if (minor >= array_len(kinds) || !kinds[minor])
		return -ENXIO;
	*file = file_create(kinds[minor], open_flags, NULL);
	return *file ? 0 : -ENOMEM;
}

static struct fs_chrdev mem_chrdev = {
	.major = 1,
	.minor_count = MINOR_KMSG + 1,
	.name = "mem",
	.open = open_mem,
};

void mem_init(void)
{
	fs_chrdev_register(&mem_chrdev);
}
