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

/** Wait on @cond; *@sleepers counts who does. Not the condition's own queue: a sleeper enters that
 *  after it has let go of the pipe's lock, so who holds the lock may not see it there yet. */
static int64_t sleep_on(struct pipe *pipe, struct sched_cond *cond, uint32_t *sleepers)
{
	(*sleepers)++;
	err_t err = sched_cond_wait(cond, &pipe->lock, NSEC_NEVER, SCHED_WAIT_INTERRUPTIBLE);
	(*sleepers)--;
	return err ? -ERESTARTSYS : 0;
}

void pipe_wake(struct pipe *pipe, unsigned who)
{
	if (who & WAKE_READER)
		sched_cond_signal(&pipe->readable);
	if (who & WAKE_WRITER)
		sched_cond_signal(&pipe->writable);
}

/** Copy what is there, or as much of it as @io takes. */
static inline size_t take_out(struct pipe *pipe, struct io_vec *io)
{
	size_t done = 0, copied;
	uint32_t n;
	do {
		n = pipe_span(pipe->tail, min((uint64_t)pipe_used(pipe), io->left));
		const char *from = frame_direct(*pipe_page_at(pipe, pipe->tail));
		copied = put_bytes(io, from + pipe->tail % HAL_PAGE_SIZE, n);
		pipe->tail += (uint32_t)copied;
		done += copied;
	} while (unlikely(io->left && pipe_used(pipe)) && copied == n);
	if (!pipe_used(pipe))
		pipe->head = pipe->tail = 0; // the next bytes go into a page that is there, and cached
	return done;
}

int64_t pipe_wait_for_data(struct pipe *pipe, bool is_nonblock)
{
	while (!pipe_used(pipe)) {
		int64_t err = pipe->writers && is_nonblock ? -EAGAIN : 0;
		bool waits = pipe->writers && !is_nonblock;
		if (waits)
			err = sleep_on(pipe, &pipe->readable, &pipe->sleeping_readers);
		if (!waits || err) {
			sched_mutex_unlock(&pipe->lock);
			return err;
		}
	}
	return 1;
}

int64_t pipe_get(struct pipe *pipe, struct io_vec *io, bool is_nonblock)
{
	if (unlikely(!io->left))
		return 0;
	sched_mutex_lock(&pipe->lock);
	if (unlikely(!pipe_used(pipe))) {
		int64_t n = pipe_wait_for_data(pipe, is_nonblock);
		if (n <= 0)
			return n;
	}
	size_t n = take_out(pipe, io);
	unsigned sleepers = pipe_find_sleepers(pipe);
	sched_mutex_unlock(&pipe->lock);
	if (unlikely(sleepers))
		pipe_wake(pipe, sleepers);
	poll_notify(pipe->writer_poll, POLLOUT | POLLWRNORM);
	return likely(n) ? (int64_t)n : -EFAULT;
}

/** Copy up to @room bytes from @io: bytes copied, -EFAULT, -ENOMEM. */
static inline int64_t put_in(struct pipe *pipe, struct io_vec *io, uint32_t room)
{
	size_t done = 0, copied;
	uint32_t n;
	do {
		struct frame **page = pipe_page_at(pipe, pipe->head);
		if (unlikely(!*page)) {
			*page = frame_alloc(0);
			if (!*page)
				return done ? (int64_t)done : -ENOMEM;
		}
		n = pipe_span(pipe->head, min(io->left, (uint64_t)(room - done)));
		copied = take_bytes(io, (char *)frame_direct(*page) + pipe->head % HAL_PAGE_SIZE, n);
		pipe->head += (uint32_t)copied;
		done += copied;
	} while (unlikely(io->left && done < room) && copied == n);
	return likely(done) ? (int64_t)done : -EFAULT;
}

/** Room that a write of @left more bytes waits for: small ones go in as one piece. */
static uint32_t needed_room(uint64_t total, uint64_t left, bool is_nonblock)
{
	if (total > PIPE_BUF && is_nonblock)
		return 1;
	return (uint32_t)min(left, (uint64_t)PIPE_BUF);
}

err_t pipe_wait_for_room(struct pipe *pipe)
{
	if (pipe_used(pipe)) {
		pipe_wake(pipe, pipe_find_sleepers(pipe) & WAKE_READER);
		poll_notify(pipe->reader_poll, POLLIN | POLLRDNORM);
	}
	return (err_t)sleep_on(pipe, &pipe->writable, &pipe->sleeping_writers);
}

/** A write that does not fit, is large, or has nobody to read it. */
static no_inline int64_t put_in_parts(struct pipe *pipe, struct io_vec *io, bool is_nonblock)
{
	uint64_t total = io->left;
	int64_t done = 0, err = 0;
	do {
		uint32_t room = pipe->capacity - pipe_used(pipe);
		if (!pipe->readers) {
			err = -EPIPE;
		} else if (room < needed_room(total, io->left, is_nonblock)) {
			err = is_nonblock ? -EAGAIN : pipe_wait_for_room(pipe);
		} else {
			uint64_t wanted = min(io->left, (uint64_t)room);
			int64_t n = put_in(pipe, io, room);
			done += max(n, (int64_t)0);
			if (n < (int64_t)wanted) // memory could not be read, or there is none
				err = n < 0 ? n : -EFAULT;
		}
	} while (io->left && !err);
	return done ? done : err;
}

int64_t pipe_put(struct pipe *pipe, struct io_vec *io, bool is_nonblock)
{
	if (unlikely(!io->left))
		return 0;
	sched_mutex_lock(&pipe->lock);
	uint32_t room = pipe->capacity - pipe_used(pipe);
	bool is_simple = io->left <= min(room, PIPE_BUF) && pipe->readers;
	int64_t n = likely(is_simple) ? put_in(pipe, io, room) : put_in_parts(pipe, io, is_nonblock);
	unsigned sleepers = pipe_find_sleepers(pipe);
	sched_mutex_unlock(&pipe->lock);
	if (unlikely(sleepers))
		pipe_wake(pipe, sleepers);
	poll_notify(pipe->reader_poll, POLLIN | POLLRDNORM);
	return n;
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
