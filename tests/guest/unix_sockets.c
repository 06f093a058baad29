// SPDX-License-Identifier: MIT
// Unix sockets: stream, datagram and seqpacket; names in the file system and abstract ones; listen,
// accept and connect with a full queue; ends of connections; flags; options; credentials; poll.
// guest: CPUS 4
#include <poll.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include "check.h"

struct name {
	struct sockaddr_un addr;
	socklen_t len;
};

static struct name path_name(const char *path)
{
	struct name name = { .addr = { .sun_family = AF_UNIX } };
	strcpy(name.addr.sun_path, path);
	name.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	return name;
}

static struct name abstract_name(const char *text)
{
	struct name name = path_name("");
	strcpy(name.addr.sun_path + 1, text);
	name.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text));
	return name;
}

static int new_socket(int type)
{
	int fd = socket(AF_UNIX, type, 0);
	CHECK(fd >= 0);
	return fd;
}

static int bind_to(int fd, struct name name)
{
	return bind(fd, (struct sockaddr *)&name.addr, name.len);
}

static int connect_to(int fd, struct name name)
{
	return connect(fd, (struct sockaddr *)&name.addr, name.len);
}

static struct name name_of(int fd, bool is_peer)
{
	struct name name = { .len = sizeof(name.addr) };
	CHECK_IS((is_peer ? getpeername : getsockname)(fd, (struct sockaddr *)&name.addr, &name.len), 0);
	CHECK_IS(name.addr.sun_family, AF_UNIX);
	return name;
}

static void pair(int type, int ends[2])
{
	CHECK_IS(socketpair(AF_UNIX, type, 0, ends), 0);
}

static void drop(int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

static short events_of(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP, 0 };
	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static void check_errors(void)
{
	int fd = new_socket(SOCK_STREAM), ends[2], file = scratch_file();
	char c;
	if (is_guest())
		CHECK_ERRNO(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 99), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socketpair(AF_UNIX, SOCK_STREAM, 0, address(8)), EFAULT);
	struct name none = path_name("/no/such/socket"), inet = path_name("x");
	inet.addr.sun_family = AF_INET;
	CHECK_ERRNO(connect_to(fd, none), ENOENT);
	CHECK_ERRNO(connect_to(fd, abstract_name("nobody is here")), ECONNREFUSED);
	CHECK_ERRNO(connect_to(fd, inet), EINVAL);
	CHECK_ERRNO(bind_to(fd, inet), EINVAL);
	CHECK_ERRNO(connect(fd, (struct sockaddr *)&none.addr, 200), EINVAL);
	CHECK_ERRNO(connect_to(file, none), ENOTSOCK);
	CHECK_ERRNO(listen(fd, 1), EINVAL); // not bound
	CHECK_ERRNO(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERRNO(send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERRNO(recv(fd, &c, 1, MSG_DONTWAIT), EINVAL);
	CHECK_ERRNO(getpeername(fd, NULL, NULL), ENOTCONN);
	CHECK_IS(events_of(fd), POLLOUT | POLLHUP);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(pread(fd, &c, 1, 0), ESPIPE);
	struct stat info;
	CHECK(fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode));
	CHECK_IS(name_of(fd, false).len, 2);
	close(fd);
	close(file);
	fd = new_socket(SOCK_DGRAM);
	CHECK_ERRNO(listen(fd, 1), EOPNOTSUPP);
	CHECK_ERRNO(accept(fd, NULL, NULL), EOPNOTSUPP);
	CHECK_ERRNO(send(fd, "x", 1, 0), ENOTCONN);
	close(fd);
	CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	CHECK(fcntl(ends[0], F_GETFD) == FD_CLOEXEC && (fcntl(ends[1], F_GETFL) & O_NONBLOCK));
	CHECK_ERRNO(read(ends[0], &c, 1), EAGAIN);
	CHECK_ERRNO(connect_to(ends[0], none), ENOENT);
	drop(ends);
}

static void check_stream(void)
{
	int ends[2];
	char text[64];
	pair(SOCK_STREAM, ends);
	CHECK_IS(write(ends[0], "abc", 3), 3);
	CHECK_IS(write(ends[0], "defg", 4), 4);
	int count;
	CHECK(ioctl(ends[1], FIONREAD, &count) == 0 && count == 7);
	CHECK_IS(recv(ends[1], text, 5, MSG_PEEK), 5);
	CHECK_IS(recv(ends[1], text, 5, 0), 5); // no boundaries
	CHECK(memcmp(text, "abcde", 5) == 0);
	struct iovec pieces[2] = { { text, 1 }, { text + 10, 20 } };
	CHECK_IS(readv(ends[1], pieces, 2), 2);
	CHECK(text[0] == 'f' && text[10] == 'g');
	CHECK_IS(write(ends[1], "back", 4), 4);
	CHECK_IS(read(ends[0], text, 64), 4);
	CHECK_ERRNO(recv(ends[0], text, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_IS(events_of(ends[0]), POLLOUT);
	CHECK_IS(write(ends[0], "", 0), 0);
	CHECK_IS(events_of(ends[1]), POLLOUT);
	// MSG_WAITALL waits for what a child sends in two parts.
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(write(ends[1], "12", 2), 2);
		sleep_ms(10);
		CHECK_IS(write(ends[1], "345", 3), 3);
		_exit(0);
	}
	CHECK_IS(recv(ends[0], text, 5, MSG_WAITALL), 5);
	CHECK(memcmp(text, "12345", 5) == 0);
	CHECK_CHILD(child);
	// The end comes after what was written.
	CHECK_IS(write(ends[0], "last", 4), 4);
	close(ends[0]);
	CHECK_IS(events_of(ends[1]), POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_IS(read(ends[1], text, 64), 4);
	CHECK_IS(read(ends[1], text, 64), 0);
	CHECK_ERRNO(send(ends[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	close(ends[1]);
	// A peer that leaves data unread resets the connection.
	pair(SOCK_STREAM, ends);
	CHECK_IS(write(ends[0], "x", 1), 1);
	close(ends[1]);
	CHECK(events_of(ends[0]) & POLLERR);
	CHECK_ERRNO(read(ends[0], text, 1), ECONNRESET);
	CHECK_IS(read(ends[0], text, 1), 0);
	close(ends[0]);
}

static volatile int broken;
static void note_broken(int sig)
{
	(void)sig;
	broken++;
}

static void check_shutdown(void)
{
	int ends[2];
	char c;
	pair(SOCK_STREAM, ends);
	CHECK_ERRNO(shutdown(ends[0], 3), EINVAL);
	CHECK_IS(write(ends[0], "x", 1), 1);
	CHECK_IS(shutdown(ends[0], SHUT_WR), 0);
	signal(SIGPIPE, note_broken);
	CHECK_ERRNO(write(ends[0], "y", 1), EPIPE);
	CHECK_IS(broken, 1);
	CHECK_ERRNO(send(ends[0], "y", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_IS(broken, 1);
	signal(SIGPIPE, SIG_DFL);
	CHECK_IS(events_of(ends[1]), POLLIN | POLLOUT | POLLRDHUP);
	CHECK_IS(read(ends[1], &c, 1), 1);
	CHECK_IS(read(ends[1], &c, 1), 0);
	CHECK_IS(write(ends[1], "z", 1), 1); // the other way is open
	CHECK_IS(read(ends[0], &c, 1), 1);
	CHECK_IS(shutdown(ends[1], SHUT_WR), 0);
	CHECK_IS(events_of(ends[0]), POLLIN | POLLOUT | POLLRDHUP | POLLHUP);
	drop(ends);
	// One who waits learns of it.
	pair(SOCK_STREAM, ends);
	pid_t child = check_fork();
	if (child == 0) {
		sleep_ms(10);
		CHECK_IS(shutdown(ends[1], SHUT_RDWR), 0);
		_exit(0);
	}
	CHECK_IS(read(ends[0], &c, 1), 0);
	CHECK_CHILD(child);
	drop(ends);
}

static void check_full(void)
{
	static char block[100000];
	int ends[2];
	long sent = 0, got = 0, n;
	pair(SOCK_STREAM | SOCK_NONBLOCK, ends);
	while ((n = write(ends[0], block, sizeof(block))) > 0)
		sent += n;
	CHECK(n == -1 && errno == EAGAIN && sent >= 65536);
	CHECK_IS(events_of(ends[0]), 0);
	while ((n = read(ends[1], block, sizeof(block))) > 0)
		got += n;
	CHECK_IS(got, sent);
	CHECK_IS(events_of(ends[0]), POLLOUT);
	fcntl(ends[0], F_SETFL, 0);
	fcntl(ends[1], F_SETFL, 0);
	pid_t child = check_fork();
	if (child == 0) {
		for (int i = 0; i < 50; i++) {
			memset(block, i, sizeof(block));
			CHECK_IS(write(ends[0], block, sizeof(block)), sizeof(block)); // waits for room
		}
		_exit(0);
	}
	close(ends[0]);
	for (got = 0; (n = read(ends[1], block, 7777)) > 0; got += n) {
		for (long i = 0; i < n; i++)
			CHECK_IS(block[i], (got + i) / (long)sizeof(block));
	}
	CHECK_IS(got, 50 * (long)sizeof(block));
	CHECK_CHILD(child);
	close(ends[1]);
}

static void check_messages(int type)
{
	int ends[2];
	char text[64];
	pair(type, ends);
	CHECK_IS(send(ends[0], "first", 5, 0), 5);
	CHECK_IS(send(ends[0], "", 0, 0), 0);
	CHECK_IS(send(ends[0], "third", 5, MSG_EOR), 5);
	CHECK_IS(recv(ends[1], text, 64, MSG_PEEK), 5);
	CHECK_IS(recv(ends[1], text, 3, 0), 3); // the rest is lost
	CHECK(memcmp(text, "fir", 3) == 0);
	CHECK_IS(recv(ends[1], text, 64, 0), 0);
	CHECK_IS(recv(ends[1], text, 2, MSG_TRUNC | MSG_PEEK), 5);
	struct iovec piece = { text, 2 };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1 };
	CHECK_IS(recvmsg(ends[1], &msg, 0), 2);
	CHECK(msg.msg_flags & MSG_TRUNC);
	CHECK_ERRNO(recv(ends[1], text, 64, MSG_DONTWAIT), EAGAIN);
	static char large[1 << 20];
	CHECK_ERRNO(send(ends[0], large, sizeof(large), 0), EMSGSIZE);
	CHECK_IS(send(ends[0], large, 65536, 0), 65536); // one piece
	CHECK_IS(recv(ends[1], large, sizeof(large), 0), 65536);
	long sent = 0;
	while (send(ends[0], text, 10, MSG_DONTWAIT) == 10)
		sent++;
	CHECK(errno == EAGAIN && sent >= 10);
	CHECK_IS(events_of(ends[0]), 0);
	struct pollfd p = { ends[0], POLLOUT, 0 };
	pid_t child = check_fork();
	if (child == 0) {
		for (long i = 0; i < sent; i++)
			CHECK_IS(recv(ends[1], text, 64, 0), 10);
		_exit(0);
	}
	CHECK_IS(poll(&p, 1, -1), 1);
	CHECK_CHILD(child);
	close(ends[1]);
	if (type == SOCK_SEQPACKET) {
		CHECK_ERRNO(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
		CHECK_IS(recv(ends[0], text, 1, 0), 0);
	} else {
		CHECK_ERRNO(send(ends[0], "x", 1, 0), ECONNREFUSED);
		CHECK_ERRNO(send(ends[0], "x", 1, 0), ENOTCONN);
	}
	close(ends[0]);
}

// sendmmsg and recvmmsg: several at once.
static void check_many_messages(void)
{
	int ends[2];
	char text[3][8] = { "one", "two!", "three" };
	struct iovec pieces[3];
	struct mmsghdr msgs[3];
	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < 3; i++) {
		pieces[i] = (struct iovec){ text[i], strlen(text[i]) };
		msgs[i].msg_hdr.msg_iov = &pieces[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	pair(SOCK_DGRAM, ends);
	CHECK_IS(sendmmsg(ends[0], msgs, 3, 0), 3);
	CHECK(msgs[0].msg_len == 3 && msgs[2].msg_len == 5);
	for (int i = 0; i < 3; i++)
		pieces[i].iov_len = 8;
	CHECK_IS(recvmmsg(ends[1], msgs, 3, MSG_WAITFORONE, NULL), 3);
	CHECK(msgs[0].msg_len == 3 && msgs[1].msg_len == 4 && msgs[2].msg_len == 5);
	drop(ends);
}

static void check_names(void)
{
	int a = new_socket(SOCK_DGRAM), b = new_socket(SOCK_DGRAM), c = new_socket(SOCK_DGRAM);
	char text[16];
	CHECK_IS(bind_to(a, path_name("a")), 0);
	CHECK_ERRNO(bind_to(a, path_name("a2")), EINVAL);
	CHECK_ERRNO(bind_to(b, path_name("a")), EADDRINUSE);
	CHECK_ERRNO(bind_to(b, path_name("none/b")), ENOENT);
	struct stat info;
	CHECK(stat("a", &info) == 0 && S_ISSOCK(info.st_mode) && (info.st_mode & 0777) == 0755);
	CHECK_ERRNO(open("a", O_RDWR), ENXIO);
	CHECK_IS(bind_to(b, abstract_name("b")), 0);
	CHECK_ERRNO(bind_to(c, abstract_name("b")), EADDRINUSE);
	struct name name = name_of(a, false);
	CHECK(name.len == 4 && strcmp(name.addr.sun_path, "a") == 0);
	name = name_of(b, false);
	CHECK(name.len == 4 && memcmp(name.addr.sun_path, "\0b", 2) == 0);
	// Datagrams tell their sender.
	struct name to = path_name("a");
	CHECK_IS(sendto(b, "hi", 2, 0, (struct sockaddr *)&to.addr, to.len), 2);
	struct name from = { .len = sizeof(from.addr) };
	CHECK_IS(recvfrom(a, text, 16, 0, (struct sockaddr *)&from.addr, &from.len), 2);
	CHECK(from.len == 4 && memcmp(from.addr.sun_path, "\0b", 2) == 0);
	CHECK_IS(sendto(a, "re", 2, 0, (struct sockaddr *)&from.addr, from.len), 2);
	CHECK_IS(recv(b, text, 16, 0), 2);
	CHECK_IS(sendto(c, "anon", 4, 0, (struct sockaddr *)&to.addr, to.len), 4);
	from.len = sizeof(from.addr);
	CHECK_IS(recvfrom(a, text, 16, 0, (struct sockaddr *)&from.addr, &from.len), 4);
	CHECK_IS(from.len, 0);
	// A connected one hears only its peer.
	CHECK_IS(connect_to(a, abstract_name("b")), 0);
	CHECK_ERRNO(sendto(c, "x", 1, 0, (struct sockaddr *)&to.addr, to.len), EPERM);
	CHECK_IS(connect_to(b, path_name("a")), 0);
	CHECK_IS(send(b, "peer", 4, 0), 4);
	CHECK_IS(recv(a, text, 16, 0), 4);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	CHECK_IS(connect(a, &none, sizeof(none)), 0);
	CHECK_ERRNO(send(a, "x", 1, 0), ENOTCONN);
	// Autobind gives five digits.
	struct sockaddr_un any = { .sun_family = AF_UNIX };
	CHECK_IS(bind(c, (struct sockaddr *)&any, sizeof(any.sun_family)), 0);
	name = name_of(c, false);
	CHECK(name.len == 8 && name.addr.sun_path[0] == 0);
	// Names end with their socket; what the path leads to does not listen any more.
	close(b);
	CHECK_IS(bind_to(new_socket(SOCK_DGRAM), abstract_name("b")), 0);
	close(a);
	CHECK_ERRNO(sendto(c, "x", 1, 0, (struct sockaddr *)&to.addr, to.len), ECONNREFUSED);
	CHECK_IS(unlink("a"), 0);
	close(c);
	// Writing to the socket's file is what connecting asks for.
	a = new_socket(SOCK_STREAM);
	CHECK_IS(bind_to(a, path_name("s")), 0);
	CHECK_ERRNO(connect_to(new_socket(SOCK_DGRAM), path_name("s")), EPROTOTYPE);
	CHECK_ERRNO(connect_to(new_socket(SOCK_STREAM), path_name("s")), ECONNREFUSED);
	CHECK_IS(listen(a, 1), 0);
	CHECK_IS(chmod("s", 0600), 0);
	pid_t child = check_fork();
	if (child == 0) {
		if (geteuid() == 0)
			CHECK_IS(setuid(1000), 0);
		else
			CHECK_IS(chmod("s", 0), 0);
		CHECK_ERRNO(connect_to(new_socket(SOCK_STREAM), path_name("s")), EACCES);
		_exit(0);
	}
	CHECK_CHILD(child);
	close(a);
	CHECK_IS(unlink("s"), 0);
}

static void check_connections(int type)
{
	int listener = new_socket(type), client = new_socket(type), fd;
	char text[8];
	struct name name = abstract_name("listener");
	CHECK_IS(bind_to(listener, name), 0);
	CHECK_ERRNO(connect_to(client, name), ECONNREFUSED);
	CHECK_IS(listen(listener, 0), 0);
	CHECK_IS(events_of(listener), 0);
	CHECK_IS(connect_to(client, name), 0);
	CHECK_IS(events_of(listener), POLLIN);
	CHECK_IS(send(client, "early", 5, 0), 5); // before it is accepted
	int more = new_socket(type | SOCK_NONBLOCK);
	CHECK_ERRNO(connect_to(more, name), EAGAIN); // one waits already
	struct name from = { .len = sizeof(from.addr) };
	fd = accept4(listener, (struct sockaddr *)&from.addr, &from.len, SOCK_CLOEXEC);
	CHECK(fd >= 0 && from.len == 2 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK_IS(recv(fd, text, 8, 0), 5);
	CHECK_ERRNO(connect_to(client, name), EISCONN);
	CHECK_IS(name_of(client, true).len, name.len);
	CHECK_IS(name_of(fd, false).len, name.len);
	CHECK_IS(name_of(fd, true).len, 2);
	CHECK_IS(connect_to(more, name), 0);
	fcntl(listener, F_SETFL, O_NONBLOCK);
	close(accept(listener, NULL, NULL));
	CHECK_ERRNO(accept(listener, NULL, NULL), EAGAIN);
	CHECK(events_of(more) & POLLHUP);
	close(more);
	fcntl(listener, F_SETFL, 0);
	pid_t child = check_fork();
	if (child == 0) {
		for (int i = 0; i < 20; i++) { // they wait for their turn
			int one = new_socket(type);
			CHECK_IS(connect_to(one, name), 0);
			CHECK_IS(send(one, &i, sizeof(i), 0), sizeof(i));
			close(one);
		}
		_exit(0);
	}
	for (int i = 0; i < 20; i++) {
		int got, one = accept(listener, NULL, NULL);
		CHECK_IS(recv(one, &got, sizeof(got), 0), sizeof(got));
		CHECK_IS(got, i);
		CHECK_IS(recv(one, &got, sizeof(got), 0), 0);
		close(one);
	}
	CHECK_CHILD(child);
	// A listener that goes resets those who were not accepted.
	int left = new_socket(type);
	CHECK_IS(connect_to(left, name), 0);
	close(listener);
	CHECK_ERRNO(recv(left, text, 1, 0), ECONNRESET);
	CHECK_IS(recv(left, text, 1, 0), 0);
	close(left);
	CHECK_IS(send(fd, "still", 5, 0), 5);
	CHECK_IS(recv(client, text, 8, 0), 5);
	close(fd);
	close(client);
}

static int option(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);
	CHECK_IS(getsockopt(fd, SOL_SOCKET, name, &value, &len), 0);
	CHECK_IS(len, sizeof(value));
	return value;
}

static void check_options(void)
{
	int ends[2], one = 1;
	char c;
	pair(SOCK_SEQPACKET, ends);
	CHECK_IS(option(ends[0], SO_TYPE), SOCK_SEQPACKET);
	CHECK_IS(option(ends[0], SO_DOMAIN), AF_UNIX);
	CHECK_IS(option(ends[0], SO_PROTOCOL), 0);
	CHECK_IS(option(ends[0], SO_ERROR), 0);
	CHECK_IS(option(ends[0], SO_ACCEPTCONN), 0);
	CHECK_IS(option(ends[0], SO_PASSCRED), 0);
	CHECK_IS(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	CHECK_IS(option(ends[0], SO_PASSCRED), 1);
	CHECK_IS(setsockopt(ends[0], SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), 0);
	CHECK_ERRNO(setsockopt(ends[0], SOL_SOCKET, SO_TYPE, &one, sizeof(one)), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(ends[0], SOL_SOCKET, SO_PASSCRED, &one, 1), EINVAL);
	CHECK_ERRNO(setsockopt(scratch_file(), SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), ENOTSOCK);
	int small = 3000;
	CHECK_IS(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	CHECK_IS(option(ends[0], SO_SNDBUF), 6000);
	struct timeval wait = { 0, 30000 };
	CHECK_IS(setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)), 0);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_ERRNO(recv(ends[1], &c, 1, 0), EAGAIN);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 30000000);
	drop(ends);
}

static void check_credentials(void)
{
	int ends[2], one = 1;
	struct ucred cred;
	socklen_t len = sizeof(cred);
	pair(SOCK_STREAM, ends);
	CHECK_IS(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK(cred.pid == getpid() && cred.uid == geteuid() && cred.gid == getegid());
	CHECK_IS(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(write(ends[0], "child", 5), 5);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(write(ends[0], "parent", 6), 6);
	for (int i = 0; i < 2; i++) { // two writers' bytes do not mix
		char text[32];
		union {
			struct cmsghdr head;
			char room[256];
		} control;
		struct iovec piece = { text, sizeof(text) };
		struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control) };
		CHECK_IS(recvmsg(ends[1], &msg, 0), i ? 6 : 5);
		struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
		CHECK(head && head->cmsg_type == SCM_CREDENTIALS && head->cmsg_len == CMSG_LEN(sizeof(cred)));
		memcpy(&cred, CMSG_DATA(head), sizeof(cred));
		CHECK(cred.pid == (i ? getpid() : child) && cred.uid == getuid());
	}
	// Nobody but root claims to be another.
	child = check_fork();
	if (child == 0) {
		if (getuid() == 0)
			CHECK_IS(setuid(1000), 0);
		union {
			struct cmsghdr head;
			char room[CMSG_SPACE(sizeof(cred))];
		} control = { .head = { .cmsg_len = CMSG_LEN(sizeof(cred)), .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_CREDENTIALS } };
		struct iovec piece = { "x", 1 };
		struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
			.msg_controllen = sizeof(control) };
		cred = (struct ucred){ 1, getuid(), getgid() };
		memcpy(CMSG_DATA(&control.head), &cred, sizeof(cred));
		CHECK_ERRNO(sendmsg(ends[0], &msg, 0), EPERM);
		cred = (struct ucred){ getpid(), 0, getgid() };
		memcpy(CMSG_DATA(&control.head), &cred, sizeof(cred));
		CHECK_ERRNO(sendmsg(ends[0], &msg, 0), EPERM);
		cred = (struct ucred){ getpid(), getuid(), getgid() };
		memcpy(CMSG_DATA(&control.head), &cred, sizeof(cred));
		CHECK_IS(sendmsg(ends[0], &msg, 0), 1);
		_exit(0);
	}
	CHECK_CHILD(child);
	drop(ends);
}

// Edge-triggered readers and writers of one stream see every edge.
static void check_epoll(void)
{
	static char block[4096];
	int ends[2], epfd = epoll_create1(0);
	long total = rounds(4 << 20, 64 << 20), got = 0;
	pair(SOCK_STREAM | SOCK_NONBLOCK, ends);
	pid_t child = check_fork();
	if (child == 0) {
		struct epoll_event event = { .events = EPOLLOUT | EPOLLET };
		int out = epoll_create1(0);
		CHECK_IS(epoll_ctl(out, EPOLL_CTL_ADD, ends[0], &event), 0);
		for (long sent = 0; sent < total;) {
			long n = write(ends[0], block, sizeof(block));
			CHECK(n > 0 || errno == EAGAIN);
			if (n > 0)
				sent += n;
			else
				CHECK_IS(epoll_wait(out, &event, 1, 10000), 1);
		}
		_exit(0);
	}
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, ends[1], &event), 0);
	while (got < total) {
		CHECK_IS(epoll_wait(epfd, &event, 1, 10000), 1);
		for (long n; (n = read(ends[1], block, sizeof(block))) > 0;)
			got += n;
	}
	CHECK_IS(got, total);
	CHECK_CHILD(child);
	drop(ends);
	close(epfd);
}

int main(void)
{
	enter_scratch_folder();
	umask(022);
	check_errors();
	check_stream();
	check_shutdown();
	check_full();
	check_messages(SOCK_SEQPACKET);
	check_messages(SOCK_DGRAM);
	check_many_messages();
	check_names();
	check_connections(SOCK_STREAM);
	check_connections(SOCK_SEQPACKET);
	check_options();
	check_credentials();
	check_epoll();
	return 0;
}
