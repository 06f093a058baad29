// SPDX-License-Identifier: MIT
// Ports with an argument block: deadlines on both sides; descriptors travel, stay queued while they do not
// fit, and are released with the port; a port cannot be put into itself by any way; revocation ends
// blocked operations.
// guest: CPUS 4
#include <sys/resource.h>

#include "ipc.h"

static long new_port(uint64_t capacity)
{
	return ipc3(IPC_PORT, 0, capacity, 0, 0);
}

static long with_block(long number, long fd, uint64_t tag, struct ipc_block *block, struct message *m)
{
	*m = (struct message){ .tag = tag | IPC_TAG_BLOCK, .words = { (uintptr_t)block, 22, 33 } };
	return ipc(number, fd, m);
}

static long send_fd(long port, long fd)
{
	struct message m;
	struct ipc_block block = { .deadline = IPC_NEVER, .word0 = 11, .send_fd_count = 1, .send_fds = { (unsigned)fd } };
	return with_block(IPC_PORT_TRY_SEND, port, IPC_TAG(1, 3), &block, &m);
}

static long receive_fd(long port, int *fd)
{
	struct message m;
	struct ipc_block block = { .deadline = IPC_NEVER, .recv_fd_count = 1 };
	long status = with_block(IPC_PORT_TRY_RECV, port, 0, &block, &m);
	*fd = status ? -1 : block.recv_fds[0];
	if (!status) {
		CHECK_IS(IPC_TAG_FDS(m.tag), 1);
		CHECK(m.words[0] == 11 && m.words[1] == 22 && m.words[2] == 33);
	}
	return status;
}

static void check_deadlines(void)
{
	struct message m;
	long port = new_port(1);
	for (unsigned is_send = 0; is_send < 2; is_send++) {
		uint64_t start = (uint64_t)now_ns(CLOCK_MONOTONIC);
		struct ipc_block block = { .deadline = start + 3000000 };
		CHECK_IS(with_block(is_send ? IPC_PORT_SEND : IPC_PORT_RECV, port, 0, &block, &m), -ETIMEDOUT);
		CHECK((uint64_t)now_ns(CLOCK_MONOTONIC) >= start + 3000000);
		block.deadline = 1; // passed: nothing is waited for, but what can be done is
		CHECK_IS(with_block(is_send ? IPC_PORT_SEND : IPC_PORT_RECV, port, 0, &block, &m), -ETIMEDOUT);
		CHECK_IS(with_block(is_send ? IPC_PORT_RECV : IPC_PORT_SEND, port, 0, &block, &m), 0);
	}
	CHECK_IS(close((int)port), 0);
}

static void check_descriptors(void)
{
	int ends[2], fd;
	char c;
	long port = new_port(4);
	CHECK_IS(pipe(ends), 0);
	CHECK_IS(send_fd(port, (long)((unsigned)ends[1] | IPC_FD_MOVE)), 0);
	CHECK_ERRNO(write(ends[1], "x", 1), EBADF); // it has moved
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_PORT_RECV, port, &m), -EMSGSIZE);
	CHECK_IS(ipc(IPC_PORT_TRY_RECV, port, &m), -EMSGSIZE); // and stays
	struct rlimit limit, none = { 0, 0 };
	CHECK_IS(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_IS(receive_fd(port, &fd), -EMFILE);
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
	struct ipc_block *bad = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_IS(with_block(IPC_PORT_TRY_RECV, port, 0, bad, &m), -EMSGSIZE); // of zeros: no room
	CHECK_IS(with_block(IPC_PORT_TRY_RECV, port, 0, address(8), &m), -EFAULT);
	CHECK_IS(receive_fd(port, &fd), 0);
	CHECK_IS(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_IS(write(fd, "y", 1), 1);
	CHECK_IS(read(ends[0], &c, 1), 1);
	// One queued 16 times and dropped with the port: then the pipe has no writer.
	long full = new_port(16);
	for (int i = 0; i < 16; i++)
		CHECK_IS(send_fd(full, fd), 0);
	CHECK_IS(send_fd(full, fd), -EAGAIN);
	CHECK_IS(close(fd), 0);
	CHECK_IS(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	CHECK_ERRNO(read(ends[0], &c, 1), EAGAIN);
	CHECK_IS(close((int)full), 0);
	CHECK_IS(read(ends[0], &c, 1), 0);
	CHECK_IS(close(ends[0]), 0);
	// A failed send leaves all with the sender.
	long plain = ipc_restrict(port, IPC_RIGHT_SEND);
	CHECK_IS(send_fd(port, plain), -EPERM); // may not be passed on
	CHECK_IS(send_fd(port, 999), -EBADF);
	struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 5 };
	CHECK_IS(with_block(IPC_PORT_SEND, port, 0, &block, &m), -EINVAL);
	block = (struct ipc_block){ .deadline = IPC_NEVER, .send_bytes = 1, .send_at = (uintptr_t)&m };
	CHECK_IS(with_block(IPC_PORT_SEND, port, 0, &block, &m), -EMSGSIZE);
	CHECK_IS(receive_fd(port, &fd), -EAGAIN);
	CHECK_IS(close((int)port) | close((int)plain) | munmap(bad, 4096), 0);
}

static void check_loops(void)
{
	int fd;
	long a = new_port(4), b = new_port(4), c = new_port(4);
	CHECK_IS(send_fd(a, a), -ELOOP);
	CHECK_IS(send_fd(a, b), 0); // a holds b
	CHECK_IS(send_fd(b, a), -ELOOP);
	CHECK_IS(send_fd(b, c), -ELOOP); // b is held: it holds none itself
	CHECK_IS(send_fd(c, a), -ELOOP);
	long talks = ipc_restrict(a, IPC_RIGHT_SEND | IPC_RIGHT_GRANT);
	CHECK_IS(send_fd(b, talks), 0); // who cannot receive keeps nothing alive
	CHECK_IS(receive_fd(a, &fd), 0);
	CHECK_IS(close(fd), 0);
	CHECK_IS(send_fd(c, a), 0);
	CHECK_IS(receive_fd(c, &fd), 0);
	CHECK_IS(close(fd) | close((int)talks), 0);
	struct message m = { .tag = 4 };
	CHECK_IS(ipc(IPC_CHANNEL, 0, &m), 0);
	long ends[2] = { (long)m.words[0], (long)m.words[1] };
	CHECK_IS(send_fd(ends[0], ends[1]), -ELOOP); // into the queue that it receives from
	CHECK_IS(send_fd(ends[0], ends[0]), 0);
	CHECK_IS(send_fd(ends[1], ends[1]), -ELOOP);
	CHECK_IS(close((int)ends[0]) | close((int)ends[1]), 0);
	CHECK_IS(close((int)a) | close((int)b) | close((int)c), 0);
}

static long the_fd;
static pid_t tid;
static long status;
static void *receive(void *arg)
{
	struct message m = { 0 };
	__atomic_store_n(&tid, gettid(), __ATOMIC_RELEASE);
	status = ipc(arg ? IPC_PORT_SEND : IPC_PORT_RECV, the_fd, &m);
	return NULL;
}

static void check_revoke(void)
{
	struct message m = { 0 };
	for (unsigned long is_send = 0; is_send < 2; is_send++) {
		long port = new_port(1);
		the_fd = ipc_restrict(port, IPC_RIGHT_SEND | IPC_RIGHT_RECV);
		if (is_send)
			CHECK_IS(ipc(IPC_PORT_SEND, port, &m), 0);
		tid = 0;
		pthread_t thread = start_thread(receive, is_send ? &m : NULL);
		while (!__atomic_load_n(&tid, __ATOMIC_ACQUIRE))
			sched_yield();
		until_blocked(getpid(), tid);
		CHECK_IS(ipc_revoke(port), 0);
		CHECK_IS(pthread_join(thread, NULL), 0);
		CHECK_IS(status, -EBADF);
		CHECK_IS(ipc(IPC_PORT_TRY_RECV, port, &m), is_send ? 0 : -EAGAIN);
		CHECK_IS(ipc(IPC_PORT_TRY_RECV, port, &m), -EAGAIN);
		CHECK_IS(close((int)port) | close((int)the_fd), 0);
	}
}

int main(void)
{
	check_deadlines();
	check_descriptors();
	check_loops();
	check_revoke();
	return 0;
}
