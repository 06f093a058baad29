// SPDX-License-Identifier: MIT
// /dev/kmsg: each read gives one record of the log, "6,SEQUENCE,MICROSECONDS,-;text\n"; what is
// written becomes a line of the log. The log keeps no sequence numbers and no levels: the byte
// position of the line stands for the first, and every record has the level 6.
#include "mem.h"

#include <kernel/log.h>
#include <lib/format.h>
#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <proc/signal.h>
#include <sched/sched.h>
#include <kernel/time.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

#define LINE 256 // as the log's
#define LOOK_INTERVAL (100 * NSEC_PER_MSEC)

enum { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA };

struct kmsg {
	struct sched_mutex lock;
	uint64_t pos; // of the next line (lock)
};

/** The next whole line without its newline; its length, 0 = there is none. */
static size_t next_line(struct kmsg *kmsg, char *line, uint64_t *sequence)
{
	uint64_t oldest, end;
	log_extent(&oldest, &end);
	bool was_lost = kmsg->pos < oldest;
	uint64_t pos = max(kmsg->pos, oldest);
	for (;;) {
		*sequence = pos;
		size_t n = log_read(&pos, line, LINE);
		const char *newline = memchr(line, '\n', n);
		if (!newline)
			return 0;
		kmsg->pos = *sequence + (uint64_t)(newline - line) + 1;
		// The oldest line has lost its beginning.
		if (!was_lost && newline != line)
			return (size_t)(newline - line);
		was_lost = false;
		pos = kmsg->pos;
	}
}

/** "[  123.456789] text" → microseconds; *@text is what follows. */
static uint64_t parse_stamp(const char *line, const char **text)
{
	uint64_t seconds, micros;
	const char *at = line + 1;
	*text = line;
	if (*line != '[')
		return 0;
	while (*at == ' ')
		at++;
	if (!parse_u64(at, 10, &seconds, &at) || *at != '.' ||
	    !parse_u64(at + 1, 10, &micros, &at) || at[0] != ']' || at[1] != ' ')
		return 0;
	*text = at + 2;
	return seconds * 1000000 + micros;
}

static int64_t take_record(struct kmsg *kmsg, struct io_vec *io)
{
	char line[LINE + 1], record[LINE + 64];
	const char *text;
	uint64_t sequence, before = kmsg->pos;
	size_t len = next_line(kmsg, line, &sequence);
	if (!len)
		return -EAGAIN;
	line[len] = 0;
	uint64_t micros = parse_stamp(line, &text);
	size_t n = fmt_snprintf(record, sizeof(record), "6,%llu,%llu,-;%s\n",
				(unsigned long long)sequence, (unsigned long long)micros, text);
	n = min(n, sizeof(record) - 1);
	if (io->left < n) {
		kmsg->pos = before;
		return -EINVAL;
	}
	return io_vec_put(io, record, n) == n ? (int64_t)n : -EFAULT;
}

static int64_t kmsg_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct kmsg *kmsg = file->data;
	(void)pos;
	for (;;) {
		sched_mutex_lock(&kmsg->lock);
		int64_t n = take_record(kmsg, io);
		sched_mutex_unlock(&kmsg->lock);
		if (n != -EAGAIN || (load_relaxed(&file->flags) & O_NONBLOCK))
			return n;
		// The log wakes nobody: it is written from everywhere, with its lock held.
		if (sched_sleep_until(time_now() + LOOK_INTERVAL, true) == -EINTR)
			return -ERESTARTSYS;
	}
}

/** Skip "<priority>" of syslog. */
static const char *skip_priority(const char *line)
{
	uint64_t priority;
	const char *at = line + 1;
	return *line == '<' && parse_u64(at, 10, &priority, &at) && *at == '>' ? at + 1 : line;
}

static int64_t kmsg_write(struct file *file, struct io_vec *io, int64_t pos)
{
	char line[LINE];
	(void)file, (void)pos;
	uint64_t len = io->left;
	size_t n = io_vec_take(io, line, min(len, (uint64_t)(LINE - 1)));
	if (!n)
		return len ? -EFAULT : 0;
	line[n] = 0;
	char *newline = strchr(line, '\n');
	if (newline)
		*newline = 0;
	log_info("%s", skip_priority(line));
	return (int64_t)len; // what is too long for a line is cut, as Linux does
}

static int64_t kmsg_seek(struct file *file, int64_t offset, int whence)
{
	struct kmsg *kmsg = file->data;
	uint64_t oldest, end;
	if (offset)
		return -ESPIPE;
	if (whence != SEEK_SET && whence != SEEK_END && whence != SEEK_DATA)
		return -EINVAL;
	log_extent(&oldest, &end);
	sched_mutex_lock(&kmsg->lock);
	kmsg->pos = whence == SEEK_END ? end : 0;
	sched_mutex_unlock(&kmsg->lock);
	return 0;
}

static uint32_t kmsg_poll(struct file *file, struct poll_entry *entry)
{
	struct kmsg *kmsg = file->data;
	uint64_t oldest, end;
	(void)entry;
	log_extent(&oldest, &end);
	return POLLOUT | POLLWRNORM | (kmsg->pos < end ? POLLIN | POLLRDNORM : 0u);
}

static void kmsg_release(struct file *file)
{
	kfree(file->data);
}

static const struct file_ops kmsg_ops = {
	.name = "kmsg",
	.read = kmsg_read,
	.write = kmsg_write,
	.seek = kmsg_seek,
	.poll = kmsg_poll,
	.release = kmsg_release,
};

err_t kmsg_open(uint32_t open_flags, struct file **file)
{
	struct kmsg *kmsg = kzalloc(sizeof(*kmsg));
	if (!kmsg)
		return -ENOMEM;
	sched_mutex_init(&kmsg->lock);
	*file = file_create(&kmsg_ops, open_flags, kmsg);
	if (*file)
		return 0;
	kfree(kmsg);
	return -ENOMEM;
}
