// SPDX-License-Identifier: MIT
// splice, tee and vmsplice: between pipes, files and sockets; nothing lost when the other side is full; what
// Linux refuses.
// guest: CPUS 4
#include <sys/socket.h>
#include <sys/uio.h>

#include "check.h"

#define KIB64 65536

static char text[4 * KIB64], back[4 * KIB64];

static void fill_text(void)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 31 + i / 251);
}

static void check_file_to_pipe(void)
{
	int fd = scratch_file(), pipes[2];
	CHECK_IS(pipe(pipes), 0);
	CHECK_IS(write(fd, text, 10000), 10000);
	loff_t at = 5;
	CHECK_IS(splice(fd, &at, pipes[1], NULL, 9000, 0), 9000);
	CHECK_IS(at, 9005);
	CHECK_IS(lseek(fd, 0, SEEK_CUR), 10000); // a position of the caller's own
	CHECK_IS(read(pipes[0], back, sizeof(back)), 9000);
	CHECK(memcmp(back, text + 5, 9000) == 0);
	CHECK_IS(lseek(fd, 100, SEEK_SET), 100);
	CHECK_IS(splice(fd, NULL, pipes[1], NULL, 100, 0), 100);
	CHECK_IS(lseek(fd, 0, SEEK_CUR), 200);
	CHECK_IS(lseek(fd, 0, SEEK_END), 10000);
	CHECK_IS(splice(fd, NULL, pipes[1], NULL, 100, 0), 0); // the file's end
	CHECK_IS(read(pipes[0], back, sizeof(back)), 100);
	CHECK(memcmp(back, text + 100, 100) == 0);
	// More than a pipe holds: what fits, and no more.
	CHECK_IS(ftruncate(fd, 0), 0);
	CHECK_IS(pwrite(fd, text, sizeof(text), 0), sizeof(text));
	at = 3;
	CHECK_IS(splice(fd, &at, pipes[1], NULL, sizeof(text), 0), KIB64);
	CHECK_ERRNO(splice(fd, &at, pipes[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_IS(read(pipes[0], back, sizeof(back)), KIB64);
	CHECK(memcmp(back, text + 3, KIB64) == 0);
	close(fd), close(pipes[0]), close(pipes[1]);
}

static void check_pipe_to_file(void)
{
	int fd = scratch_file(), pipes[2];
	CHECK_IS(pipe(pipes), 0);
	CHECK_IS(write(pipes[1], text, 20000), 20000);
	loff_t at = 7;
	CHECK_IS(splice(pipes[0], NULL, fd, &at, 5000, 0), 5000);
	CHECK_IS(at, 5007);
	CHECK_IS(splice(pipes[0], NULL, fd, NULL, 1 << 20, 0), 15000); // what there is
	CHECK_IS(lseek(fd, 0, SEEK_CUR), 15000);
	CHECK_IS(pread(fd, back, 15000, 0), 15000);
	CHECK(memcmp(back, text + 5000, 15000) == 0);
	CHECK_ERRNO(splice(pipes[0], NULL, fd, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_IS(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(splice(pipes[0], NULL, fd, NULL, 1, 0), EAGAIN);
	close(pipes[1]);
	CHECK_IS(splice(pipes[0], NULL, fd, NULL, 1, 0), 0); // the end of input
	close(fd), close(pipes[0]);
}

/** A full socket takes nothing, or a part: the rest stays in the pipe. */
static void check_socket(void)
{
	int pipes[2], sockets[2];
	CHECK_IS(pipe(pipes), 0);
	CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
	size_t sent = 0, got = 0, spliced = 0;
	while (got < sizeof(text)) {
		if (sent < sizeof(text)) {
			size_t n = sizeof(text) - sent < 30000 ? sizeof(text) - sent : 30000;
			CHECK_IS(write(pipes[1], text + sent, n), n);
			sent += n;
		}
		ssize_t n;
		while ((n = splice(pipes[0], NULL, sockets[0], NULL, 1 << 20, SPLICE_F_NONBLOCK)) > 0)
			spliced += (size_t)n;
		CHECK_IS(n, -1);
		CHECK_IS(errno, EAGAIN);
		while ((n = read(sockets[1], back + got, 7000)) > 0)
			got += (size_t)n;
	}
	CHECK_IS(spliced, sizeof(text));
	CHECK(memcmp(back, text, sizeof(text)) == 0);
	// And from the socket: one read's worth at a time.
	CHECK_IS(write(sockets[0], "hello", 5), 5);
	CHECK_IS(splice(sockets[1], NULL, pipes[1], NULL, 100, 0), 5);
	CHECK_ERRNO(splice(sockets[1], NULL, pipes[1], NULL, 100, 0), EAGAIN);
	CHECK_IS(read(pipes[0], back, 100), 5);
	CHECK(memcmp(back, "hello", 5) == 0);
	close(sockets[0]), close(sockets[1]), close(pipes[0]), close(pipes[1]);
}

static int from[2], to[2];

static void *move_all(void *arg)
{
	(void)arg;
	size_t done = 0;
	ssize_t n;
	while ((n = splice(from[0], NULL, to[1], NULL, 1 << 20, 0)) > 0)
		done += (size_t)n;
	CHECK_IS(n, 0);
	CHECK_IS(done, sizeof(text));
	close(to[1]);
	return NULL;
}

static void *write_all(void *arg)
{
	(void)arg;
	CHECK_IS(write(from[1], text, sizeof(text)), sizeof(text));
	close(from[1]);
	return NULL;
}

/** Both sides wait: for bytes, and for room. */
static void check_between_pipes(void)
{
	CHECK_IS(pipe(from), 0);
	CHECK_IS(pipe(to), 0);
	pthread_t mover = start_thread(move_all, NULL), writer = start_thread(write_all, NULL);
	size_t got = 0;
	ssize_t n;
	while ((n = read(to[0], back + got, 5000)) > 0)
		got += (size_t)n;
	CHECK_IS(got, sizeof(text));
	CHECK(memcmp(back, text, sizeof(text)) == 0);
	CHECK_IS(pthread_join(mover, NULL), 0);
	CHECK_IS(pthread_join(writer, NULL), 0);
	close(from[0]), close(to[0]);
}

static void check_tee(void)
{
	CHECK_IS(pipe(from), 0);
	CHECK_IS(pipe(to), 0);
	CHECK_IS(write(from[1], text, 6000), 6000);
	CHECK_IS(tee(from[0], to[1], 5000, 0), 5000);
	CHECK_IS(tee(from[0], to[1], 10000, 0), 6000); // from the start again
	CHECK_IS(read(to[0], back, sizeof(back)), 11000);
	CHECK(memcmp(back, text, 5000) == 0 && memcmp(back + 5000, text, 6000) == 0);
	CHECK_IS(read(from[0], back, sizeof(back)), 6000); // none of it is gone
	CHECK(memcmp(back, text, 6000) == 0);
	CHECK_ERRNO(tee(from[0], to[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERRNO(tee(from[0], from[1], 1, 0), EINVAL);
	close(from[1]);
	CHECK_IS(tee(from[0], to[1], 1, 0), 0);
	close(from[0]), close(to[0]), close(to[1]);
}

static void check_vmsplice(void)
{
	struct iovec parts[2] = { { text, 3000 }, { text + 4000, 3000 } };
	CHECK_IS(pipe(to), 0);
	CHECK_IS(vmsplice(to[1], parts, 2, 0), 6000);
	parts[0].iov_base = back, parts[1].iov_base = back + 3000;
	CHECK_IS(vmsplice(to[0], parts, 2, 0), 6000);
	CHECK(memcmp(back, text, 3000) == 0 && memcmp(back + 3000, text + 4000, 3000) == 0);
	CHECK_ERRNO(vmsplice(to[0], parts, 2, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERRNO(vmsplice(to[0], parts, 2, 0x100), EINVAL);
	CHECK_ERRNO(vmsplice(to[0], address(16), 2, 0), EFAULT);
	int fd = scratch_file();
	CHECK_ERRNO(vmsplice(fd, parts, 2, 0), EBADF);
	close(fd), close(to[0]), close(to[1]);
}

static void check_refused(void)
{
	int fd = scratch_file(), other = scratch_file();
	loff_t at = 0;
	CHECK_IS(pipe(to), 0);
	CHECK_IS(write(fd, text, 100), 100);
	CHECK_ERRNO(splice(fd, &at, other, NULL, 10, 0), EINVAL); // no pipe
	CHECK_ERRNO(splice(fd, NULL, to[1], &at, 10, 0), ESPIPE);
	CHECK_ERRNO(splice(to[0], NULL, to[1], NULL, 10, 0), EINVAL); // itself
	CHECK_ERRNO(splice(to[1], NULL, fd, NULL, 10, 0), EBADF);
	CHECK_ERRNO(splice(fd, &at, to[0], NULL, 10, 0), EBADF);
	CHECK_ERRNO(splice(-1, NULL, to[1], NULL, 10, 0), EBADF);
	CHECK_ERRNO(splice(fd, &at, to[1], NULL, 10, 0x100), EINVAL);
	CHECK_IS(splice(fd, &at, to[1], NULL, 0, 0), 0);
	at = -1;
	CHECK_ERRNO(splice(fd, &at, to[1], NULL, 10, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_splice, fd, 16L, to[1], NULL, 10, 0), EFAULT);
	CHECK_IS(write(to[1], "x", 1), 1);
	CHECK_IS(fcntl(fd, F_SETFL, O_APPEND), 0);
	CHECK_ERRNO(splice(to[0], NULL, fd, NULL, 10, 0), EINVAL);
	// Through the name that /proc has for it, a pipe is the same pipe.
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", to[1]);
	int again = open(name, O_WRONLY);
	CHECK(again >= 0);
	CHECK_ERRNO(splice(to[0], NULL, again, NULL, 10, 0), EINVAL);
	CHECK_IS(write(again, "y", 1), 1);
	CHECK_IS(read(to[0], back, 10), 2);
	CHECK(memcmp(back, "xy", 2) == 0);
	char link[64] = "";
	CHECK(readlink(name, link, sizeof(link) - 1) > 0);
	CHECK(strncmp(link, "pipe:[", 6) == 0);
	close(again);
	signal(SIGPIPE, SIG_IGN);
	close(to[0]);
	at = 0;
	CHECK_ERRNO(splice(fd, &at, to[1], NULL, 10, 0), EPIPE);
	close(fd), close(other), close(to[1]);
}

int main(void)
{
	fill_text();
	check_file_to_pipe();
	check_pipe_to_file();
	check_socket();
	check_between_pipes();
	check_tee();
	check_vmsplice();
	check_refused();
	return 0;
}
