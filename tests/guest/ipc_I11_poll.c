// SPDX-License-Identifier: MIT
// Readiness of native objects. An endpoint is readable while a sender is queued, and hung up once it is
// closed: poll sleeps until then, a bound notification is signalled, even one that is attached to the
// same endpoint. epoll takes endpoints, ports, channels and notifications as it takes files.
// guest: CPUS 4
#include <poll.h>
#include <sys/epoll.h>

#include "ipc.h"

static int ready(long fd)
{
	struct pollfd p = { .fd = (int)fd, .events = POLLIN | POLLOUT };
	return poll(&p, 1, 0) ? p.revents : 0;
}

static void receive(long endpoint)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
}

/** A child that sends to @endpoint and ends; queued when this returns. */
static pid_t queue_sender(long endpoint)
{
	pid_t child = check_fork();
	if (child == 0) {
		struct message m = { .tag = IPC_TAG(1, 0) };
		long status = ipc(IPC_SEND, endpoint, &m);
		_exit(status == 0 ? 0 : status == -EPIPE ? 1 : 2);
	}
	until_blocked(child, child);
	return child;
}

static void check_endpoint(void)
{
	long endpoint = ipc_endpoint(), sends = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	CHECK_IS(ready(endpoint), 0);
	pid_t first = queue_sender(endpoint), second = queue_sender(endpoint);
	CHECK_IS(ready(endpoint), POLLIN);
	receive(endpoint);
	CHECK_IS(ready(endpoint), POLLIN);
	receive(endpoint);
	CHECK_IS(ready(endpoint), 0);
	CHECK_CHILD(first);
	CHECK_CHILD(second);
	// Who sleeps in poll is woken by a sender, then by the end.
	for (int round = 0; round < 200; round++) {
		pid_t parent = getpid(), child = check_fork();
		if (child == 0) {
			struct message m = { 0 };
			if (round % 2)
				until_blocked(parent, parent);
			CHECK_IS(ipc(IPC_SEND, endpoint, &m), 0);
			_exit(0);
		}
		struct pollfd p = { .fd = (int)endpoint, .events = POLLIN };
		CHECK_IS(poll(&p, 1, -1), 1);
		CHECK_IS(p.revents, POLLIN);
		receive(endpoint);
		CHECK_CHILD(child);
	}
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(close((int)endpoint), 0);
		struct pollfd p = { .fd = (int)sends, .events = POLLIN };
		CHECK_IS(poll(&p, 1, -1), 1);
		CHECK_IS(p.revents, POLLHUP);
		_exit(0);
	}
	until_blocked(child, child);
	CHECK_IS(close((int)endpoint), 0);
	CHECK_CHILD(child);
	CHECK_IS(ready(sends), POLLHUP);
	CHECK_IS(close((int)sends), 0);
}

static uint64_t bits_of(long n)
{
	struct message m = { .tag = ~0ul };
	long status = ipc(IPC_TRY_WAIT, n, &m);
	return status ? 0 : m.tag;
}

static void check_bind(void)
{
	long endpoint = ipc_endpoint(), n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	CHECK_IS(ipc3(IPC_BIND, n, 2, (uint64_t)endpoint, 0), 0);
	CHECK_IS(bits_of(n), 0);
	pid_t child = queue_sender(endpoint);
	struct message m = { .tag = ~0ul, .words = { IPC_NEVER } };
	CHECK_IS(ipc(IPC_WAIT, n, &m), 0);
	CHECK_IS(m.tag, 2);
	receive(endpoint);
	CHECK_CHILD(child);
	// Attached to the endpoint that it is bound to: one receive ends for the bits, one has the message.
	CHECK_IS(ipc3(IPC_ATTACH, endpoint, (uint64_t)n, 0, 0), 0);
	for (int round = 0; round < 100; round++) {
		child = queue_sender(endpoint);
		bool has_bits[2];
		for (int i = 0; i < 2; i++) {
			m = (struct message){ 0 };
			CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
			has_bits[i] = m.tag & IPC_TAG_NOTIFIED;
			CHECK_IS(m.badge, has_bits[i] ? 2 : 0);
		}
		CHECK(has_bits[0] != has_bits[1]);
		CHECK_CHILD(child);
	}
	// A watch ends with the endpoint.
	CHECK_IS(close((int)endpoint), 0);
	CHECK(bits_of(n) & 2);
	CHECK_IS(close((int)n), 0);
}

static int epoll;

static void watch(int op, long fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.u64 = (uint64_t)fd };
	CHECK_IS(epoll_ctl(epoll, op, (int)fd, &event), 0);
}

/** The events of @fd, which alone has some, within @ms (-1: for ever); 0: none are there. */
static uint32_t told_within(long fd, int ms)
{
	struct epoll_event events[8];
	int count = epoll_wait(epoll, events, 8, ms);
	CHECK(count == 0 || (count == 1 && events[0].data.u64 == (uint64_t)fd));
	return count ? events[0].events : 0;
}

static uint32_t told(long fd)
{
	return told_within(fd, 0);
}

static void *send_one(void *port)
{
	struct message m = { .tag = IPC_TAG(1, 0) };
	sleep_ms(5);
	CHECK_IS(ipc(IPC_PORT_SEND, *(long *)port, &m), 0);
	return NULL;
}

static void check_epoll(void)
{
	struct message m = { .tag = 2 };
	epoll = epoll_create1(EPOLL_CLOEXEC);
	long endpoint = ipc_endpoint(), n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	long port = ipc3(IPC_PORT, 0, 1, 0, 0), region = ipc3(IPC_REGION, 0, 4096, 0, 0);
	CHECK(epoll >= 0 && endpoint >= 0 && n >= 0 && port >= 0 && region >= 0);
	CHECK_IS(ipc(IPC_CHANNEL, 0, &m), 0);
	long ends[2] = { (long)m.words[0], (long)m.words[1] };
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, (int)region, &event), EPERM);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, 999, &event), EBADF);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_MOD, (int)port, &event), ENOENT);
	watch(EPOLL_CTL_ADD, endpoint, EPOLLIN);
	watch(EPOLL_CTL_ADD, n, EPOLLIN);
	watch(EPOLL_CTL_ADD, port, EPOLLIN);
	watch(EPOLL_CTL_ADD, ends[0], EPOLLIN);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_ADD, (int)port, &event), EEXIST);
	CHECK_IS(told(0), 0);

	pid_t child = queue_sender(endpoint);
	CHECK_IS(told_within(endpoint, -1), EPOLLIN); // a queued sender is told of a little later
	CHECK_IS(told(endpoint), EPOLLIN); // as long as it is so
	receive(endpoint);
	CHECK_IS(told(0), 0);
	CHECK_CHILD(child);

	CHECK_IS(ipc3(IPC_SIGNAL, n, 1, 0, 0), 0);
	CHECK_IS(told(n), EPOLLIN);
	CHECK_IS(bits_of(n), 1);
	CHECK_IS(told(0), 0);

	m = (struct message){ .tag = IPC_TAG(1, 0) };
	CHECK_IS(ipc(IPC_PORT_SEND, ends[1], &m), 0);
	CHECK_IS(told(ends[0]), EPOLLIN);
	CHECK_IS(ipc(IPC_PORT_RECV, ends[0], &m), 0);
	CHECK_IS(told(0), 0);

	// Edges, then once.
	watch(EPOLL_CTL_MOD, port, EPOLLIN | EPOLLET);
	m = (struct message){ .tag = IPC_TAG(1, 0) };
	CHECK_IS(ipc(IPC_PORT_SEND, port, &m), 0);
	CHECK_IS(told(port), EPOLLIN);
	CHECK_IS(told(0), 0);
	CHECK_IS(ipc(IPC_PORT_RECV, port, &m), 0);
	watch(EPOLL_CTL_MOD, port, EPOLLIN | EPOLLONESHOT);
	for (int i = 0; i < 2; i++) {
		m = (struct message){ .tag = IPC_TAG(1, 0) };
		CHECK_IS(ipc(IPC_PORT_SEND, port, &m), 0);
		CHECK_IS(told(port), i ? 0 : EPOLLIN);
		CHECK_IS(ipc(IPC_PORT_RECV, port, &m), 0);
	}
	watch(EPOLL_CTL_MOD, port, EPOLLIN);
	for (int i = 0; i < 50; i++) {
		pthread_t sender = start_thread(send_one, &port);
		struct epoll_event one;
		CHECK_IS(epoll_wait(epoll, &one, 1, -1), 1);
		CHECK_IS(one.data.u64, port);
		CHECK_IS(ipc(IPC_PORT_RECV, port, &m), 0);
		CHECK_IS(pthread_join(sender, NULL), 0);
	}
	CHECK_IS(close((int)ends[1]), 0); // the peer's end is told
	CHECK(told(ends[0]) & EPOLLHUP);
	CHECK_IS(epoll_ctl(epoll, EPOLL_CTL_DEL, (int)ends[0], NULL), 0);
	CHECK_ERRNO(epoll_ctl(epoll, EPOLL_CTL_DEL, (int)ends[0], NULL), ENOENT);
	CHECK_IS(told(0), 0);
	// What is closed leaves, whatever was to be told; its number is free for another.
	CHECK_IS(ipc3(IPC_SIGNAL, n, 1, 0, 0), 0);
	CHECK_IS(close((int)n) | close((int)endpoint) | close((int)port) | close((int)ends[0]), 0);
	CHECK_IS(told(0), 0);
	long again = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	watch(EPOLL_CTL_ADD, again, EPOLLIN);
	CHECK_IS(close(epoll) | close((int)region) | close((int)again), 0);
}

static void *come_and_go(void *arg)
{
	for (long i = 0; i < rounds(2000, 50000); i++) {
		long fd = i % 2 ? ipc_endpoint() : ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
		watch(EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET);
		if (i % 3 == 0 && !(i % 2))
			CHECK_IS(ipc3(IPC_SIGNAL, fd, 1, 0, 0), 0);
		if (i % 5 == 0)
			CHECK_IS(epoll_ctl(epoll, EPOLL_CTL_DEL, (int)fd, NULL), 0);
		CHECK_IS(close((int)fd), 0);
	}
	return arg;
}

/** Objects end while others wait for them. */
static void check_races(void)
{
	pthread_t threads[2];
	struct epoll_event events[8];
	epoll = epoll_create1(0);
	for (int i = 0; i < 2; i++)
		threads[i] = start_thread(come_and_go, NULL);
	for (int i = 0; i < 2000; i++)
		CHECK(epoll_wait(epoll, events, 8, 1) >= 0);
	for (int i = 0; i < 2; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	CHECK_IS(epoll_wait(epoll, events, 8, 0), 0);
	CHECK_IS(close(epoll), 0);
}

int main(void)
{
	check_endpoint();
	check_bind();
	check_epoll();
	check_races();
	return 0;
}
