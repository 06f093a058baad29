// SPDX-License-Identifier: MIT
// Send returns only after receipt; senders are served in order; what was handed to a blocked receiver is
// that receiver's; the kernel stamps sender and badge; nothing is lost or doubled on several CPUs.
// guest: CPUS 4
#include "ipc.h"

#define SENDERS 8
static long endpoint;
static volatile int returned[SENDERS];
static pid_t tids[SENDERS];

static void *send_one(void *arg)
{
	long self = (long)arg;
	struct message m = { .tag = IPC_TAG(self, 8) };
	for (int i = 0; i < 8; i++)
		m.words[i] = (uint64_t)(self * 100 + i);
	__atomic_store_n(&tids[self], (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	CHECK_IS(ipc(IPC_SEND, endpoint, &m), 0);
	returned[self] = 1;
	return NULL;
}

static void check_order(void)
{
	pthread_t threads[SENDERS];
	for (long i = 0; i < SENDERS; i++) {
		threads[i] = start_thread(send_one, (void *)i);
		while (!__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE))
			sched_yield();
		until_blocked(getpid(), tids[i]);
	}
	for (long i = 0; i < SENDERS; i++) {
		for (long late = i; late < SENDERS; late++)
			CHECK_IS(returned[late], 0);
		struct message m = { 0 };
		CHECK_IS(ipc(i & 1 ? IPC_TRY_RECV : IPC_RECV, endpoint, &m), 0);
		CHECK_IS(m.tag, IPC_TAG(i, 8));
		for (int w = 0; w < 8; w++)
			CHECK_IS(m.words[w], i * 100 + w);
		CHECK_IS(m.sender, (int64_t)getpid() << 32 | tids[i]);
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	}
}

static uint64_t received[4];
static void *receive_one(void *arg)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	received[(long)arg] = m.words[0];
	return NULL;
}

static void check_blocked_receivers(void)
{
	pthread_t threads[4];
	for (long i = 0; i < 4; i++)
		threads[i] = start_thread(receive_one, (void *)i);
	for (uint64_t i = 1; i <= 4; i++) {
		struct message m = { .tag = IPC_TAG(0, 1), .words = { 1u << i } };
		CHECK_IS(ipc(IPC_SEND, endpoint, &m), 0);
	}
	uint64_t all = 0;
	for (int i = 0; i < 4; i++) {
		CHECK_IS(pthread_join(threads[i], NULL), 0);
		all |= received[i];
	}
	CHECK_IS(all, 2 | 4 | 8 | 16);
}

static void check_badges(void)
{
	struct message m = { .tag = IPC_TAG(0, 0), .words = { 0 }, .badge = 77, .sender = 78 };
	long minted = ipc_mint(endpoint, IPC_RIGHT_SEND, 0xfeedfacecafebeefull);
	CHECK(minted >= 0);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(ipc(IPC_SEND, minted, &m), 0);
		CHECK_IS(ipc(IPC_SEND, endpoint, &m), 0);
		_exit(0);
	}
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	CHECK(m.badge == 0xfeedfacecafebeefull && m.sender == ((uint64_t)child << 32 | (uint64_t)child));
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	CHECK_IS(m.badge, 0);
	CHECK_CHILD(child);
}

#define STREAMS 4
static void *stream(void *arg)
{
	long count = rounds(3000, 300000);
	for (long i = 1; i <= count; i++) {
		struct message m = { .tag = IPC_TAG(0, 2), .words = { (uint64_t)(long)arg, (uint64_t)i } };
		CHECK_IS(ipc(IPC_SEND, endpoint, &m), 0);
	}
	return NULL;
}

static void check_streams(void)
{
	long count = rounds(3000, 300000);
	uint64_t last[STREAMS] = { 0 };
	pthread_t threads[STREAMS];
	for (long i = 0; i < STREAMS; i++)
		threads[i] = start_thread(stream, (void *)i);
	for (long i = 0; i < STREAMS * count; i++) {
		struct message m = { 0 };
		CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
		CHECK(m.words[0] < STREAMS);
		CHECK_IS(m.words[1], last[m.words[0]] + 1);
		last[m.words[0]]++;
	}
	for (int i = 0; i < STREAMS; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_TRY_RECV, endpoint, &m), -EAGAIN);
}

int main(void)
{
	endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	check_order();
	check_blocked_receivers();
	check_badges();
	check_streams();
	return 0;
}
