// SPDX-License-Identifier: MIT
// Native descriptors in the queues of Unix sockets, and sockets in those of ports. They arrive with their
// rights; what may not be passed on is refused; and no circle of ports and sockets outlives the last
// descriptor: a socket goes into no port, and a port goes with the socket whose queue alone holds it.
// guest: CPUS 4
#include <sys/socket.h>
#include <sys/un.h>

#include "ipc.h"

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

static long send_fd(int to, long fd)
{
	union control control;
	char c = 'x';
	int number = (int)fd;
	struct iovec piece = { &c, 1 };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	memset(&control, 0, sizeof(control));
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), &number, sizeof(int));
	return sendmsg(to, &msg, 0);
}

static int receive_fd(int from)
{
	union control control;
	char c;
	int number;
	struct iovec piece = { &c, 1 };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	CHECK_IS(recvmsg(from, &msg, MSG_CMSG_CLOEXEC), 1);
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	CHECK(head && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS);
	memcpy(&number, CMSG_DATA(head), sizeof(int));
	CHECK_IS(fcntl(number, F_GETFD), FD_CLOEXEC);
	return number;
}

static void pair(int ends[2])
{
	CHECK_IS(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static long put(long port, int fd, uint32_t flags)
{
	struct message m = { .tag = IPC_TAG(1, 0) };
	struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 1, .send_fds = { (uint32_t)fd | flags } };
	return ipc_with(IPC_PORT_SEND, port, &m, &block);
}

static void check_passing(void)
{
	int ends[2];
	pair(ends);
	// A server in another process gets everything that it needs by a socket.
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(close(ends[0]), 0);
		long endpoint = receive_fd(ends[1]), n = receive_fd(ends[1]), port = receive_fd(ends[1]);
		long region = receive_fd(ends[1]);
		uint64_t *at = mmap(NULL, 4096, PROT_READ, MAP_SHARED, (int)region, 0);
		CHECK(at != MAP_FAILED);
		CHECK_ERRNO(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)region, 0), EACCES);
		struct message m = { 0 };
		CHECK_IS(ipc(IPC_PORT_RECV, port, &m), 0);
		CHECK_IS(m.words[0], 5);
		CHECK_IS(ipc3(IPC_SIGNAL, n, 1, 0, 0), -EPERM); // minted for bit 1
		CHECK_IS(ipc3(IPC_SIGNAL, n, 2, 0, 0), 0);
		CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
		m.tag = IPC_TAG(0, 1);
		m.words[0] = at[0];
		CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
		_exit(0);
	}
	long endpoint = ipc_endpoint(), n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	long signals = ipc_mint(n, IPC_RIGHT_SEND | IPC_RIGHT_GRANT, 2), port = ipc3(IPC_PORT, 0, 0, 0, 0);
	long region = ipc3(IPC_REGION, 0, 4096, 0, 0), reads = ipc_restrict(region, IPC_RIGHT_READ | IPC_RIGHT_GRANT);
	uint64_t *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)region, 0);
	CHECK(at != MAP_FAILED);
	at[0] = 77;
	struct message m = { .tag = IPC_TAG(0, 1), .words = { 5 } };
	CHECK_IS(ipc(IPC_PORT_SEND, port, &m), 0);
	CHECK_IS(send_fd(ends[0], endpoint) & send_fd(ends[0], signals) & send_fd(ends[0], port) &
		 send_fd(ends[0], reads), 1);
	m = (struct message){ .tag = ~0ul, .words = { IPC_NEVER } };
	CHECK_IS(ipc(IPC_WAIT, n, &m), 0);
	CHECK_IS(m.tag, 2);
	m = (struct message){ 0 };
	CHECK_IS(ipc(IPC_CALL, endpoint, &m), 0);
	CHECK_IS(m.words[0], 77);
	CHECK_CHILD(child);

	// Only with the right to pass it on; and not what there is only one of, nor what is revoked on the way.
	long mine = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	CHECK_ERRNO(send_fd(ends[0], mine), EPERM);
	long lent = ipc_restrict(endpoint, IPC_RIGHT_SEND | IPC_RIGHT_GRANT);
	CHECK_IS(send_fd(ends[0], lent), 1);
	CHECK_IS(ipc_revoke(endpoint), 0);
	int late = receive_fd(ends[1]);
	CHECK_IS(ipc(IPC_CALL, late, &m), -EBADF);
	CHECK_ERRNO(send_fd(ends[0], lent), EBADF);
	CHECK_IS(munmap(at, 4096) | close((int)mine) | close((int)lent) | close(late) | close(ends[0]) |
		 close(ends[1]) | close((int)endpoint) | close((int)n) | close((int)signals) | close((int)port) |
		 close((int)region) | close((int)reads), 0);
}

/** The port of @sends is gone: nobody can receive from it. */
static bool is_gone(long sends)
{
	struct message m = { .tag = IPC_TAG(1, 0) };
	long status = ipc(IPC_PORT_TRY_SEND, sends, &m);
	CHECK(status == 0 || status == -EPIPE || status == -EAGAIN);
	return status == -EPIPE;
}

static void check_circles(void)
{
	struct message m = { 0 };
	for (int round = 0; round < 100; round++) {
		long port = ipc3(IPC_PORT, 0, 2, 0, 0), sends = ipc_restrict(port, IPC_RIGHT_SEND);
		int ends[2];
		pair(ends);
		// Socket in port.
		CHECK_IS(put(port, ends[0], 0), -ELOOP);
		CHECK_IS(put(port, ends[1], IPC_FD_MOVE), -ELOOP);
		CHECK_IS(fcntl(ends[1], F_GETFD) >= 0, 1); // it stayed
		m = (struct message){ .tag = 2 };
		CHECK_IS(ipc(IPC_CHANNEL, 0, &m), 0);
		long channel[2] = { (long)m.words[0], (long)m.words[1] };
		CHECK_IS(put(channel[0], ends[0], 0), -ELOOP);
		int listener = socket(AF_UNIX, SOCK_STREAM, 0);
		CHECK_IS(put(port, listener, 0), -ELOOP);
		CHECK_IS(close(listener), 0);
		// Port, and channel, in a socket that is in its own queue.
		CHECK_IS(send_fd(ends[0], port), 1);
		CHECK_IS(send_fd(ends[0], channel[0]), 1);
		CHECK_IS(send_fd(ends[0], ends[1]), 1);
		CHECK_IS(send_fd(ends[1], ends[0]), 1);
		CHECK_IS(close((int)port) | close((int)channel[0]), 0);
		CHECK(!is_gone(sends) && !is_gone(channel[1]));
		CHECK_IS(close(ends[0]), 0);
		CHECK(!is_gone(sends)); // one end is still here
		CHECK_IS(close(ends[1]), 0);
		CHECK_IS(close(socket(AF_UNIX, SOCK_STREAM, 0)), 0); // the next one that is closed collects
		CHECK(is_gone(sends) && is_gone(channel[1]));
		CHECK_IS(close((int)sends) | close((int)channel[1]), 0);
	}
}

int main(void)
{
	check_passing();
	check_circles();
	return 0;
}
