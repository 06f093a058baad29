// SPDX-License-Identifier: MIT
// Inside pipes: one direction of bytes, which pipes, FIFOs and socket pairs share.
#pragma once

#include <mm/frame.h>
#include <sched/mutex.h>
#include <uapi/poll.h>

#include "private.h"

#define PIPE_BUF 4096u
#define PIPE_PAGES 16u

/** A ring of bytes in pages that are allocated when first written. p = lock. */
struct pipe {
	struct sched_mutex lock;
	uint32_t head, tail; // bytes written and read so far; both 0 again when empty (p)
	uint32_t capacity; // a power of two, whole pages (p)
	uint32_t readers, writers; // open ends (p)
	struct frame **pages; // own_pages, or a larger array (p)
	struct sched_cond readable, writable;
	uint32_t sleeping_readers, sleeping_writers; // on the two conditions (p)
	struct poll_source *reader_poll, *writer_poll; // told of data and of room
	struct frame *own_pages[PIPE_PAGES];
};

/** readers and writers 1. */
void pipe_setup(struct pipe *pipe, struct poll_source *reader_poll, struct poll_source *writer_poll);
void pipe_free_pages(struct pipe *pipe);
int64_t pipe_get(struct pipe *pipe, struct io_vec *io, bool is_nonblock); // read(2)
int64_t pipe_put(struct pipe *pipe, struct io_vec *io, bool is_nonblock); // write(2)
void pipe_drop_reader(struct pipe *pipe);
void pipe_drop_writer(struct pipe *pipe);
static inline uint32_t pipe_used(const struct pipe *pipe)
{
	return pipe->head - pipe->tail;
}
uint32_t pipe_count(struct pipe *pipe); // bytes to be read

// For splice.c, all with the lock held.
/** The pipe that @file is an end of; NULL: none. */
struct pipe *pipe_of(struct file *file);
enum { WAKE_READER = 1, WAKE_WRITER = 2 };
/** Who sleeps and can go on now. Locked. */
static inline unsigned pipe_find_sleepers(const struct pipe *pipe)
{
	unsigned who = 0;
	if (unlikely(pipe->sleeping_readers) && pipe_used(pipe))
		who |= WAKE_READER;
	if (unlikely(pipe->sleeping_writers) && pipe->capacity - pipe_used(pipe) >= PIPE_BUF)
		who |= WAKE_WRITER;
	return who;
}
/** Wake them, after the lock is released. */
void pipe_wake(struct pipe *pipe, unsigned who);
/** Bytes at ring position @position, up to the end of the page or @max. */
static inline uint32_t pipe_span(uint32_t position, uint64_t max)
{
	uint32_t room = HAL_PAGE_SIZE - position % HAL_PAGE_SIZE;
	return max < room ? (uint32_t)max : room;
}

static inline struct frame **pipe_page_at(struct pipe *pipe, uint32_t position)
{
	return &pipe->pages[(position & (pipe->capacity - 1)) / HAL_PAGE_SIZE];
}
/** Sleep until there are bytes: 1. On error and at the end of input, 0, the lock is not held. */
int64_t pipe_wait_for_data(struct pipe *pipe, bool is_nonblock);
/** Wait for room, after telling readers what is there. The lock is dropped meanwhile. */
must_check err_t pipe_wait_for_room(struct pipe *pipe);

/** POLLIN, POLLHUP; POLLOUT, POLLERR. Takes the lock. */
uint32_t pipe_poll_reader(struct pipe *pipe);
uint32_t pipe_poll_writer(struct pipe *pipe);
/** ioctl(2) of what reads from @pipe. */
int64_t pipe_ioctl(struct pipe *pipe, uint32_t command, uint64_t arg);
