// SPDX-License-Identifier: MIT
// A server that waits in one receive for requests and for the bits of an attached notification: it wakes
// for either, on both paths, and neither is lost.
// guest: CPUS 4
#include "ipc.h"

static long endpoint, n;

static void attach(void)
{
	endpoint = ipc_endpoint();
	n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	CHECK_IS(ipc3(IPC_ATTACH, endpoint, (uint64_t)n, 0, 0), 0);
}

static void check_arguments(void)
{
	attach();
	long other = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0), senders = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	long signals = ipc_restrict(other, IPC_RIGHT_SEND);
	CHECK_IS(ipc3(IPC_ATTACH, endpoint, (uint64_t)other, 0, 0), -EBUSY);
	long second = ipc_endpoint();
	CHECK_IS(ipc3(IPC_ATTACH, second, (uint64_t)n, 0, 0), -EBUSY);
	CHECK_IS(ipc3(IPC_ATTACH, senders, (uint64_t)other, 0, 0), -EPERM);
	CHECK_IS(ipc3(IPC_ATTACH, second, (uint64_t)signals, 0, 0), -EPERM);
	CHECK_IS(ipc3(IPC_ATTACH, second, (uint64_t)second, 0, 0), -EBADF);
	CHECK_IS(ipc3(IPC_ATTACH, other, (uint64_t)other, 0, 0), -EBADF);
	CHECK_IS(close((int)endpoint), 0); // the attachment goes with the endpoint
	CHECK_IS(close((int)senders), 0);
	sleep_ms(20); // its last reference goes after a grace period
	CHECK_IS(ipc3(IPC_SIGNAL, n, 1, 0, 0), 0);
	CHECK_IS(ipc3(IPC_TRY_WAIT, n, 1, 0, 0), 0);
	CHECK_IS(close((int)n) | close((int)other) | close((int)signals) | close((int)second), 0);
}

static void expect_bits(long number, uint64_t bits)
{
	struct message m = { 0 };
	CHECK_IS(ipc(number, endpoint, &m), 0);
	CHECK(m.tag == IPC_TAG_NOTIFIED && m.badge == bits && m.sender == 0);
	CHECK_IS(ipc(IPC_REPLY, 0, &m), -EINVAL); // the tag has an out bit
	m.tag = 0;
	CHECK_IS(ipc(IPC_REPLY, 0, &m), -ESRCH); // nobody to answer
}

static void check_either(void)
{
	attach();
	struct message m = { 0 };
	CHECK_IS(ipc3(IPC_SIGNAL, n, 1, 0, 0) | ipc3(IPC_SIGNAL, n, 4, 0, 0), 0);
	expect_bits(IPC_TRY_RECV, 5);
	CHECK_IS(ipc(IPC_TRY_RECV, endpoint, &m), -EAGAIN);
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		until_blocked(parent, parent);
		CHECK_IS(ipc3(IPC_SIGNAL, n, 8, 0, 0), 0);
		until_blocked(parent, parent);
		uint64_t word = 1;
		CHECK_IS(ipc_call1(endpoint, &word, NULL), 0);
		CHECK_IS(word, 100);
		_exit(0);
	}
	expect_bits(IPC_RECV, 8);
	m = (struct message){ 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	CHECK_IS(m.words[0], 1);
	m.words[0] = 100;
	m.tag = IPC_TAG(0, 1);
	CHECK_IS(ipc3(IPC_SIGNAL, n, 2, 0, 0), 0);
	CHECK_IS(ipc(IPC_REPLY_RECV, endpoint, &m), 0); // answered, and then the bits
	CHECK(m.tag == IPC_TAG_NOTIFIED && m.badge == 2);
	CHECK_CHILD(child);
	CHECK_IS(close((int)endpoint) | close((int)n), 0);
}

/** Callers and signallers on all CPUs: the server loses nothing. */
static void check_load(void)
{
	uint64_t count = (uint64_t)rounds(1000, 100000);
	attach();
	uint64_t *seen = shared_memory(4096);
	pid_t server = check_fork();
	if (server == 0) {
		struct message m = { 0 };
		CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
		for (;;) {
			bool is_event = m.tag & IPC_TAG_NOTIFIED;
			for (unsigned i = 0; is_event && i < 2; i++) {
				if (m.badge >> i & 1)
					__atomic_fetch_add(&seen[i], 1, __ATOMIC_RELEASE);
			}
			m.words[0]++;
			m.tag = IPC_TAG(0, is_event ? 0 : 1);
			CHECK_IS(ipc(is_event ? IPC_RECV : IPC_REPLY_RECV, endpoint, &m), 0);
		}
	}
	pid_t children[4];
	for (uint64_t i = 0; i < 4; i++) {
		children[i] = check_fork();
		if (children[i])
			continue;
		for (uint64_t k = 1; k <= count; k++) {
			uint64_t word = k;
			if (i < 2) {
				CHECK_IS(ipc3(IPC_SIGNAL, n, 1ul << i, 0, 0), 0);
				while (__atomic_load_n(&seen[i], __ATOMIC_ACQUIRE) != k)
					sched_yield();
			} else {
				CHECK_IS(ipc_call1(endpoint, &word, NULL), 0);
				CHECK_IS(word, k + 1);
			}
		}
		_exit(0);
	}
	for (unsigned i = 0; i < 4; i++)
		CHECK_CHILD(children[i]);
	CHECK_IS(kill(server, SIGKILL), 0);
	wait_status(server);
	CHECK_IS(close((int)endpoint) | close((int)n), 0);
}

int main(void)
{
	check_arguments();
	check_either();
	check_load();
	return 0;
}
