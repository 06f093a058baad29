// SPDX-License-Identifier: MIT
// Notifications between processes: no bit is lost or taken twice on several CPUs; each outcome is its
// own; minted descriptors set only their bits; poll sees them; descriptors of every kind can be bound.
// guest: CPUS 4
#include <poll.h>
#include <sys/eventfd.h>

#include "ipc.h"

#define ALL (~0ul)
static long n;

static long try_wait(uint64_t mask, uint64_t *bits)
{
	struct message m = { .tag = mask };
	long status = ipc(IPC_TRY_WAIT, n, &m);
	*bits = status ? 0 : m.tag;
	return status;
}

static uint64_t taken(void)
{
	uint64_t bits;
	long status = try_wait(ALL, &bits);
	CHECK(status == 0 || status == -EAGAIN);
	return bits;
}

static void check_arguments(void)
{
	int file = open("/dev/null", O_RDWR);
	long endpoint = ipc_endpoint();
	const long BAD[] = { -1, 999, 1l << 32 | n, file, endpoint };
	for (unsigned i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
		CHECK_IS(ipc3(IPC_SIGNAL, BAD[i], 1, 0, 0), -EBADF);
		CHECK_IS(ipc3(IPC_WAIT, BAD[i], 1, 0, 0), -EBADF);
		CHECK_IS(ipc3(IPC_TRY_WAIT, BAD[i], 1, 0, 0), -EBADF);
		CHECK_IS(ipc3(IPC_BIND, BAD[i], 1, (uint64_t)file, 0), -EBADF);
	}
	struct message m = { .tag = 0 };
	CHECK_IS(ipc(IPC_SEND, n, &m), -EBADF);
	CHECK_IS(ipc(IPC_TRY_RECV, n, &m), -EBADF);
	long signaller = ipc_restrict(n, IPC_RIGHT_SEND), waiter = ipc_restrict(n, IPC_RIGHT_RECV);
	CHECK_IS(ipc3(IPC_WAIT, signaller, 1, 0, 0), -EPERM);
	CHECK_IS(ipc3(IPC_BIND, signaller, 1, (uint64_t)file, 0), -EPERM);
	CHECK_IS(ipc3(IPC_SIGNAL, waiter, 1, 0, 0), -EPERM);
	CHECK_IS(ipc3(IPC_WAIT, n, 0, 0, 0), -EINVAL);
	CHECK_IS(ipc3(IPC_BIND, n, 1, 999, 0), -EBADF);
	CHECK_IS(ipc3(IPC_BIND, n, 1, 1ul << 32, 0), -EBADF);
	CHECK_IS(ipc3(IPC_BIND, n, 1, (uint64_t)file, 1ul << 16), -EINVAL);
	CHECK_IS(ipc3(IPC_BIND, n, 1, (uint64_t)n, 0), -ELOOP);
	CHECK_IS(ipc3(IPC_BIND, n, 0, (uint64_t)file, 0), -ENOENT);
	CHECK_IS(taken(), 0);
	CHECK_IS(close(file) | close((int)endpoint) | close((int)signaller) | close((int)waiter), 0);
}

static void check_minted_bits(void)
{
	long some = ipc_mint(n, IPC_RIGHT_SEND | IPC_RIGHT_GRANT, 6);
	long one = ipc_mint(some, IPC_RIGHT_SEND, 2 | 8);
	CHECK_IS(ipc3(IPC_SIGNAL, some, 7, 0, 0), -EPERM);
	CHECK_IS(ipc3(IPC_SIGNAL, one, 8, 0, 0), -EPERM); // rights only shrink
	CHECK_IS(taken(), 0);
	CHECK_IS(ipc3(IPC_SIGNAL, some, 6, 0, 0), 0);
	CHECK_IS(taken(), 6);
	CHECK_IS(ipc3(IPC_SIGNAL, one, 2, 0, 0), 0);
	CHECK_IS(taken(), 2);
	CHECK_IS(ipc_revoke(n), 0);
	CHECK_IS(ipc3(IPC_SIGNAL, one, 2, 0, 0), -EBADF);
	CHECK_IS(close((int)some) | close((int)one), 0);
}

static void handler(int sig)
{
	(void)sig;
}

static void check_outcomes(void)
{
	int64_t start = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(ipc3(IPC_WAIT, n, 1, (uint64_t)start + 5000000, 0), -ETIMEDOUT);
	CHECK(now_ns(CLOCK_MONOTONIC) >= start + 5000000);
	CHECK_IS(ipc3(IPC_WAIT, n, 1, 1, 0), -ETIMEDOUT);
	CHECK_IS(ipc3(IPC_TRY_WAIT, n, 1, 0, 0), -EAGAIN);
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		until_blocked(parent, parent);
		CHECK_IS(kill(parent, SIGUSR1), 0);
		_exit(0);
	}
	CHECK_IS(ipc3(IPC_WAIT, n, 1, IPC_NEVER, 0), -EINTR);
	CHECK_CHILD(child);
	// A killed waiter takes nothing along.
	child = check_fork();
	if (child == 0) {
		ipc3(IPC_WAIT, n, ALL, IPC_NEVER, 0);
		_exit(1);
	}
	until_blocked(child, child);
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(wait_status(child), SIGKILL);
	CHECK_IS(ipc3(IPC_SIGNAL, n, 3, 0, 0), 0);
	CHECK_IS(taken(), 3);
}

static void check_closed(void)
{
	long other = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	long signaller = ipc_restrict(other, IPC_RIGHT_SEND);
	pid_t child = check_fork(); // has both
	if (child == 0) {
		CHECK_IS(close((int)signaller), 0);
		_exit(ipc3(IPC_WAIT, other, 1, IPC_NEVER, 0) == 0 ? 0 : 1);
	}
	CHECK_IS(close((int)other), 0);
	CHECK_IS(ipc3(IPC_SIGNAL, signaller, 1, 0, 0), 0); // the child can still wait
	CHECK_CHILD(child);
	CHECK_IS(ipc3(IPC_SIGNAL, signaller, 1, 0, 0), -EPIPE);
	struct pollfd p = { .fd = (int)signaller, .events = POLLIN };
	CHECK_IS(poll(&p, 1, 0), 1);
	CHECK_IS(p.revents, POLLHUP);
	CHECK_IS(close((int)signaller), 0);
}

/** Four processes signal; the sum of what two waiters take is what was set. */
#define SIGNALLERS 4
static void check_none_lost(void)
{
	long count = rounds(2000, 200000);
	uint64_t *seen = shared_memory(4096); // [i]: how often bit i was set and taken
	pid_t children[SIGNALLERS];
	for (long i = 0; i < SIGNALLERS; i++) {
		children[i] = check_fork();
		if (children[i] == 0) {
			for (uint64_t k = 1; k <= (uint64_t)count; k++) {
				CHECK_IS(ipc3(IPC_SIGNAL, n, 1ul << i, 0, 0), 0);
				while (__atomic_load_n(&seen[i], __ATOMIC_RELAXED) != k)
					sched_yield();
			}
			_exit(0);
		}
	}
	pid_t helper = check_fork(); // wants the even ones only
	for (uint64_t mask = helper ? ALL : 5;;) {
		struct message m = { .tag = mask, .words = { IPC_NEVER } };
		CHECK_IS(ipc(IPC_WAIT, n, &m), 0);
		for (unsigned i = 0; i < SIGNALLERS; i++) {
			if (m.tag >> i & 1)
				__atomic_fetch_add(&seen[i], 1, __ATOMIC_SEQ_CST);
		}
		uint64_t done = 0;
		for (unsigned i = 0; i < SIGNALLERS; i++)
			done += __atomic_load_n(&seen[i], __ATOMIC_SEQ_CST) == (uint64_t)count;
		if (done == SIGNALLERS || m.tag >> 63) {
			if (helper)
				break;
			CHECK_IS(ipc3(IPC_SIGNAL, n, 1ul << 63, 0, 0), 0); // the other may wait for more
			_exit(0);
		}
	}
	for (unsigned i = 0; i < SIGNALLERS; i++)
		CHECK_CHILD(children[i]);
	CHECK_IS(kill(helper, SIGKILL), 0);
	wait_status(helper);
	taken();
}

static void check_poll(void)
{
	struct pollfd p = { .fd = (int)n, .events = POLLIN };
	CHECK_IS(poll(&p, 1, 0), 0);
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		until_blocked(parent, parent);
		CHECK_IS(ipc3(IPC_SIGNAL, n, 4, 0, 0), 0);
		_exit(0);
	}
	CHECK_IS(poll(&p, 1, -1), 1);
	CHECK_IS(p.revents, POLLIN);
	CHECK_IS(taken(), 4);
	CHECK_IS(poll(&p, 1, 0), 0);
	CHECK_CHILD(child);
}

/** A server that waits for a pipe, an eventfd and its clients in one place. */
static void check_bind(void)
{
	int ends[2], event = eventfd(0, EFD_NONBLOCK);
	char c;
	CHECK_IS(pipe(ends), 0);
	CHECK_IS(ipc3(IPC_BIND, n, 1, (uint64_t)ends[0], 0), 0);
	CHECK_IS(ipc3(IPC_BIND, n, 2, (uint64_t)event, 0), 0);
	CHECK_IS(taken(), 0);
	CHECK_IS(ipc3(IPC_BIND, n, 8, (uint64_t)ends[1], POLLOUT), 0);
	CHECK_IS(taken(), 8); // it can be written to
	CHECK_IS(ipc3(IPC_BIND, n, 0, (uint64_t)ends[1], 0), 0);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(write(ends[1], "x", 1), 1);
		uint64_t one = 1;
		CHECK_IS(write(event, &one, sizeof(one)), sizeof(one));
		CHECK_IS(ipc3(IPC_SIGNAL, n, 4, 0, 0), 0);
		_exit(0);
	}
	uint64_t got = 0;
	while (got != 7) {
		struct message m = { .tag = ALL, .words = { IPC_NEVER } };
		CHECK_IS(ipc(IPC_WAIT, n, &m), 0);
		got |= m.tag;
	}
	CHECK_CHILD(child);
	CHECK_IS(read(ends[0], &c, 1), 1);
	taken();
	CHECK_IS(close(ends[1]), 0); // hang-up is seen
	CHECK_IS(taken(), 1);
	CHECK_IS(close(ends[0]), 0); // and the end
	taken();
	CHECK_IS(close(event), 0);
	CHECK_IS(taken(), 2);
	int scratch = scratch_file();
	CHECK_IS(ipc3(IPC_BIND, n, 1, (uint64_t)scratch, 0), -EPERM); // always ready
	CHECK_IS(close(scratch), 0);
}

int main(void)
{
	n = ipc3(IPC_NOTIFICATION, 0, 0, 0, 0);
	CHECK(n >= 0);
	CHECK_IS(fcntl((int)n, F_GETFD), FD_CLOEXEC);
	check_arguments();
	check_minted_bits();
	check_outcomes();
	check_closed();
	check_none_lost();
	check_poll();
	check_bind();
	return 0;
}
