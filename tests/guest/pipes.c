// SPDX-License-Identifier: MIT
// Pipes: order, atomic small writes, capacity, ends of file, EPIPE with SIGPIPE, O_NONBLOCK, poll,
// FIFOs, and the wake-ups between many writers and readers.
// guest: CPUS 4
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "check.h"

static int ends[2];

static void renew(int flags)
{
	CHECK_IS(pipe2(ends, flags), 0);
}

static void drop(void)
{
	close(ends[0]);
	close(ends[1]);
}

static void check_basics(void)
{
	char text[16];
	struct stat info;
	renew(O_CLOEXEC);
	CHECK(fcntl(ends[0], F_GETFD) == FD_CLOEXEC && fcntl(ends[1], F_GETFD) == FD_CLOEXEC);
	CHECK_IS(fstat(ends[0], &info), 0);
	CHECK(S_ISFIFO(info.st_mode));
	CHECK_IS(write(ends[1], "abcdef", 6), 6);
	int waiting;
	CHECK(ioctl(ends[0], FIONREAD, &waiting) == 0 && waiting == 6);
	CHECK_IS(read(ends[0], text, 4), 4);
	CHECK(memcmp(text, "abcd", 4) == 0);
	CHECK_IS(read(ends[0], text, 16), 2); // what is there, no waiting for more
	struct iovec pieces[3] = { { "12", 2 }, { "", 0 }, { "345", 3 } };
	CHECK_IS(writev(ends[1], pieces, 3), 5);
	CHECK_IS(read(ends[0], text, 16), 5);
	CHECK(memcmp(text, "12345", 5) == 0);
	CHECK_ERRNO(lseek(ends[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(pread(ends[0], text, 1, 0), ESPIPE);
	CHECK_ERRNO(write(ends[0], "x", 1), EBADF);
	CHECK_ERRNO(read(ends[1], text, 1), EBADF);
	CHECK_IS(write(ends[1], text, 0), 0);
	CHECK_IS(write(ends[1], "end", 3), 3);
	close(ends[1]);
	CHECK_IS(read(ends[0], text, 16), 3);
	CHECK_IS(read(ends[0], text, 16), 0);
	CHECK_IS(read(ends[0], text, 16), 0);
	close(ends[0]);
}

static volatile int broken;
static void note_broken(int sig)
{
	(void)sig;
	broken++;
}

static void check_broken(void)
{
	signal(SIGPIPE, note_broken);
	renew(0);
	close(ends[0]);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	CHECK_IS(broken, 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERRNO(write(ends[1], "x", 1), EPIPE);
	close(ends[1]);
	signal(SIGPIPE, SIG_DFL);
	pid_t child = check_fork();
	if (child == 0) {
		renew(0);
		close(ends[0]);
		write(ends[1], "x", 1);
		_exit(0);
	}
	CHECK_IS(wait_status(child), SIGPIPE);
	signal(SIGPIPE, SIG_IGN); // a blocked writer learns of it, too
	static char block[200000];
	renew(0);
	child = check_fork();
	if (child == 0) {
		close(ends[0]);
		ssize_t got = write(ends[1], block, sizeof(block));
		CHECK(got > 0 ? got < (ssize_t)sizeof(block) : errno == EPIPE);
		_exit(0);
	}
	struct pollfd full = { ends[1], POLLOUT, 0 };
	while (poll(&full, 1, 0) == 1)
		sched_yield();
	drop();
	CHECK_CHILD(child);
}

static void check_nonblocking(void)
{
	static char block[1 << 16];
	renew(O_NONBLOCK);
	CHECK_ERRNO(read(ends[0], block, 1), EAGAIN);
	ssize_t total = 0, got;
	while ((got = write(ends[1], block, PIPE_BUF)) > 0)
		total += got;
	CHECK(got == -1 && errno == EAGAIN);
	CHECK_IS(total, 65536);
	CHECK_IS(read(ends[0], block, PIPE_BUF - 1), PIPE_BUF - 1);
	CHECK_ERRNO(write(ends[1], block, PIPE_BUF), EAGAIN); // whole or not at all
	struct pollfd fd = { ends[1], POLLOUT, 0 };
	CHECK_IS(read(ends[0], block, 2 * PIPE_BUF), 2 * PIPE_BUF);
	CHECK(poll(&fd, 1, 0) == 1 && fd.revents == POLLOUT);
	got = write(ends[1], block, sizeof(block));
	CHECK(got >= PIPE_BUF && got < (ssize_t)sizeof(block)); // large ones may be cut
	drop();
}

static void check_poll(void)
{
	char c;
	renew(0);
	struct pollfd fds[3] = { { ends[0], POLLIN, 0 }, { ends[1], POLLOUT, 0 }, { -1, POLLIN, 9 } };
	CHECK_IS(poll(fds, 3, 0), 1);
	CHECK(fds[0].revents == 0 && fds[1].revents == POLLOUT && fds[2].revents == 0);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(poll(fds, 1, 15), 0);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 15000000);
	pid_t child = check_fork();
	if (child == 0) {
		sleep_ms(5);
		CHECK_IS(write(ends[1], "x", 1), 1);
		_exit(0);
	}
	CHECK(poll(fds, 1, -1) == 1 && fds[0].revents == POLLIN);
	CHECK_CHILD(child);
	close(ends[1]);
	CHECK(poll(fds, 1, -1) == 1 && fds[0].revents == (POLLIN | POLLHUP));
	CHECK_IS(read(ends[0], &c, 1), 1);
	CHECK(poll(fds, 1, -1) == 1 && fds[0].revents == POLLHUP);
	fds[0].fd = ends[1];
	CHECK(poll(fds, 1, 0) == 1 && fds[0].revents == POLLNVAL);
	close(ends[0]);
	renew(0);
	close(ends[0]);
	fds[1].fd = ends[1];
	CHECK(poll(fds + 1, 1, 0) == 1 && (fds[1].revents & POLLERR));
	close(ends[1]);
}

#define WRITERS 4
#define RECORD 512
static void check_many(void)
{
	long records = rounds(300, 20000);
	renew(0);
	pid_t writers[WRITERS];
	for (int w = 0; w < WRITERS; w++) {
		writers[w] = check_fork();
		if (writers[w] == 0) {
			char record[RECORD];
			memset(record, 'a' + w, sizeof(record));
			for (long i = 0; i < records; i++)
				CHECK_IS(write(ends[1], record, RECORD), RECORD);
			_exit(0);
		}
	}
	close(ends[1]);
	char record[RECORD];
	long counts[WRITERS] = { 0 };
	ssize_t got;
	while ((got = read(ends[0], record, RECORD)) > 0) {
		CHECK_IS(got, RECORD); // records never mix: each is below PIPE_BUF
		for (int i = 1; i < RECORD; i++)
			CHECK(record[i] == record[0]);
		counts[record[0] - 'a']++;
	}
	CHECK_IS(got, 0);
	for (int w = 0; w < WRITERS; w++) {
		CHECK_IS(counts[w], records);
		CHECK_CHILD(writers[w]);
	}
	close(ends[0]);
}

static void check_fifo(void)
{
	enter_scratch_folder();
	CHECK_IS(mkfifo("fifo", 0600), 0);
	CHECK_ERRNO(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	pid_t child = check_fork();
	if (child == 0) {
		int fd = open("fifo", O_WRONLY); // waits for a reader
		CHECK(fd >= 0 && write(fd, "hello", 5) == 5);
		_exit(0);
	}
	int fd = open("fifo", O_RDONLY);
	char text[16];
	CHECK_IS(read(fd, text, 16), 5);
	CHECK_CHILD(child);
	CHECK_IS(read(fd, text, 16), 0);
	close(fd);
}

int main(void)
{
	check_basics();
	check_broken();
	check_nonblocking();
	check_poll();
	check_many();
	check_fifo();
	return 0;
}
