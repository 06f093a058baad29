// SPDX-License-Identifier: MIT
// A saved reply right is a descriptor with one holder: it answers once, in any order and from any process
// that it is moved to; dup, fork and copies are refused; with its last holder's end, by close, exec, exit or
// kill at any moment, its caller gets -EPIPE, told that the request was taken.
// guest: CPUS 4
#include "ipc.h"

#include <sys/resource.h>

static long endpoint;

static long save(void)
{
	struct message m = { 0 };
	return ipc(IPC_REPLY_SAVE, 0, &m);
}

static long answer(long fd, uint64_t word)
{
	struct message m = { .tag = IPC_TAG(0, 1), .words = { word } };
	return ipc(IPC_SEND, fd, &m);
}

struct caller {
	pthread_t thread;
	uint64_t word, taken;
	long status;
};

static void *call(void *arg)
{
	struct caller *caller = arg;
	caller->status = ipc_call1(endpoint, &caller->word, &caller->taken);
	return NULL;
}

static void start(struct caller *caller, uint64_t word)
{
	*caller = (struct caller){ .word = word, .status = 99 };
	caller->thread = start_thread(call, caller);
}

static void expect(struct caller *caller, long status, uint64_t word)
{
	CHECK_IS(pthread_join(caller->thread, NULL), 0);
	CHECK_IS(caller->status, status);
	CHECK_IS(caller->word, word);
	CHECK(caller->taken == (status ? IPC_TAG_TAKEN : 0));
}

static long take_and_save(uint64_t *word)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	long fd = save();
	CHECK(fd >= 0);
	CHECK_IS(fcntl((int)fd, F_GETFD), FD_CLOEXEC);
	if (word)
		*word = m.words[0];
	return fd;
}

/** Sixteen callers, answered by one thread in the reverse order. */
static void check_order(void)
{
	struct caller callers[16];
	long rights[16];
	uint64_t words[16];
	for (int i = 0; i < 16; i++)
		start(&callers[i], 100 + (uint64_t)i);
	for (int i = 0; i < 16; i++)
		rights[i] = take_and_save(&words[i]);
	for (int i = 15; i >= 0; i--) {
		CHECK_IS(answer(rights[i], words[i] * 2), 0);
		CHECK_IS(answer(rights[i], 1), -EBADF); // it was one
	}
	for (int i = 0; i < 16; i++)
		expect(&callers[i], 0, (100 + (uint64_t)i) * 2);
	CHECK_IS(save(), -ESRCH);
}

static void check_single(void)
{
	struct caller caller;
	start(&caller, 5);
	long right = take_and_save(NULL);
	CHECK_ERRNO(dup((int)right), EPERM);
	CHECK_ERRNO(dup2((int)right, 77), EPERM);
	CHECK_ERRNO(fcntl((int)right, F_DUPFD, 0), EPERM);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_CALL, right, &m), -EBADF); // no endpoint
	CHECK_IS(ipc(IPC_RECV, right, &m), -EBADF);
	CHECK_IS(ipc_restrict(right, 1), -EBADF);
	CHECK_IS(ipc_revoke(right), -EBADF);
	struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 1, .send_fds = { (unsigned)right } };
	CHECK_IS(ipc_with(IPC_TRY_SEND, endpoint, &m, &block), -EPERM); // a copy
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_ERRNO(fcntl((int)right, F_GETFD), EBADF);
		CHECK_IS(answer(right, 1), -EBADF);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(caller.status, 99);
	m = (struct message){ .tag = 1ul << 40 };
	CHECK_IS(ipc(IPC_SEND, right, &m), -EINVAL);
	block = (struct ipc_block){ .deadline = IPC_NEVER, .send_at = 16, .send_bytes = 1 };
	m = (struct message){ 0 };
	CHECK_IS(ipc_with(IPC_SEND, right, &m, &block), -EMSGSIZE); // the caller has no room; nothing changed
	CHECK_IS(answer(right, 6), 0);
	expect(&caller, 0, 6);
	start(&caller, 5);
	right = take_and_save(NULL);
	CHECK_IS(close((int)right), 0); // give up
	expect(&caller, -EPIPE, 5);
	struct rlimit old, none;
	CHECK_IS(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)dup(0);
	close((int)none.rlim_cur);
	start(&caller, 5);
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_IS(save(), -EMFILE);
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &old), 0);
	m = (struct message){ .tag = IPC_TAG(0, 1), .words = { 9 } };
	CHECK_IS(ipc(IPC_REPLY, 0, &m), 0); // it stayed in its slot
	expect(&caller, 0, 9);
}

static void handler(int sig)
{
	(void)sig;
}

static void check_late(void)
{
	struct sigaction action = { .sa_handler = handler };
	struct caller caller;
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	start(&caller, 5);
	long right = take_and_save(NULL);
	CHECK_IS(pthread_kill(caller.thread, SIGUSR1), 0);
	expect(&caller, -EINTR, 5);
	CHECK_IS(answer(right, 1), -EPIPE);
	CHECK_ERRNO(fcntl((int)right, F_GETFD), EBADF);
	start(&caller, 5); // the same thread memory, a new call: the old right is nobody's
	right = take_and_save(NULL);
	CHECK_IS(answer(right, 7), 0);
	expect(&caller, 0, 7);
}

enum end { ANSWERS, EXITS, KILLED, EXECS, CLOSES };

/** Another process gets the right, moved by a message, and ends in some way. */
static void check_moved(enum end end)
{
	struct caller caller;
	long hand = ipc_endpoint();
	CHECK(hand >= 0);
	pid_t child = check_fork();
	if (child == 0) {
		struct ipc_block block = { .deadline = IPC_NEVER, .recv_fd_count = 1 };
		struct message m = { 0 };
		CHECK_IS(ipc_with(IPC_RECV, hand, &m, &block), 0);
		CHECK_IS(IPC_TAG_FDS(m.tag), 1);
		if (end == ANSWERS)
			CHECK_IS(answer(block.recv_fds[0], 8), 0);
		if (end == CLOSES)
			CHECK_IS(close(block.recv_fds[0]), 0);
		if (end == EXECS) { // even if it is not marked
			CHECK_IS(fcntl(block.recv_fds[0], F_SETFD, 0), 0);
			exec_test("ipc_I6_saved", "sleep", NULL);
		}
		if (end == EXITS)
			_exit(0);
		for (;;)
			pause();
	}
	start(&caller, 5);
	long right = take_and_save(NULL);
	struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 1,
				   .send_fds = { (unsigned)right | IPC_FD_MOVE } };
	CHECK_IS(ipc_with(IPC_SEND, hand, &(struct message){ 0 }, &block), 0);
	CHECK_IS(answer(right, 1), -EBADF);
	if (end == KILLED)
		CHECK_IS(kill(child, SIGKILL), 0);
	expect(&caller, end == ANSWERS ? 0 : -EPIPE, end == ANSWERS ? 8 : 5);
	kill(child, SIGKILL);
	wait_status(child);
	CHECK_IS(close((int)hand), 0);
}

/** A server that saves each right and answers with a long message, killed at any moment: each call
 *  returns once, whole or with -EPIPE. */
static void serve(void)
{
	static char bytes[20000];
	struct ipc_block block = { .deadline = IPC_NEVER, .recv_at = (uintptr_t)bytes,
				   .recv_bytes = sizeof(bytes) };
	for (;;) {
		struct message m = { 0 };
		CHECK_IS(ipc_with(IPC_RECV, endpoint, &m, &block), 0);
		long right = save();
		CHECK(right >= 0 || right == -EPIPE);
		block.send_at = block.recv_at;
		block.send_bytes = IPC_TAG_BYTES(m.tag);
		m.tag = 0;
		if (right >= 0)
			CHECK_IS(ipc_with(IPC_SEND, right, &m, &block), 0);
	}
}

static void *call_long(void *arg)
{
	char *bytes = malloc(20000), *back = malloc(20000);
	long size = 10000 + (long)arg * 3333;
	CHECK(bytes && back);
	memset(bytes, (int)(long)arg + 1, 20000);
	for (;;) {
		struct ipc_block block = { .deadline = IPC_NEVER, .send_at = (uintptr_t)bytes,
			.send_bytes = (unsigned)size, .recv_at = (uintptr_t)back, .recv_bytes = 20000 };
		struct message m = { 0 };
		memset(back, 0, 20000);
		long status = ipc_with(IPC_CALL, endpoint, &m, &block);
		if (status) {
			CHECK_IS(status, -EPIPE);
			break;
		}
		CHECK(IPC_TAG_BYTES(m.tag) == size && memcmp(bytes, back, (size_t)size) == 0);
	}
	free(bytes);
	free(back);
	return NULL;
}

static void check_any_moment(void)
{
	for (int i = 0; i < rounds(12, 2000); i++) {
		endpoint = ipc_endpoint();
		long sender = ipc_restrict(endpoint, IPC_RIGHT_SEND);
		pid_t server = check_fork();
		if (server == 0)
			serve();
		CHECK_IS(close((int)endpoint), 0);
		endpoint = sender;
		pthread_t threads[3];
		for (long t = 0; t < 3; t++)
			threads[t] = start_thread(call_long, (void *)t);
		usleep((useconds_t)(i * 53 % 4000));
		CHECK_IS(kill(server, SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(server)), SIGKILL);
		for (int t = 0; t < 3; t++)
			CHECK_IS(pthread_join(threads[t], NULL), 0);
		CHECK_IS(close((int)sender), 0);
	}
}

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[argc - 1], "sleep") == 0)
		pause();
	endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	check_order();
	check_single();
	check_late();
	for (enum end end = ANSWERS; end <= CLOSES; end++)
		check_moved(end);
	CHECK_IS(close((int)endpoint), 0);
	check_any_moment();
	return 0;
}
