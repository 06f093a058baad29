// SPDX-License-Identifier: MIT
// Pipes between kernel threads: a reader of an empty pipe, a writer of a full one, and the end of the
// other side. Nobody sleeps on.
#include "threads.h"

#include <mm/io_vec.h>
#include <object/poll.h>

#include "../../fs/pipe.h"

static struct pipe pipe;
static struct poll_source reader_poll, writer_poll;
static char filler[65536];
static unsigned bytes_read;

static void setup(void)
{
	poll_source_init(&reader_poll);
	poll_source_init(&writer_poll);
	pipe_setup(&pipe, &reader_poll, &writer_poll);
	bytes_read = 0;
	explore_name(&pipe.lock.owner, "pipe.lock.owner");
	explore_name(&pipe.lock.waiters.lock, "pipe.lock.waiters.lock");
	explore_name(&pipe.readable.waiters.lock, "pipe.readable.lock");
	explore_name(&pipe.writable.waiters.lock, "pipe.writable.lock");
}

static void setup_full(void)
{
	struct io_vec io;

	setup();
	io_vec_init_kernel(&io, filler, pipe.capacity);
	EXPLORE_EXPECT(pipe_put(&pipe, &io, true) == pipe.capacity);
}

static void read_one(void)
{
	struct io_vec io;
	char byte = 0;

	io_vec_init_kernel(&io, &byte, 1);
	EXPLORE_EXPECT(pipe_get(&pipe, &io, false) == 1);
	EXPLORE_EXPECT(byte == 'x');
	bytes_read++;
}

static void write_one(void)
{
	struct io_vec io;
	char byte = 'x';

	io_vec_init_kernel(&io, &byte, 1);
	EXPLORE_EXPECT(pipe_put(&pipe, &io, false) == 1);
}

static void read_and_write_body(unsigned self)
{
	if (self == 0)
		read_one();
	else
		write_one();
}

static void check_read(void)
{
	EXPLORE_EXPECT(bytes_read == 1 && pipe_used(&pipe) == 0);
}

EXPLORE(fs_pipe_reader_is_woken, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup, .body = read_and_write_body, .check = check_read);

static void full_body(unsigned self)
{
	struct io_vec io;

	if (self == 0) {
		write_one();
		return;
	}
	io_vec_init_kernel(&io, filler, sizeof(filler));
	EXPLORE_EXPECT(pipe_get(&pipe, &io, false) > 0);
}

EXPLORE(fs_pipe_writer_is_woken, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_full, .body = full_body);

/** The writer goes away while the reader begins to wait: it reads the end of the file. */
static void hang_up_body(unsigned self)
{
	struct io_vec io;
	char byte;

	if (self == 1) {
		pipe_drop_writer(&pipe);
		return;
	}
	io_vec_init_kernel(&io, &byte, 1);
	EXPLORE_EXPECT(pipe_get(&pipe, &io, false) == 0);
}

EXPLORE(fs_pipe_reader_sees_the_end, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup, .body = hang_up_body);
