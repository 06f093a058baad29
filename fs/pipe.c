// SPDX-License-Identifier: MIT
// One direction of bytes: ring, blocking, atomicity.
//
// The mutex is held while bytes are copied, so a write of at most PIPE_BUF is one piece. Whoever sleeps
// is in its queue before the mutex is free, so looking at the queue under the mutex misses nobody;
// wakes are sent after it is released, for the woken to find it free. A wake goes to one waiter, who
// passes it on if something is left for the next.
#include "pipe.h"

enum { IOCTL_FIONREAD = 0x541b };

void pipe_setup(struct pipe *pipe, struct poll_source *reader_poll, struct poll_source *writer_poll)
{
	memset(pipe, 0, sizeof(*pipe));
	sched_mutex_init(&pipe->lock);
	pipe->capacity = PIPE_PAGES * HAL_PAGE_SIZE;
	pipe->readers = pipe->writers = 1;
	pipe->pages = pipe->own_pages;
	sched_cond_init(&pipe->readable);
	sched_cond_init(&pipe->writable);
	pipe->reader_poll = reader_poll;
	pipe->writer_poll = writer_poll;
}

void pipe_free_pages(struct pipe *pipe)
{
	for (uint32_t i = 0; i < pipe->capacity / HAL_PAGE_SIZE; i++) {
		if (pipe->pages[i])
			frame_put(pipe->pages[i]);
	}
	if (pipe->pages != pipe->own_pages)
		kfree(pipe->pages);
}

static inline bool has_waiters(const struct sched_cond *cond)
{
	return unlikely(!sched_waitq_is_empty(&cond->waiters));
}

/** Copy what is there, or as much of it as @io takes. */
static size_t take_out(struct pipe *pipe, struct io_vec *io)
{
	size_t done = 0;
	do {
		uint32_t at = pipe->tail & (pipe->capacity - 1), offset = at % HAL_PAGE_SIZE;
		size_t n = min(pipe_used(pipe), (uint32_t)HAL_PAGE_SIZE - offset);
		n = min(n, (size_t)io->left);
		const char *from = frame_direct(pipe->pages[at / HAL_PAGE_SIZE]);
		size_t copied = io_vec_put(io, from + offset, n);
		pipe->tail += (uint32_t)copied;
		done += copied;
		if (copied < n)
			break;
	} while (io->left && pipe_used(pipe));
	if (!pipe_used(pipe))
		pipe->head = pipe->tail = 0; // the next bytes go into a page that is there, and cached
	return done;
}

int64_t pipe_get(struct pipe *pipe, struct io_vec *io, bool is_nonblock)
{
	if (unlikely(!io->left))
		return 0;
	sched_mutex_lock(&pipe->lock);
	while (!pipe_used(pipe)) {
		err_t err = is_nonblock ? -EAGAIN : 0;
		if (!pipe->writers || is_nonblock) {
			sched_mutex_unlock(&pipe->lock);
			return pipe->writers ? err : 0;
		}
		if (sched_cond_wait(&pipe->readable, &pipe->lock, NSEC_NEVER,
				    SCHED_WAIT_INTERRUPTIBLE)) {
			sched_mutex_unlock(&pipe->lock);
			return -ERESTARTSYS;
		}
	}
	size_t n = take_out(pipe, io);
	bool has_room = pipe->capacity - pipe_used(pipe) >= PIPE_BUF;
	bool wakes_writer = has_room && has_waiters(&pipe->writable);
	bool wakes_reader = pipe_used(pipe) && has_waiters(&pipe->readable);
	sched_mutex_unlock(&pipe->lock);
	if (wakes_writer)
		sched_cond_signal(&pipe->writable);
	if (wakes_reader)
		sched_cond_signal(&pipe->readable);
	if (has_room)
		poll_notify(pipe->writer_poll, POLLOUT | POLLWRNORM);
	return n ? (int64_t)n : -EFAULT;
}

/** Copy up to @room bytes from @io: bytes copied, -EFAULT, -ENOMEM. */
static int64_t put_in(struct pipe *pipe, struct io_vec *io, uint32_t room)
{
	size_t done = 0;
	while (io->left && done < room) {
		uint32_t at = pipe->head & (pipe->capacity - 1), offset = at % HAL_PAGE_SIZE;
		struct frame **page = &pipe->pages[at / HAL_PAGE_SIZE];
		if (unlikely(!*page)) {
			*page = frame_alloc(0);
			if (!*page)
				return done ? (int64_t)done : -ENOMEM;
		}
		size_t n = min(room - done, (size_t)HAL_PAGE_SIZE - offset);
		n = min(n, (size_t)io->left);
		size_t copied = io_vec_take(io, (char *)frame_direct(*page) + offset, n);
		pipe->head += (uint32_t)copied;
		done += copied;
		if (copied < n)
			return done ? (int64_t)done : -EFAULT;
	}
	return (int64_t)done;
}

/** Room that a write of @left more bytes waits for: small ones go in as one piece. */
static uint32_t needed_room(uint64_t total, uint64_t left, bool is_nonblock)
{
	if (total > PIPE_BUF && is_nonblock)
		return 1;
	return (uint32_t)min(left, (uint64_t)PIPE_BUF);
}

static void announce_data(struct pipe *pipe, bool wakes_reader)
{
	if (wakes_reader)
		sched_cond_signal(&pipe->readable);
	poll_notify(pipe->reader_poll, POLLIN | POLLRDNORM);
}

/** Wait for room, after telling readers what is there. The lock is dropped meanwhile. */
static err_t wait_for_room(struct pipe *pipe)
{
	if (pipe_used(pipe)) {
		if (has_waiters(&pipe->readable))
			sched_cond_signal(&pipe->readable);
		poll_notify(pipe->reader_poll, POLLIN | POLLRDNORM);
	}
	return sched_cond_wait(&pipe->writable, &pipe->lock, NSEC_NEVER, SCHED_WAIT_INTERRUPTIBLE)
		       ? -ERESTARTSYS
		       : 0;
}

int64_t pipe_put(struct pipe *pipe, struct io_vec *io, bool is_nonblock)
{
	uint64_t total = io->left;
	int64_t done = 0, err = 0;
	if (unlikely(!total))
		return 0;
	sched_mutex_lock(&pipe->lock);
	do {
		uint32_t room = pipe->capacity - pipe_used(pipe);
		if (unlikely(!pipe->readers)) {
			err = -EPIPE;
		} else if (likely(room >= needed_room(total, io->left, is_nonblock))) {
			int64_t n = put_in(pipe, io, room);
			if (n < 0)
				err = n;
			else
				done += n;
			if (io->left && n < (int64_t)room)
				break; // memory could not be read
		} else {
			err = is_nonblock ? -EAGAIN : wait_for_room(pipe);
		}
	} while (io->left && !err);
	uint32_t used = pipe_used(pipe);
	bool wakes_reader = used && has_waiters(&pipe->readable);
	bool wakes_writer = pipe->capacity - used >= PIPE_BUF && has_waiters(&pipe->writable);
	sched_mutex_unlock(&pipe->lock);
	if (done)
		announce_data(pipe, wakes_reader);
	if (wakes_writer)
		sched_cond_signal(&pipe->writable);
	return done ? done : err;
}

/** Both sides look again: an end is gone. */
static void announce_end(struct pipe *pipe)
{
	sched_cond_broadcast(&pipe->readable);
	sched_cond_broadcast(&pipe->writable);
	poll_notify(pipe->reader_poll, POLLIN | POLLHUP | POLLRDHUP);
	poll_notify(pipe->writer_poll, POLLOUT | POLLERR | POLLHUP);
}

void pipe_drop_reader(struct pipe *pipe)
{
	sched_mutex_lock(&pipe->lock);
	bool is_last = --pipe->readers == 0;
	sched_mutex_unlock(&pipe->lock);
	if (is_last)
		announce_end(pipe);
}

void pipe_drop_writer(struct pipe *pipe)
{
	sched_mutex_lock(&pipe->lock);
	bool is_last = --pipe->writers == 0;
	sched_mutex_unlock(&pipe->lock);
	if (is_last)
		announce_end(pipe);
}

uint32_t pipe_count(struct pipe *pipe)
{
	sched_mutex_lock(&pipe->lock);
	uint32_t used = pipe_used(pipe);
	sched_mutex_unlock(&pipe->lock);
	return used;
}

uint32_t pipe_poll_reader(struct pipe *pipe)
{
	sched_mutex_lock(&pipe->lock);
	uint32_t events = pipe_used(pipe) ? POLLIN | POLLRDNORM : 0;
	if (!pipe->writers)
		events |= POLLHUP;
	sched_mutex_unlock(&pipe->lock);
	return events;
}

uint32_t pipe_poll_writer(struct pipe *pipe)
{
	sched_mutex_lock(&pipe->lock);
	bool has_room = pipe->capacity - pipe_used(pipe) >= PIPE_BUF;
	uint32_t events = has_room ? POLLOUT | POLLWRNORM : 0;
	if (!pipe->readers)
		events |= POLLERR;
	sched_mutex_unlock(&pipe->lock);
	return events;
}

int64_t pipe_ioctl(struct pipe *pipe, uint32_t command, uint64_t arg)
{
	if (command != IOCTL_FIONREAD)
		return -ENOTTY;
	int32_t count = (int32_t)pipe_count(pipe);
	return mm_copy_out(arg, &count, sizeof(count));
}
