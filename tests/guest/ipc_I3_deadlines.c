// SPDX-License-Identifier: MIT
// A deadline ends each blocking operation with -ETIMEDOUT, not early, and says whether a server had taken
// the request; one that has passed ends it at once; a message in time is not lost by it; and no deadline
// outlives its operation.
// guest: CPUS 4
#include "ipc.h"

static long endpoint;

static long with_deadline(long number, int64_t deadline, uint64_t *taken)
{
	struct ipc_block block = { .deadline = (uint64_t)deadline };
	struct message m = { .tag = IPC_TAG(0, 1), .words = { 5 } };
	long status = ipc_with(number, endpoint, &m, &block);
	if (taken)
		*taken = m.tag & IPC_TAG_TAKEN;
	return status;
}

static void check_ends(long number, int64_t wait_ns)
{
	uint64_t taken = 1;
	int64_t deadline = now_ns(CLOCK_MONOTONIC) + wait_ns;
	CHECK_IS(with_deadline(number, deadline, &taken), -ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) >= deadline);
	CHECK_IS(taken, 0);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_TRY_RECV, endpoint, &m), -EAGAIN); // it left the queue
	CHECK_IS(ipc(IPC_TRY_SEND, endpoint, &m), -EAGAIN);
}

/** Takes one request and answers it, @arg ms later. */
static void *take_one(void *arg)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	CHECK_IS(m.words[0], 5);
	if (arg)
		sleep_ms((int)(long)arg);
	long status = ipc(IPC_REPLY, 0, &m);
	CHECK(status == -EPIPE || (status == 0 && !arg));
	return NULL;
}

static void check_taken(void)
{
	uint64_t taken = 0;
	pthread_t server = start_thread(take_one, (void *)30);
	int64_t deadline = now_ns(CLOCK_MONOTONIC) + 10000000;
	CHECK_IS(with_deadline(IPC_CALL, deadline, &taken), -ETIMEDOUT);
	CHECK(taken == IPC_TAG_TAKEN && now_ns(CLOCK_MONOTONIC) >= deadline);
	CHECK_IS(pthread_join(server, NULL), 0);
}

/** A deadline far enough ends nothing; nor does it end the next operation, which has none. */
static void check_in_time(void)
{
	for (int i = 0; i < 200; i++) {
		pthread_t server = start_thread(take_one, NULL);
		uint64_t taken = 0, word = 5;
		CHECK_IS(with_deadline(IPC_CALL, now_ns(CLOCK_MONOTONIC) + 60000000000, &taken), 0);
		CHECK_IS(pthread_join(server, NULL), 0);
		int64_t soon = now_ns(CLOCK_MONOTONIC) + 500000;
		server = start_thread(take_one, NULL);
		long status = with_deadline(IPC_CALL, soon, &taken);
		CHECK(status == 0 || (status == -ETIMEDOUT && now_ns(CLOCK_MONOTONIC) >= soon));
		if (status == -ETIMEDOUT && !taken)
			CHECK_IS(ipc_call1(endpoint, &word, NULL), 0); // must not be ended by the other's timer
		CHECK_IS(pthread_join(server, NULL), 0);
	}
}

/** Many with different deadlines in one queue leave in the order of these. */
static int left;
static void *wait_in_queue(void *arg)
{
	long i = (long)arg;
	int64_t deadline = now_ns(CLOCK_MONOTONIC) + (100 - i * 10) * 1000000ll;
	CHECK_IS(with_deadline(i & 1 ? IPC_SEND : IPC_CALL, deadline, NULL), -ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) >= deadline);
	__atomic_fetch_add(&left, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void check_many(void)
{
	pthread_t threads[8];
	for (long i = 0; i < 8; i++)
		threads[i] = start_thread(wait_in_queue, (void *)i);
	for (int i = 0; i < 8; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	CHECK_IS(left, 8);
}

int main(void)
{
	static const long NUMBERS[] = { IPC_RECV, IPC_SEND, IPC_CALL };
	endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	for (int i = 0; i < 3; i++) {
		check_ends(NUMBERS[i], 10000000);
		check_ends(NUMBERS[i], -1);
		CHECK_IS(with_deadline(NUMBERS[i], 0, NULL), -ETIMEDOUT);
	}
	CHECK_IS(with_deadline(IPC_TRY_RECV, 0, NULL), -EAGAIN);
	CHECK_IS(with_deadline(IPC_TRY_CALL, 0, NULL), -EAGAIN);
	check_taken();
	check_in_time();
	check_many();
	return 0;
}
