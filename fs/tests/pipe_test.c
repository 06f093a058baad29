// SPDX-License-Identifier: MIT
// If these fail, bytes in a pipe are lost, mixed or not announced, or somebody sleeps for ever.
#include <fs/socket.h>
#include <object/poll.h>
#include <sched/sched.h>
#include <uapi/poll.h>

#include "fs_test.h"

static struct file *ends[2];

static void open_pipe(uint32_t flags)
{
	fs_test_init();
	EXPECT_EQ(fs_pipe_create(flags, &ends[0], &ends[1]), 0);
}

static void close_end(unsigned i)
{
	grant_put(&ends[i]->grant);
}

TEST(fs, pipes_hold_64_kib_and_tell)
{
	static char block[KIB(64)], back[KIB(64)];
	open_pipe(O_NONBLOCK);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 7 + i / 256);
	EXPECT_EQ(t_read(ends[0], back, 1, -1), -EAGAIN);
	EXPECT_EQ(ends[0]->ops->poll(ends[0], NULL), 0);
	EXPECT_EQ(t_write(ends[1], block, sizeof(block), -1), sizeof(block));
	EXPECT_EQ(t_write(ends[1], block, 1, -1), -EAGAIN);
	EXPECT_EQ(ends[1]->ops->poll(ends[1], NULL), 0);
	EXPECT_EQ(t_read(ends[0], back, 100, -1), 100);
	// A write of up to 4096 bytes goes whole or not at all, a larger one in part.
	EXPECT_EQ(t_write(ends[1], block, 101, -1), -EAGAIN);
	EXPECT_EQ(t_write(ends[1], block, 5000, -1), 100);
	EXPECT_EQ(t_read(ends[0], back + 100, sizeof(back) - 100, -1), sizeof(back) - 100);
	EXPECT(memcmp(block, back, sizeof(block)) == 0);
	EXPECT_EQ(t_read(ends[0], back, sizeof(back), -1), 100);
	EXPECT(memcmp(block, back, 100) == 0);
	EXPECT_EQ(t_read(ends[0], back, 1, 0), -ESPIPE);
	EXPECT_EQ(fs_seek(ends[0], 0, FS_SEEK_CUR), -ESPIPE);
	close_end(0);
	close_end(1);
}

TEST(fs, pipes_end_when_a_side_is_closed)
{
	char c;
	open_pipe(0);
	EXPECT_EQ(t_write(ends[1], "ab", 2, -1), 2);
	close_end(1);
	EXPECT_EQ(ends[0]->ops->poll(ends[0], NULL), POLLIN | POLLRDNORM | POLLHUP);
	EXPECT_EQ(t_read(ends[0], &c, 1, -1), 1);
	EXPECT_EQ(t_read(ends[0], &c, 1, -1), 1);
	EXPECT_EQ(t_read(ends[0], &c, 1, -1), 0);
	close_end(0);
	open_pipe(0);
	close_end(0);
	EXPECT_EQ(t_write(ends[1], "x", 1, -1), -EPIPE);
	EXPECT(ends[1]->ops->poll(ends[1], NULL) & POLLERR);
	close_end(1);
}

TEST(fs, pipes_change_their_size)
{
	static char data[6000], back[6000];
	open_pipe(O_NONBLOCK);
	memset(data, 'd', sizeof(data));
	EXPECT_EQ(fs_pipe_get_size(ends[0]), KIB(64));
	EXPECT_EQ(t_write(ends[1], data, 5000, -1), 5000);
	EXPECT_EQ(t_read(ends[0], back, 1000, -1), 1000);
	memset(data, 'e', sizeof(data));
	EXPECT_EQ(t_write(ends[1], data, 2000, -1), 2000);
	EXPECT_EQ(fs_pipe_set_size(ends[1], 5000), KIB(8));
	EXPECT_EQ(fs_pipe_set_size(ends[1], 1), -EBUSY);
	EXPECT_EQ(fs_pipe_set_size(ends[1], GIB(1)), -EINVAL);
	EXPECT_EQ(t_read(ends[0], back, 6000, -1), 6000);
	EXPECT(back[3999] == 'd' && back[4000] == 'e' && back[5999] == 'e');
	close_end(0);
	close_end(1);
}

#define STREAM_BYTES KIB(300)

static _Atomic uint32_t is_written;

static void write_stream(void *unused)
{
	static char chunk[3000]; // never a divisor of a page
	(void)unused;
	uint64_t done = 0;
	while (done < STREAM_BYTES) {
		size_t n = min(sizeof(chunk), (size_t)(STREAM_BYTES - done));
		for (size_t i = 0; i < n; i++)
			chunk[i] = (char)((done + i) * 31 >> 3);
		EXPECT_EQ(t_write(ends[1], chunk, n, -1), n);
		done += n;
	}
	close_end(1);
	store_release(&is_written, 1);
}

TEST(fs, pipes_carry_a_stream_between_threads)
{
	static char block[10000];
	open_pipe(0);
	store_relaxed(&is_written, 0);
	struct thread *writer = thread_create_kernel("writer", write_stream, NULL);
	EXPECT(writer);
	if (!writer)
		return;
	sched_start(writer);
	uint64_t done = 0;
	bool is_right = true;
	int64_t n;
	while ((n = t_read(ends[0], block, sizeof(block), -1)) > 0) {
		for (int64_t i = 0; i < n; i++)
			is_right &= block[i] == (char)((done + (uint64_t)i) * 31 >> 3);
		done += (uint64_t)n;
	}
	EXPECT(is_right);
	EXPECT_EQ(done, STREAM_BYTES);
	while (!load_acquire(&is_written))
		sched_yield();
	close_end(0);
}

TEST(fs, fifos_and_their_modes)
{
	struct fs_at place = at("/t/fifo");
	err_t err;
	char c;
	fs_test_init();
	EXPECT_EQ(fs_mknod(&place, FS_IFIFO | 0644, 0), 0);
	EXPECT_EQ(t_open_error("/t/fifo", O_WRONLY | O_NONBLOCK), -ENXIO);
	struct file *reader = t_open("/t/fifo", O_RDONLY | O_NONBLOCK, &err);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(t_read(reader, &c, 1, -1), 0); // no writer yet: the end
	EXPECT_EQ(reader->ops->poll(reader, NULL), 0); // but not hung up
	struct file *writer = t_open("/t/fifo", O_WRONLY | O_NONBLOCK, &err);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(t_read(reader, &c, 1, -1), -EAGAIN);
	EXPECT_EQ(t_write(writer, "f", 1, -1), 1);
	grant_put(&writer->grant);
	EXPECT_EQ(reader->ops->poll(reader, NULL), POLLIN | POLLRDNORM | POLLHUP);
	EXPECT_EQ(t_read(reader, &c, 1, -1), 1);
	grant_put(&reader->grant);
	struct file *both = t_open("/t/fifo", O_RDWR, &err); // never waits
	EXPECT_EQ(err, 0);
	EXPECT_EQ(t_write(both, "x", 1, -1), 1);
	EXPECT_EQ(t_read(both, &c, 1, -1), 1);
	grant_put(&both->grant);
}

TEST(fs, eventfds_count)
{
	struct file *file;
	uint64_t value = 5;
	fs_test_init();
	EXPECT_EQ(fs_eventfd_create(2, false, O_NONBLOCK, &file), 0);
	EXPECT_EQ(t_write(file, &value, 8, -1), 8);
	EXPECT_EQ(t_write(file, &value, 7, -1), -EINVAL);
	EXPECT_EQ(t_read(file, &value, 8, -1), 8);
	EXPECT_EQ(value, 7);
	EXPECT_EQ(t_read(file, &value, 8, -1), -EAGAIN);
	value = UINT64_MAX;
	EXPECT_EQ(t_write(file, &value, 8, -1), -EINVAL);
	value = UINT64_MAX - 1;
	EXPECT_EQ(t_write(file, &value, 8, -1), 8);
	value = 1;
	EXPECT_EQ(t_write(file, &value, 8, -1), -EAGAIN);
	grant_put(&file->grant);
	EXPECT_EQ(fs_eventfd_create(2, true, O_NONBLOCK, &file), 0);
	EXPECT_EQ(t_read(file, &value, 8, -1), 8);
	EXPECT_EQ(value, 1);
	EXPECT_EQ(file->ops->poll(file, NULL), POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM);
	grant_put(&file->grant);
}

TEST(fs, socket_pairs_carry_both_ways)
{
	struct file *pair[2];
	char c = 0;
	fs_test_init();
	EXPECT_EQ(fs_socketpair_create(FS_SOCKET_STREAM, O_NONBLOCK, pair), 0);
	EXPECT_EQ(t_write(pair[0], "a", 1, -1), 1);
	EXPECT_EQ(t_write(pair[1], "b", 1, -1), 1);
	EXPECT(t_read(pair[0], &c, 1, -1) == 1 && c == 'b');
	EXPECT(t_read(pair[1], &c, 1, -1) == 1 && c == 'a');
	EXPECT_EQ(t_read(pair[1], &c, 1, -1), -EAGAIN);
	EXPECT_EQ(fs_socket_shutdown(pair[0], 1), 0);
	EXPECT_EQ(t_read(pair[1], &c, 1, -1), 0);
	EXPECT_EQ(t_write(pair[0], "a", 1, -1), -EPIPE);
	EXPECT_EQ(t_write(pair[1], "c", 1, -1), 1);
	grant_put(&pair[1]->grant);
	EXPECT(pair[0]->ops->poll(pair[0], NULL) & POLLHUP);
	EXPECT(t_read(pair[0], &c, 1, -1) == 1 && c == 'c');
	EXPECT_EQ(t_read(pair[0], &c, 1, -1), 0);
	grant_put(&pair[0]->grant);
}
