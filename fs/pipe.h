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
/** POLLIN, POLLHUP; POLLOUT, POLLERR. Takes the lock. */
uint32_t pipe_poll_reader(struct pipe *pipe);
uint32_t pipe_poll_writer(struct pipe *pipe);
/** ioctl(2) of what reads from @pipe. */
int64_t pipe_ioctl(struct pipe *pipe, uint32_t command, uint64_t arg);
