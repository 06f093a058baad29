// SPDX-License-Identifier: MIT
// A limited descriptor admits its burst at once and its rate in the long run, within 1 %; it recovers after
// a pause; its copies and what is derived from it share the limit; others are not held up.
// In virtual time: a sleep takes none of the host's.
// guest: CPUS 1 ICOUNT 1
#include "ipc.h"

static long endpoint;

static long limited(long fd, uint64_t rate, uint64_t burst)
{
	struct message m = { .tag = IPC_RIGHT_SEND | IPC_RIGHT_GRANT | IPC_MINT_LIMIT,
			     .words = { 7, 0, 0, rate, burst } };
	return ipc(IPC_MINT, fd, &m);
}

static void *serve(void *arg)
{
	struct message m = { 0 };
	while (ipc(IPC_RECV, endpoint, &m) == 0) {
		m.tag = IPC_TAG(0, 0);
		(void)!ipc(IPC_REPLY, 0, &m);
	}
	return arg;
}

static long call(long fd)
{
	struct message m = { .tag = IPC_TAG(0, 0) };
	return ipc(IPC_CALL, fd, &m);
}

static long admitted(long fd, long calls)
{
	long count = 0;
	for (long i = 0; i < calls; i++) {
		long status = call(fd);
		CHECK(status == 0 || status == -EAGAIN);
		count += status == 0;
	}
	return count;
}

static void check_burst(void)
{
	long fd = limited(endpoint, 1, 5), child = ipc_restrict(fd, IPC_RIGHT_SEND);
	int copy = dup((int)fd);
	CHECK_IS(admitted(fd, 3), 3);
	CHECK_IS(admitted(copy, 1), 1);
	CHECK_IS(admitted(child, 10), 1);
	CHECK_IS(admitted(fd, 10), 0);
	CHECK_IS(admitted(endpoint, 100), 100);
	sleep_ms(1050);
	long again = admitted(child, 10); // one a second
	CHECK(again >= 1 && again <= 3);
	CHECK_IS(close((int)fd) | close(copy) | close((int)child), 0);
}

/** As many as go through for @for_ns; one that always asks for more. */
static void check_rate(long fd, uint64_t rate, uint64_t burst, int64_t for_ns)
{
	long count = 0;
	int64_t begin = now_ns(CLOCK_MONOTONIC), now;
	do {
		while (call(fd) == 0)
			count++;
		sleep_ms(1);
		now = now_ns(CLOCK_MONOTONIC);
	} while (now - begin < for_ns);
	double expected = (double)(now - begin) / 1e9 * (double)rate + (double)burst;
	printf("rate %ld, burst %ld: %ld of %.0f\n", (long)rate, (long)burst, count, expected);
	CHECK((double)count <= expected * 1.01 && (double)count >= expected * 0.99);
}

int main(void)
{
	endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	pthread_t server = start_thread(serve, NULL);
	CHECK_IS(limited(endpoint, 0, 1), -EINVAL);
	CHECK_IS(limited(endpoint, 1, 0), -EINVAL);
	CHECK_IS(limited(endpoint, 1ul << 40, 1), -EINVAL);
	check_burst();
	long fd = limited(endpoint, 500, 100);
	check_rate(fd, 500, 100, 60 * 1000000000ll);
	sleep_ms(5000); // it recovers: the burst, and no more
	CHECK_IS(admitted(fd, 200), 100);
	CHECK_IS(close((int)fd), 0);
	CHECK_IS(close((int)endpoint), 0);
	CHECK_IS(pthread_join(server, NULL), 0);
	return 0;
}
