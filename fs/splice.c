// SPDX-License-Identifier: MIT
// splice(2) and tee(2): bytes between a pipe and a file, or between two pipes, without a buffer between.
//
// The pipe's lock is held while the file reads into the pipe's pages or writes out of them, so nothing
// that the file did not take is lost, and nobody else takes it meanwhile. Two pipes are locked in order
// of address, and neither while the other is waited for. A file that is no pipe never takes a
// pipe's lock: callers have resolved files that stand for others.
#include "pipe.h"

static void consumed(struct pipe *pipe, uint32_t n)
{
	pipe->tail += n;
	if (!pipe_used(pipe))
		pipe->head = pipe->tail = 0;
}

static void *page_for(struct pipe *pipe, uint32_t position)
{
	struct frame **page = pipe_page_at(pipe, position);
	if (!*page)
		*page = frame_alloc(0);
	return *page ? (char *)frame_direct(*page) + position % HAL_PAGE_SIZE : NULL;
}

static void unlock_and_tell(struct pipe *pipe, struct poll_source *source, uint32_t events)
{
	unsigned sleepers = pipe_find_sleepers(pipe);
	sched_mutex_unlock(&pipe->lock);
	pipe_wake(pipe, sleepers);
	poll_notify(source, events);
}

/** What @pipe holds goes to @out. */
static int64_t drain(struct pipe *pipe, struct file *out, int64_t *out_pos, uint64_t len, bool is_nonblock)
{
	int64_t done = 0, n;
	sched_mutex_lock(&pipe->lock);
	if (!pipe_used(pipe)) {
		n = pipe_wait_for_data(pipe, is_nonblock);
		if (n <= 0)
			return n;
	}
	uint32_t wanted;
	do {
		struct io_vec io;
		wanted = pipe_span(pipe->tail, min((uint64_t)pipe_used(pipe), len - (uint64_t)done));
		io_vec_init_kernel(&io, page_for(pipe, pipe->tail), wanted);
		n = fs_write(out, &io, out_pos ? *out_pos : -1);
		if (n <= 0)
			break;
		consumed(pipe, (uint32_t)n);
		done += n;
		if (out_pos)
			*out_pos += n;
	} while (n == wanted && (uint64_t)done < len && pipe_used(pipe));
	unlock_and_tell(pipe, pipe->writer_poll, POLLOUT | POLLWRNORM);
	return done ? done : n;
}

/** Wait until @pipe, which is locked, has room. The lock is still held. */
static err_t wait_for_room(struct pipe *pipe, bool is_nonblock)
{
	while (pipe->readers && pipe_used(pipe) == pipe->capacity) {
		err_t err = is_nonblock ? -EAGAIN : pipe_wait_for_room(pipe);
		if (err)
			return err;
	}
	return pipe->readers ? 0 : -EPIPE;
}

/** What @in has goes into @pipe. A stream is asked once: it might have no more for a long time. */
static int64_t fill(struct pipe *pipe, struct file *in, int64_t *in_pos, uint64_t len, bool is_nonblock)
{
	int64_t done = 0, n;
	uint32_t wanted;
	sched_mutex_lock(&pipe->lock);
	n = wait_for_room(pipe, is_nonblock);
	if (n) {
		sched_mutex_unlock(&pipe->lock);
		return n;
	}
	do {
		struct io_vec io;
		uint64_t room = pipe->capacity - pipe_used(pipe);
		void *page = page_for(pipe, pipe->head);
		wanted = pipe_span(pipe->head, min(room, len - (uint64_t)done));
		io_vec_init_kernel(&io, page, wanted);
		n = page ? fs_read(in, &io, in_pos ? *in_pos : -1) : -ENOMEM;
		if (n <= 0)
			break;
		pipe->head += (uint32_t)n;
		done += n;
		if (in_pos)
			*in_pos += n;
	} while (n == wanted && !in->is_stream && (uint64_t)done < len &&
		 pipe_used(pipe) < pipe->capacity);
	unlock_and_tell(pipe, pipe->reader_poll, POLLIN | POLLRDNORM);
	return done ? done : n;
}

static void lock_both(struct pipe *a, struct pipe *b)
{
	sched_mutex_lock(a < b ? &a->lock : &b->lock);
	sched_mutex_lock(a < b ? &b->lock : &a->lock);
}

/** Copy from one ring to the other, both locked; *@read is how far. */
static int64_t copy_ring(struct pipe *from, struct pipe *to, uint64_t len, uint32_t *read)
{
	int64_t done = 0;
	while ((uint64_t)done < len && *read != from->head && pipe_used(to) < to->capacity) {
		void *page = page_for(to, to->head);
		if (!page)
			return done ? done : -ENOMEM;
		uint32_t n = pipe_span(*read, min((uint64_t)(from->head - *read), len - (uint64_t)done));
		n = pipe_span(to->head, min(n, to->capacity - pipe_used(to)));
		memcpy(page, page_for(from, *read), n);
		to->head += n;
		*read += n;
		done += n;
	}
	return done;
}

/** Wait until there is a byte to copy and room for it, or why there never will be: 1, 0 = end of input,
 *  or an error. Both are unlocked before and after; what was found may be gone again. */
static int64_t wait_for_both(struct pipe *from, struct pipe *to, bool is_nonblock)
{
	sched_mutex_lock(&from->lock);
	if (!pipe_used(from)) {
		int64_t n = pipe_wait_for_data(from, is_nonblock);
		if (n <= 0)
			return n;
	}
	sched_mutex_unlock(&from->lock);
	sched_mutex_lock(&to->lock);
	err_t err = wait_for_room(to, is_nonblock);
	sched_mutex_unlock(&to->lock);
	return err ? err : 1;
}

enum { TAKE, KEEP };

static int64_t between(struct pipe *from, struct pipe *to, uint64_t len, bool is_nonblock, int what)
{
	int64_t n;
	do {
		n = wait_for_both(from, to, is_nonblock);
		if (n <= 0)
			return n;
		lock_both(from, to);
		uint32_t read = from->tail;
		n = to->readers ? copy_ring(from, to, len, &read) : -EPIPE;
		if (what == TAKE)
			consumed(from, read - from->tail);
		unlock_and_tell(to, to->reader_poll, n > 0 ? POLLIN | POLLRDNORM : 0);
		unlock_and_tell(from, from->writer_poll, n > 0 && what == TAKE ? POLLOUT | POLLWRNORM : 0);
	} while (!n);
	return n;
}

static inline bool is_nonblock(const struct file *pipe, bool asked)
{
	return asked || (load_relaxed(&pipe->flags) & O_NONBLOCK);
}

int64_t fs_splice(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, uint64_t len,
		  bool nonblock)
{
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	if (!from && !to)
		return -EINVAL;
	if ((from && in_pos) || (to && out_pos))
		return -ESPIPE;
	if (from && to)
		return from == to ? -EINVAL
				  : between(from, to, len, is_nonblock(in, nonblock) || is_nonblock(out, false),
					    TAKE);
	if (to)
		return fill(to, in, in_pos, len, is_nonblock(out, nonblock));
	if (load_relaxed(&out->flags) & O_APPEND)
		return -EINVAL; // as Linux: a position there would not be obeyed
	return drain(from, out, out_pos, len, is_nonblock(in, nonblock));
}

int64_t fs_tee(struct file *in, struct file *out, uint64_t len, bool nonblock)
{
	struct pipe *from = pipe_of(in), *to = pipe_of(out);
	if (!from || !to || from == to)
		return -EINVAL;
	return between(from, to, len, is_nonblock(in, nonblock) || is_nonblock(out, false), KEEP);
}

int64_t fs_vmsplice(struct file *file, struct io_vec *io, bool nonblock)
{
	struct pipe *pipe = pipe_of(file);
	if (!pipe)
		return -EBADF;
	if ((load_relaxed(&file->flags) & O_ACCMODE) == O_RDONLY)
		return pipe_get(pipe, io, is_nonblock(file, nonblock));
	return pipe_put(pipe, io, is_nonblock(file, nonblock));
}
