// SPDX-License-Identifier: MIT
// Rights only shrink; revoking ends exactly the descendants, in other processes and for blocked callers,
// before it returns; stale and guessed descriptors open nothing; every call asks for its right.
// guest: CPUS 4
#include "ipc.h"

#define ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)
static long endpoint;

static long try_send(long fd)
{
	struct message m = { .tag = IPC_TAG(0, 0) };
	return ipc(IPC_TRY_SEND, fd, &m);
}

static long try_recv(long fd)
{
	struct message m = { 0 };
	return ipc(IPC_TRY_RECV, fd, &m);
}

static void check_each_right(void)
{
	for (unsigned rights = 1; rights <= ALL; rights++) {
		long fd = ipc_restrict(endpoint, rights);
		CHECK(fd >= 0);
		CHECK_IS(try_send(fd), rights & IPC_RIGHT_SEND ? -EAGAIN : -EPERM);
		CHECK_IS(try_recv(fd), rights & IPC_RIGHT_RECV ? -EAGAIN : -EPERM);
		CHECK_IS(ipc_revoke(fd), rights & IPC_RIGHT_GRANT ? 0 : -EPERM);
		for (unsigned wanted = 1; wanted <= ALL; wanted++) {
			bool may = (rights & IPC_RIGHT_GRANT) && !(wanted & ~rights);
			long child = ipc_restrict(fd, wanted), minted = ipc_mint(fd, wanted, 5);
			CHECK(may ? child >= 0 && minted >= 0 : child == -EPERM && minted == -EPERM);
			if (may)
				CHECK_IS(close((int)child) | close((int)minted), 0);
		}
		CHECK_IS(close((int)fd), 0);
	}
	CHECK_IS(ipc_restrict(endpoint, 0), -EINVAL);
	CHECK_IS(ipc_restrict(endpoint, ALL + 1), -EINVAL);
	CHECK_IS(ipc_restrict(endpoint, 1ul << 40 | 1), -EINVAL);
	CHECK_IS(ipc_mint(endpoint, -1ul, 0), -EINVAL);
	CHECK_IS(ipc_restrict(0, 1), -EBADF); // a file
	CHECK_IS(ipc_restrict(9999, 1), -EBADF);
	CHECK_IS(ipc_revoke(1), -EBADF);
}

/**  endpoint ─ a ─ b ─ c, a ─ d; and e beside a. */
static void check_subtree(void)
{
	long a = ipc_restrict(endpoint, ALL), b = ipc_mint(a, ALL, 2), c = ipc_restrict(b, IPC_RIGHT_SEND);
	long d = ipc_restrict(a, IPC_RIGHT_SEND), e = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	int copy = dup((int)c);
	CHECK(a >= 0 && b >= 0 && c >= 0 && d >= 0 && e >= 0 && copy >= 0);
	CHECK_IS(try_send(copy), -EAGAIN);
	CHECK_IS(ipc_revoke(b), 0);
	CHECK_IS(try_send(c), -EBADF);
	CHECK_IS(try_send(copy), -EBADF);
	CHECK_IS(try_send(b), -EAGAIN);
	CHECK_IS(try_send(d), -EAGAIN);
	c = ipc_restrict(b, IPC_RIGHT_SEND); // b may give anew
	CHECK_IS(try_send(c), -EAGAIN);
	CHECK_IS(ipc_revoke(a), 0);
	CHECK_IS(try_send(b), -EBADF);
	CHECK_IS(try_send(c), -EBADF);
	CHECK_IS(try_send(d), -EBADF);
	CHECK_IS(ipc_restrict(b, IPC_RIGHT_SEND), -EBADF);
	CHECK_IS(try_send(a), -EAGAIN);
	CHECK_IS(try_send(e), -EAGAIN);
	CHECK_IS(close((int)a), 0);
	CHECK_IS(close((int)b) | close((int)c) | close((int)d) | close(copy), 0); // stale, yet closable
	CHECK_ERRNO(close((int)b), EBADF);
	CHECK_IS(try_send(e), -EAGAIN);
	CHECK_IS(close((int)e), 0);
}

/** Other processes lose it at once: after revoke() returned, none of their calls arrives. */
static void check_other_processes(void)
{
	int *calls = shared_memory(4096);
	for (int round = 0; round < 20; round++) {
		long given = ipc_mint(endpoint, IPC_RIGHT_SEND | IPC_RIGHT_GRANT, 9);
		pid_t children[3];
		*calls = 0;
		for (int i = 0; i < 3; i++) {
			children[i] = check_fork();
			if (children[i] == 0) {
				long status;
				do {
					status = try_send(given);
					__atomic_add_fetch(calls, 1, __ATOMIC_RELAXED);
				} while (status == -EAGAIN);
				CHECK_IS(status, -EBADF);
				_exit(0);
			}
		}
		while (__atomic_load_n(calls, __ATOMIC_RELAXED) < 30)
			sched_yield();
		long parent = ipc_restrict(endpoint, ALL); // a sibling: its revoke harms nobody
		CHECK_IS(ipc_revoke(parent), 0);
		CHECK_IS(close((int)parent), 0);
		CHECK_IS(try_send(given), -EAGAIN);
		CHECK_IS(ipc_revoke(endpoint), 0);
		CHECK_IS(try_send(given), -EBADF);
		for (int i = 0; i < 3; i++)
			CHECK_CHILD(children[i]);
		CHECK_IS(close((int)given), 0);
	}
}

static long call_with(long number, long fd)
{
	struct message m = { .tag = IPC_TAG(0, 0) };
	return ipc(number, fd, &m);
}

/** Every call that takes a descriptor, for each set of rights and for what is no endpoint: only the right
 *  that it asks for lets it begin. */
static void check_each_call(void)
{
	static const struct {
		long number;
		unsigned right;
		long status; // with it
	} CALLS[] = {
		{ IPC_TRY_CALL, IPC_RIGHT_SEND, -EAGAIN },
		{ IPC_TRY_SEND, IPC_RIGHT_SEND, -EAGAIN },
		{ IPC_TRY_RECV, IPC_RIGHT_RECV, -EAGAIN },
		{ IPC_REPLY_RECV, IPC_RIGHT_RECV, -ESRCH },
		{ IPC_RESTRICT, IPC_RIGHT_GRANT, -EINVAL }, // no rights asked for
		{ IPC_MINT, IPC_RIGHT_GRANT, -EINVAL },
		{ IPC_REVOKE, IPC_RIGHT_GRANT, 0 },
	};
	int file = open("/dev/null", O_RDWR);
	for (unsigned i = 0; i < sizeof(CALLS) / sizeof(CALLS[0]); i++) {
		for (unsigned rights = 1; rights <= ALL; rights++) {
			long fd = ipc_restrict(endpoint, rights), status = call_with(CALLS[i].number, fd);
			bool may = rights & CALLS[i].right;
			CHECK(status == (may || CALLS[i].status == -EINVAL ? CALLS[i].status : -EPERM));
			CHECK_IS(close((int)fd), 0);
			CHECK(call_with(CALLS[i].number, fd) == -EBADF);
		}
		CHECK_IS(call_with(CALLS[i].number, file), -EBADF);
	}
	CHECK_IS(close(file), 0);
}

/** Who has a badge cannot take another; a receiver ends all with one badge and no other. */
static void check_badges(void)
{
	long one = ipc_mint(endpoint, IPC_RIGHT_SEND | IPC_RIGHT_GRANT, 1), two = ipc_mint(endpoint, ALL, 2);
	long ones = ipc_mint(one, IPC_RIGHT_SEND, 1), copy = ipc_restrict(one, IPC_RIGHT_SEND);
	CHECK(one >= 0 && two >= 0 && ones >= 0 && copy >= 0);
	CHECK_IS(ipc_mint(one, IPC_RIGHT_SEND, 2), -EPERM);
	CHECK_IS(ipc_mint(one, IPC_RIGHT_SEND, 0), -EPERM);
	struct message m = { .tag = IPC_REVOKE_BADGE, .words = { 1 } };
	CHECK_IS(ipc(IPC_REVOKE, one, &m), -EPERM); // no receiver
	m = (struct message){ .tag = 2, .words = { 1 } };
	CHECK_IS(ipc(IPC_REVOKE, endpoint, &m), -EINVAL);
	m = (struct message){ .tag = IPC_REVOKE_BADGE, .words = { 1 } };
	CHECK_IS(ipc(IPC_REVOKE, two, &m), 0);
	CHECK_IS(try_send(one), -EBADF);
	CHECK_IS(try_send(ones), -EBADF);
	CHECK_IS(try_send(copy), -EBADF);
	CHECK_IS(try_send(two), -EAGAIN);
	CHECK_IS(try_send(endpoint), -EAGAIN);
	CHECK_IS(close((int)one) | close((int)two) | close((int)ones) | close((int)copy), 0);
}

struct blocked {
	long number, fd, status;
	pid_t tid;
};

static void *block(void *arg)
{
	struct blocked *blocked = arg;
	struct message m = { .tag = IPC_TAG(0, 0) };
	__atomic_store_n(&blocked->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	long status = ipc(blocked->number, blocked->fd, &m);
	__atomic_store_n(&blocked->status, status, __ATOMIC_RELEASE);
	return NULL;
}

/** Senders, callers and receivers blocked through it return -EBADF; those through others wait on. */
static void check_blocked(long number, bool is_close)
{
	long right = number == IPC_RECV ? IPC_RIGHT_RECV : IPC_RIGHT_SEND;
	struct blocked them[4];
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		them[i] = (struct blocked){ number, ipc_mint(endpoint, (uint64_t)right, 1 + (i & 1)), 99, 0 };
		threads[i] = start_thread(block, &them[i]);
		while (!__atomic_load_n(&them[i].tid, __ATOMIC_ACQUIRE))
			sched_yield();
		until_blocked(getpid(), them[i].tid);
	}
	struct message m = { .tag = IPC_REVOKE_BADGE, .words = { 2 } };
	if (is_close)
		CHECK_IS(close((int)them[1].fd) | close((int)them[3].fd), 0);
	else
		CHECK_IS(ipc(IPC_REVOKE, endpoint, &m), 0);
	for (int i = 1; i < 4; i += 2) {
		CHECK_IS(pthread_join(threads[i], NULL), 0);
		CHECK_IS(them[i].status, -EBADF);
	}
	CHECK(them[0].status == 99 && them[2].status == 99);
	CHECK_IS(ipc_revoke(endpoint), 0);
	for (int i = 0; i < 4; i += 2) {
		CHECK_IS(pthread_join(threads[i], NULL), 0);
		CHECK_IS(them[i].status, -EBADF);
	}
	for (int i = 0; i < 4; i++)
		close((int)them[i].fd);
	CHECK_IS(try_send(endpoint), -EAGAIN);
	CHECK_IS(try_recv(endpoint), -EAGAIN);
}

static void check_guessing(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(close((int)endpoint), 0);
		for (long fd = 3; fd < 5000; fd++) {
			CHECK_IS(try_send(fd), -EBADF);
			CHECK_IS(try_recv(fd), -EBADF);
		}
		_exit(0);
	}
	CHECK_CHILD(child);
}

int main(void)
{
	endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	for (int fd = 3; fd < 64; fd++) { // nothing else is inherited that could be one
		if (fd != endpoint)
			close(fd);
	}
	check_each_right();
	check_each_call();
	check_subtree();
	check_badges();
	for (int i = 0; i < 2; i++) {
		check_blocked(IPC_SEND, i);
		check_blocked(IPC_CALL, i);
		check_blocked(IPC_RECV, i);
	}
	check_other_processes();
	check_guessing();
	return 0;
}
