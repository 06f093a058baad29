// SPDX-License-Identifier: MIT
// I18: descriptors in the queues of Unix sockets. They arrive with their file; what does not fit is
// dropped and said so; and sockets that only each other's queues hold are collected, in every shape: in
// their own queue, in a ring, in a chain, in a listener that nobody can reach, and not while one end is
// still open or on its way. That a queue was collected is seen by a pipe whose last writer was in it.
// guest: CPUS 4
#include <sys/socket.h>
#include <sys/un.h>

#include "check.h"

#define FDS_MAX 253

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int) * FDS_MAX)];
};

static long send_fds(int to, const int *fds, int count)
{
	union control control;
	char c = 'x';
	struct iovec piece = { &c, 1 };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)count) };
	memset(&control, 0, sizeof(control));
	control.head.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)count);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), fds, sizeof(int) * (size_t)count);
	return sendmsg(to, &msg, 0);
}

static void send_fd(int to, int fd)
{
	CHECK_IS(send_fds(to, &fd, 1), 1);
}

// How many came, at most @max; message flags.
static int receive_fds(int from, int *fds, int max, int flags, int *got_flags)
{
	union control control;
	char c;
	struct iovec piece = { &c, 1 };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = max ? CMSG_LEN(sizeof(int) * (size_t)max) : 0 };
	CHECK_IS(recvmsg(from, &msg, flags), 1);
	*got_flags = msg.msg_flags;
	struct cmsghdr *head = msg.msg_controllen ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!head)
		return 0;
	CHECK(head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS);
	size_t bytes = head->cmsg_len - CMSG_LEN(0);
	memcpy(fds, CMSG_DATA(head), bytes);
	return (int)(bytes / sizeof(int));
}

static int receive_fd(int from)
{
	int fd = -1, flags;
	CHECK_IS(receive_fds(from, &fd, 1, 0, &flags), 1);
	return fd;
}

static void pair(int ends[2])
{
	CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void drop(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

// ---- descriptors arrive ---------------------------------------------------------------------------

static void check_passing(int type)
{
	int ends[2], file = scratch_file(), fds[4], flags;
	CHECK_IS(socketpair(AF_UNIX, type, 0, ends), 0);
	CHECK_IS(write(file, "0123", 4), 4);
	send_fd(ends[0], file);
	int got = receive_fd(ends[1]);
	CHECK(got >= 0 && got != file);
	CHECK_IS(lseek(got, 0, SEEK_CUR), 4); // the same open file
	CHECK_IS(lseek(got, 1, SEEK_SET), 1);
	CHECK_IS(lseek(file, 0, SEEK_CUR), 1);
	CHECK_IS(fcntl(got, F_GETFD), 0);
	close(got);
	// Several at once; only what there is room for is taken.
	int three[3] = { file, ends[0], file };
	CHECK_IS(send_fds(ends[0], three, 3), 1);
	CHECK_IS(receive_fds(ends[1], fds, 4, MSG_CMSG_CLOEXEC, &flags), 3);
	CHECK(!(flags & MSG_CTRUNC) && fcntl(fds[1], F_GETFD) == FD_CLOEXEC);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	CHECK_IS(send_fds(ends[0], three, 3), 1);
	CHECK_IS(receive_fds(ends[1], fds, 2, 0, &flags), 2);
	CHECK(flags & MSG_CTRUNC);
	close(fds[0]);
	close(fds[1]);
	CHECK_IS(send_fds(ends[0], three, 3), 1);
	CHECK_IS(receive_fds(ends[1], fds, 0, 0, &flags), 0);
	CHECK(flags & MSG_CTRUNC);
	// Looking does not take.
	send_fd(ends[0], file);
	CHECK_IS(receive_fds(ends[1], fds, 1, MSG_PEEK, &flags), 1);
	close(fds[0]);
	close(receive_fd(ends[1]));
	// A bad one sends nothing.
	int bad[2] = { file, 999 };
	CHECK_ERRNO(send_fds(ends[0], bad, 2), EBADF);
	char c;
	CHECK_ERRNO(recv(ends[1], &c, 1, MSG_DONTWAIT), EAGAIN);
	int many[FDS_MAX + 1];
	for (int i = 0; i <= FDS_MAX; i++)
		many[i] = file;
	CHECK_IS(send_fds(ends[0], many, FDS_MAX), 1);
	CHECK_IS(recv(ends[1], &c, 1, 0), 1); // received without control data: all are closed
	close(file);
	drop(ends);
}

// In a stream, bytes before and after do not mix with those that bring descriptors.
static void check_stream_order(void)
{
	int ends[2], file = scratch_file(), fd;
	char text[32];
	union control control;
	struct iovec piece = { text, sizeof(text) };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	pair(ends);
	CHECK_IS(write(ends[0], "ab", 2), 2);
	send_fd(ends[0], file);
	CHECK_IS(write(ends[0], "cd", 2), 2);
	CHECK_IS(recvmsg(ends[1], &msg, 0), 3); // up to the end of the message with the descriptor
	CHECK(memcmp(text, "abx", 3) == 0 && msg.msg_controllen);
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	close(fd);
	CHECK_IS(read(ends[1], text, sizeof(text)), 2);
	close(file);
	drop(ends);
}

static void check_exec_end(void)
{
	int ends[2], pipes[2];
	char c;
	pair(ends);
	CHECK_IS(pipe(pipes), 0);
	pid_t child = check_fork();
	if (child == 0) {
		send_fd(ends[0], pipes[1]);
		_exit(0);
	}
	close(pipes[1]);
	CHECK_CHILD(child);
	int got = receive_fd(ends[1]); // the sender is gone, what it sent is not
	CHECK_IS(write(got, "x", 1), 1);
	close(got);
	CHECK_IS(read(pipes[0], &c, 1), 1);
	CHECK_IS(read(pipes[0], &c, 1), 0);
	close(pipes[0]);
	drop(ends);
}

// ---- collection -----------------------------------------------------------------------------------

// Put the only writer of a new pipe into the queue behind @to; the reader.
static int plant(int to)
{
	int pipes[2];
	CHECK_IS(pipe2(pipes, O_NONBLOCK), 0);
	send_fd(to, pipes[1]);
	close(pipes[1]);
	return pipes[0];
}

static void expect_alive(int reader)
{
	char c;
	CHECK_ERRNO(read(reader, &c, 1), EAGAIN);
}

// The next socket that is closed collects, as on Linux.
static void expect_collected(int reader)
{
	char c;
	close(socket(AF_UNIX, SOCK_STREAM, 0));
	fcntl(reader, F_SETFL, 0);
	CHECK_IS(read(reader, &c, 1), 0); // sleeps until the writer is closed
	close(reader);
}

static void check_own_queue(void)
{
	int ends[2];
	pair(ends);
	int reader = plant(ends[0]);
	send_fd(ends[0], ends[1]); // in its own queue
	send_fd(ends[0], ends[0]);
	expect_alive(reader);
	close(ends[1]);
	expect_collected(reader); // the other end, still open, cannot receive from it
	char c;
	CHECK(read(ends[0], &c, 1) <= 0);
	close(ends[0]);
}

static void check_ring(void)
{
	enum { RING = 5 };
	int rings[RING][2];
	for (int i = 0; i < RING; i++)
		pair(rings[i]);
	int reader = plant(rings[0][0]);
	for (int i = 0; i < RING; i++) { // each pair, both ends, in the next one's queue
		send_fd(rings[(i + 1) % RING][0], rings[i][0]);
		send_fd(rings[(i + 1) % RING][0], rings[i][1]);
	}
	int kept = dup(rings[3][1]);
	for (int i = 0; i < RING; i++)
		drop(rings[i]);
	expect_alive(reader); // through one that is open, all can be had
	int ends[2] = { receive_fd(kept), receive_fd(kept) };
	expect_alive(reader);
	close(kept);
	expect_alive(reader);
	drop(ends); // the ring is a chain now, and this its head
	expect_collected(reader);
}

// A chain is freed from its head without a recursion as deep as it is long.
static void check_chain(void)
{
	long length = rounds(2000, 20000);
	int inner[2], outer[2];
	pair(inner);
	int reader = plant(inner[0]);
	for (long i = 0; i < length; i++) {
		pair(outer);
		send_fd(outer[0], inner[0]);
		send_fd(outer[0], inner[1]);
		drop(inner);
		inner[0] = outer[0];
		inner[1] = outer[1];
	}
	expect_alive(reader);
	drop(inner);
	expect_collected(reader);
}

static void check_listener(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0cycle" };
	socklen_t len = sizeof(name.sun_family) + 6;
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_IS(bind(listener, (struct sockaddr *)&name, len), 0);
	CHECK_IS(listen(listener, 4), 0);
	CHECK_IS(connect(client, (struct sockaddr *)&name, len), 0);
	int reader = plant(client);
	send_fd(client, listener); // in the queue of what the listener has not accepted
	send_fd(client, client);
	close(client);
	expect_alive(reader);
	close(listener);
	expect_collected(reader);
}

// Sockets in flight in both directions while others collect: none is lost.
static void *send_around(void *arg)
{
	long count = rounds(200, 10000);
	(void)arg;
	for (long i = 0; i < count; i++) {
		int ends[2], inner[2], got;
		pair(ends);
		pair(inner);
		CHECK_IS(write(inner[0], "live", 4), 4);
		send_fd(ends[0], inner[1]);
		close(inner[1]);
		if (i % 2) {
			int garbage[2];
			pair(garbage);
			send_fd(garbage[0], garbage[1]);
			send_fd(garbage[1], garbage[0]);
			drop(garbage);
		}
		got = receive_fd(ends[1]);
		char text[8];
		CHECK_IS(read(got, text, 8), 4);
		close(got);
		close(inner[0]);
		drop(ends);
	}
	return NULL;
}

static void check_races(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(send_around, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	check_passing(SOCK_STREAM);
	check_passing(SOCK_DGRAM);
	check_passing(SOCK_SEQPACKET);
	check_stream_order();
	check_exec_end();
	check_own_queue();
	check_ring();
	check_chain();
	check_listener();
	check_races();
	return 0;
}
