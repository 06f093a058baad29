// SPDX-License-Identifier: MIT
// Ports: the capacity is exact; messages and blocked senders go in order, urgent ones first; each end of
// a wait is its own; who is blocked when a port ends or closes returns once; nothing is lost on 4 CPUs.
// guest: CPUS 4
#include <poll.h>

#include "ipc.h"

static long new_port(uint64_t capacity)
{
	return ipc3(IPC_PORT, 0, capacity, 0, 0);
}

static long put(long number, long port, uint64_t flags, uint64_t word)
{
	struct message m = { .tag = IPC_TAG(5, 1) | flags, .words = { word } };
	return ipc(number, port, &m);
}

static long get(long number, long port, uint64_t *word)
{
	struct message m = { 0 };
	long status = ipc(number, port, &m);
	*word = m.words[0];
	return status;
}

static uint64_t next(long port)
{
	uint64_t word;
	CHECK_IS(get(IPC_PORT_TRY_RECV, port, &word), 0);
	return word;
}

static void check_capacity(void)
{
	static const struct {
		uint64_t asked, real;
	} CASES[] = { { 0, 16 }, { 1, 1 }, { 2, 2 }, { 1023, 1023 }, { 1024, 1024 } };
	for (unsigned i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
		long port = new_port(CASES[i].asked);
		uint64_t word;
		CHECK(port >= 0);
		for (unsigned round = 0; round < 2; round++) {
			for (uint64_t k = 0; k < CASES[i].real; k++)
				CHECK_IS(put(IPC_PORT_TRY_SEND, port, 0, k), 0);
			CHECK_IS(put(IPC_PORT_TRY_SEND, port, 0, 0), -EAGAIN);
			CHECK_IS(put(IPC_PORT_TRY_SEND, port, IPC_TAG_URGENT, 0), -EAGAIN);
			for (uint64_t k = 0; k < CASES[i].real; k++)
				CHECK_IS(next(port), k);
			CHECK_IS(get(IPC_PORT_TRY_RECV, port, &word), -EAGAIN);
		}
		CHECK_IS(close((int)port), 0);
	}
	CHECK_IS(new_port(1025), -EINVAL);
	CHECK_IS(new_port(~0ul), -EINVAL);
}

static void check_messages(void)
{
	long port = new_port(0), minted = ipc_mint(port, IPC_RIGHT_SEND, 0xbad6e);
	for (unsigned words = 0; words <= 8; words++) {
		struct message m = { .tag = IPC_TAG(words + 3, words) }, got;
		for (unsigned i = 0; i < 8; i++)
			m.words[i] = 0x77000 + i;
		memset(&got, 0x55, sizeof(got));
		got.tag = 0;
		CHECK_IS(ipc(IPC_PORT_SEND, words & 1 ? minted : port, &m), 0);
		CHECK_IS(ipc(IPC_PORT_RECV, port, &got), 0);
		CHECK(got.tag == IPC_TAG(words + 3, words));
		CHECK_IS(got.badge, words & 1 ? 0xbad6e : 0);
		CHECK(got.sender == ((uint64_t)getpid() << 32 | (uint64_t)gettid()));
		for (unsigned i = 0; i < 8; i++)
			CHECK(got.words[i] == (i < words ? 0x77000 + i : 0x5555555555555555));
	}
	CHECK_IS(close((int)port) | close((int)minted), 0);
}

static void check_arguments(void)
{
	int file = open("/dev/null", O_RDWR);
	long port = new_port(0), endpoint = ipc_endpoint();
	long sender = ipc_restrict(port, IPC_RIGHT_SEND), receiver = ipc_restrict(port, IPC_RIGHT_RECV);
	const long BAD[] = { -1, 999, 1l << 32 | port, file, endpoint };
	uint64_t word;
	for (unsigned i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		CHECK_IS(put(IPC_PORT_SEND, BAD[i], 0, 1), -EBADF);
		CHECK_IS(put(IPC_PORT_TRY_SEND, BAD[i], 0, 1), -EBADF);
		CHECK_IS(get(IPC_PORT_RECV, BAD[i], &word), -EBADF);
		CHECK_IS(get(IPC_PORT_TRY_RECV, BAD[i], &word), -EBADF);
	}
	CHECK_IS(put(IPC_SEND, port, 0, 1), -EBADF);
	CHECK_IS(put(IPC_CALL, port, 0, 1), -EBADF);
	CHECK_IS(get(IPC_RECV, port, &word), -EBADF);
	CHECK_IS(put(IPC_PORT_SEND, receiver, 0, 1), -EPERM);
	CHECK_IS(get(IPC_PORT_RECV, sender, &word), -EPERM);
	CHECK_IS(put(IPC_PORT_SEND, port, 1ul << 62, 1), -EINVAL);
	CHECK_IS(get(IPC_PORT_TRY_RECV, port, &word), -EAGAIN);
	CHECK_IS(ipc_revoke(port), 0);
	CHECK_IS(put(IPC_PORT_SEND, sender, 0, 1), -EBADF);
	CHECK_IS(get(IPC_PORT_RECV, receiver, &word), -EBADF);
	CHECK_IS(close(file) | close((int)port) | close((int)endpoint), 0);
	CHECK_IS(close((int)sender) | close((int)receiver), 0);
}

static void check_urgent(void)
{
	long port = new_port(6);
	const uint64_t URGENT = IPC_TAG_URGENT;
	for (uint64_t k = 0; k < 6; k++)
		CHECK_IS(put(IPC_PORT_SEND, port, k & 1 ? URGENT : 0, k), 0);
	static const uint64_t ORDER[] = { 1, 3, 5, 0, 2, 4 };
	for (unsigned i = 0; i < 6; i++)
		CHECK_IS(next(port), ORDER[i]);
	struct message m = { .tag = URGENT };
	CHECK_IS(ipc(IPC_PORT_SEND, port, &m), 0);
	CHECK_IS(ipc(IPC_PORT_RECV, port, &m), 0);
	CHECK(m.tag == URGENT); // the receiver sees that it is
	CHECK_IS(close((int)port), 0);
}

// ---- blocked parties --------------------------------------------------------------------------------

#define PARTIES 5
static long the_port;
static pid_t tids[PARTIES];
static long statuses[PARTIES];
static uint64_t got[PARTIES];
static int returned[PARTIES];

static void *sender(void *arg)
{
	long self = (long)arg;
	__atomic_store_n(&tids[self], gettid(), __ATOMIC_RELEASE);
	statuses[self] = put(IPC_PORT_SEND, the_port, 0, 100 + (uint64_t)self);
	__atomic_add_fetch(&returned[self], 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void *receiver(void *arg)
{
	long self = (long)arg;
	__atomic_store_n(&tids[self], gettid(), __ATOMIC_RELEASE);
	statuses[self] = get(IPC_PORT_RECV, the_port, &got[self]);
	__atomic_add_fetch(&returned[self], 1, __ATOMIC_ACQ_REL);
	return NULL;
}

static void start_parties(pthread_t *threads, void *(*run)(void *), unsigned count)
{
	memset(returned, 0, sizeof(returned));
	memset(tids, 0, sizeof(tids));
	for (unsigned long i = 0; i < count; i++) {
		threads[i] = start_thread(run, (void *)i);
		while (!__atomic_load_n(&tids[i], __ATOMIC_ACQUIRE))
			sched_yield();
		until_blocked(getpid(), tids[i]);
	}
}

static void join_parties(pthread_t *threads, unsigned count, long status)
{
	for (unsigned i = 0; i < count; i++) {
		CHECK_IS(pthread_join(threads[i], NULL), 0);
		CHECK_IS(returned[i], 1);
		CHECK_IS(statuses[i], status);
	}
}

/** Each receive lets exactly the oldest sender go, and the late comer waits behind them. */
static void check_senders_in_order(void)
{
	pthread_t threads[PARTIES];
	the_port = new_port(2);
	CHECK_IS(put(IPC_PORT_SEND, the_port, 0, 1) | put(IPC_PORT_SEND, the_port, 0, 2), 0);
	start_parties(threads, sender, PARTIES);
	CHECK_IS(next(the_port), 1);
	CHECK_IS(put(IPC_PORT_TRY_SEND, the_port, 0, 9), -EAGAIN);
	CHECK_IS(next(the_port), 2);
	for (unsigned i = 0; i < PARTIES; i++) {
		while (!__atomic_load_n(&returned[i + 1 < PARTIES ? i + 1 : i], __ATOMIC_ACQUIRE))
			sched_yield();
		for (unsigned late = i + 2; late < PARTIES; late++)
			CHECK_IS(returned[late], 0);
		CHECK_IS(next(the_port), 100 + i);
	}
	join_parties(threads, PARTIES, 0);
	CHECK_IS(close((int)the_port), 0);
}

static void check_receivers_in_order(void)
{
	pthread_t threads[PARTIES];
	the_port = new_port(1);
	start_parties(threads, receiver, PARTIES);
	for (unsigned i = 0; i < PARTIES; i++)
		CHECK_IS(put(IPC_PORT_TRY_SEND, the_port, 0, 50 + i), 0);
	join_parties(threads, PARTIES, 0);
	for (unsigned i = 0; i < PARTIES; i++)
		CHECK_IS(got[i], 50 + i);
	CHECK_IS(close((int)the_port), 0);
}

/** Closed by its last receiver: 5 blocked senders. Ended by its last sender: 3 blocked receivers, who
 *  first get what was queued. */
static void check_ends(void)
{
	pthread_t threads[PARTIES];
	long port = new_port(1), sends = ipc_restrict(port, IPC_RIGHT_SEND);
	uint64_t word;
	the_port = sends;
	CHECK_IS(put(IPC_PORT_SEND, sends, 0, 1), 0);
	start_parties(threads, sender, 5);
	CHECK_IS(close((int)port), 0);
	join_parties(threads, 5, -EPIPE);
	CHECK_IS(put(IPC_PORT_SEND, sends, 0, 1), -EPIPE);
	CHECK_IS(close((int)sends), 0);

	port = new_port(4);
	the_port = ipc_restrict(port, IPC_RIGHT_RECV);
	start_parties(threads, receiver, 3);
	CHECK_IS(close((int)port), 0);
	join_parties(threads, 3, -EPIPE);
	CHECK_IS(get(IPC_PORT_RECV, the_port, &word), -EPIPE);
	CHECK_IS(close((int)the_port), 0);

	port = new_port(4);
	the_port = ipc_restrict(port, IPC_RIGHT_RECV);
	CHECK_IS(put(IPC_PORT_SEND, port, 0, 1) | put(IPC_PORT_SEND, port, 0, 2), 0);
	CHECK_IS(close((int)port), 0);
	CHECK_IS(next(the_port), 1);
	CHECK_IS(next(the_port), 2);
	CHECK_IS(get(IPC_PORT_RECV, the_port, &word), -EPIPE);
	CHECK_IS(get(IPC_PORT_TRY_RECV, the_port, &word), -EPIPE);
	CHECK_IS(close((int)the_port), 0);

	the_port = new_port(4); // closed under its receivers, who have the only descriptor
	start_parties(threads, receiver, 3);
	CHECK_IS(close((int)the_port), 0);
	join_parties(threads, 3, -EPIPE);
}

static void handler(int sig)
{
	(void)sig;
}

static void check_interrupted(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	pthread_t threads[PARTIES];
	uint64_t word;
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	the_port = new_port(1);
	start_parties(threads, receiver, 1);
	CHECK_IS(pthread_kill(threads[0], SIGUSR1), 0);
	join_parties(threads, 1, -EINTR);
	CHECK_IS(put(IPC_PORT_SEND, the_port, 0, 1), 0); // is not spent on who has left
	start_parties(threads, sender, 3);
	CHECK_IS(pthread_kill(threads[1], SIGUSR1), 0);
	CHECK_IS(pthread_join(threads[1], NULL), 0);
	CHECK_IS(statuses[1], -EINTR);
	CHECK_IS(next(the_port), 1);
	CHECK_IS(next(the_port), 100);
	CHECK_IS(next(the_port), 102); // 101 was withdrawn
	CHECK_IS(get(IPC_PORT_TRY_RECV, the_port, &word), -EAGAIN);
	CHECK_IS(pthread_join(threads[0], NULL) | pthread_join(threads[2], NULL), 0);
	CHECK_IS(close((int)the_port), 0);
}

static void check_poll(void)
{
	long port = new_port(1), sends = ipc_restrict(port, IPC_RIGHT_SEND);
	struct pollfd p = { .fd = (int)port, .events = POLLIN | POLLOUT };
	CHECK_IS(poll(&p, 1, 0), 1);
	CHECK_IS(p.revents, POLLOUT);
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		until_blocked(parent, parent);
		_exit(put(IPC_PORT_SEND, port, 0, 3) ? 1 : 0);
	}
	p.events = POLLIN;
	CHECK_IS(poll(&p, 1, -1), 1);
	CHECK_IS(p.revents, POLLIN);
	CHECK_CHILD(child);
	p.events = POLLOUT;
	CHECK_IS(poll(&p, 1, 0), 0);
	child = check_fork();
	if (child == 0) {
		until_blocked(parent, parent);
		_exit(next(port) == 3 ? 0 : 1);
	}
	CHECK_IS(poll(&p, 1, -1), 1);
	CHECK_IS(p.revents, POLLOUT);
	CHECK_CHILD(child);
	CHECK_IS(close((int)port), 0);
	p.fd = (int)sends;
	CHECK_IS(poll(&p, 1, -1), 1);
	CHECK(p.revents & POLLERR);
	CHECK_IS(close((int)sends), 0);
}

/** Random senders and receivers of 8 processes: each message arrives once, each sender's in order. */
#define STREAMS 4
static void check_streams(void)
{
	uint64_t count = (uint64_t)rounds(4000, 400000);
	long port = new_port(3), receives = ipc_restrict(port, IPC_RIGHT_RECV);
	struct {
		uint64_t sum[STREAMS], number[STREAMS];
	} *books = shared_memory(4096);
	pid_t senders[STREAMS], receivers[STREAMS];
	for (uint64_t i = 0; i < STREAMS; i++) {
		senders[i] = check_fork();
		if (senders[i] == 0) {
			for (uint64_t k = 1; k <= count; k++)
				CHECK_IS(put(IPC_PORT_SEND, port, 0, i << 32 | k), 0);
			_exit(0);
		}
		receivers[i] = check_fork();
		if (receivers[i] == 0) {
			uint64_t last[STREAMS] = { 0 }, word;
			long status;
			CHECK_IS(close((int)port), 0);
			while ((status = get(IPC_PORT_RECV, receives, &word)) == 0) {
				uint64_t from = word >> 32, k = word & UINT32_MAX;
				CHECK(from < STREAMS && k > last[from]);
				last[from] = k;
				__atomic_fetch_add(&books->sum[from], k, __ATOMIC_RELAXED);
				__atomic_fetch_add(&books->number[from], 1, __ATOMIC_RELAXED);
			}
			CHECK_IS(status, -EPIPE);
			_exit(0);
		}
	}
	CHECK_IS(close((int)port) | close((int)receives), 0);
	for (unsigned i = 0; i < STREAMS; i++) {
		CHECK_CHILD(senders[i]);
		CHECK_CHILD(receivers[i]);
	}
	for (unsigned i = 0; i < STREAMS; i++) {
		CHECK_IS(books->number[i], count);
		CHECK_IS(books->sum[i], count * (count + 1) / 2);
	}
}

int main(void)
{
	check_capacity();
	check_messages();
	check_arguments();
	check_urgent();
	check_senders_in_order();
	check_receivers_in_order();
	check_ends();
	check_interrupted();
	check_poll();
	check_streams();
	return 0;
}
