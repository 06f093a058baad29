// SPDX-License-Identifier: MIT
// What native objects cost, and who pays. An idle endpoint is at most 256 bytes (in a
// release that is asserted where it is declared); each object, descriptor
// with rights of its own and binding is charged to who made it, to the byte, until it is gone, whoever
// holds it then; and a process can have no more than its limit, of bytes and of descriptors.
// guest: CPUS 4
#include <sys/resource.h>

#include "ipc.h"

#define MANY 20000
// Of an endpoint and its descriptor; and what builds that check the order of locks add to its two locks.
#define IDLE_MAX (256l + 2 * 16)

static long number_in(const char *path, const char *key)
{
	char text[4096], *found;
	int fd = open(path, O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);
	CHECK(size > 0 && close(fd) == 0);
	text[size] = '\0';
	found = strstr(text, key);
	CHECK(found);
	return strtol(found + strlen(key), NULL, 10);
}

static long charged(void)
{
	return number_in("/proc/self/status", "\nIpcBytes:");
}

static void set_limit(int which, uint64_t current, uint64_t max)
{
	struct rlimit limit = { current, max };
	CHECK_IS(setrlimit(which, &limit), 0);
}

static long make(long number, uint64_t a)
{
	return ipc3(number, 0, a, 0, 0);
}

static void check_idle_endpoint(void)
{
	int *fds = malloc(MANY * sizeof(int));
	CHECK(dup2(0, MANY + 100) == MANY + 100); // the table has its size
	CHECK_IS(close(MANY + 100), 0);
	long bytes = charged(), free_kib = number_in("/proc/meminfo", "MemFree:");
	for (int i = 0; i < MANY; i++) {
		fds[i] = (int)ipc_endpoint();
		CHECK(fds[i] >= 0);
	}
	bytes = charged() - bytes;
	free_kib -= number_in("/proc/meminfo", "MemFree:");
	printf("idle endpoint: %ld bytes charged, %ld of memory\n", bytes / MANY, free_kib * 1024 / MANY);
	fflush(stdout);
	CHECK(bytes > 0 && bytes <= IDLE_MAX * MANY);
	CHECK(free_kib * 1024 <= IDLE_MAX * MANY * 5 / 4); // caches of CPUs take some, too
	for (int i = 0; i < MANY; i++)
		CHECK_IS(close(fds[i]), 0);
	free(fds);
}

/** What is behind @fd costs something, and nothing any more when it is closed. */
static void check_cost(long fd, long before, long least)
{
	CHECK(fd >= 0);
	long cost = charged() - before;
	if (cost < least)
		check_failed(__FILE__, __LINE__, "it costs that much", cost);
	CHECK_IS(close((int)fd), 0);
	CHECK_IS(charged(), before);
}

static void *answer_later(void *endpoint)
{
	struct message m = { 0 };
	long none = charged();
	CHECK_IS(ipc(IPC_RECV, *(long *)endpoint, &m), 0);
	long reply = make(IPC_REPLY_SAVE, 0);
	CHECK(reply >= 0 && charged() > none);
	m.tag = IPC_TAG(0, 0);
	CHECK_IS(ipc(IPC_SEND, reply, &m), 0); // used up
	CHECK_IS(charged(), none);
	return NULL;
}

static void check_kinds(void)
{
	long none = charged();
	check_cost(make(IPC_ENDPOINT, 0), none, 64);
	check_cost(make(IPC_NOTIFICATION, 0), none, 64);
	check_cost(make(IPC_PORT, 1), none, 64);
	check_cost(make(IPC_PORT, 1024), none, 64 * 1024);
	check_cost(make(IPC_REGION, 4096), none, 64);
	struct message m = { .tag = 1024 };
	CHECK_IS(ipc(IPC_CHANNEL, 0, &m), 0);
	CHECK(charged() - none >= 2 * 64 * 1024);
	CHECK_IS(close((int)m.words[0]), 0);
	check_cost((long)m.words[1], none, none); // an end lives on with its ports

	long endpoint = ipc_endpoint(), n = make(IPC_NOTIFICATION, 0), two = charged();
	int copy = dup((int)endpoint);
	CHECK_IS(charged(), two); // another name for the same right
	CHECK_IS(close(copy), 0);
	check_cost(ipc_restrict(endpoint, IPC_RIGHT_SEND), two, 32);
	long plain = ipc_mint(endpoint, IPC_RIGHT_SEND, 1), plain_cost = charged() - two;
	CHECK_IS(close((int)plain), 0);
	m = (struct message){ .tag = IPC_RIGHT_SEND | IPC_MINT_TELL, .words = { 1, (uint64_t)n, 1 } };
	check_cost(ipc(IPC_MINT, endpoint, &m), two, plain_cost + 32);
	int pipes[2];
	CHECK_IS(pipe(pipes), 0);
	CHECK_IS(ipc3(IPC_BIND, n, 1, (uint64_t)pipes[0], 0), 0);
	CHECK(charged() >= two + 32);
	CHECK_IS(ipc3(IPC_BIND, n, 0, (uint64_t)pipes[0], 0), 0);
	CHECK_IS(charged(), two);
	pthread_t server = start_thread(answer_later, &endpoint);
	m = (struct message){ 0 };
	CHECK_IS(ipc(IPC_CALL, endpoint, &m), 0);
	CHECK_IS(pthread_join(server, NULL), 0);
	CHECK_IS(close(pipes[0]) | close(pipes[1]) | close((int)n) | close((int)endpoint), 0);
	CHECK_IS(charged(), none);
}

static void check_limit(void)
{
	static const long numbers[] = { IPC_ENDPOINT, IPC_NOTIFICATION, IPC_PORT, IPC_REGION };
	long none = charged();
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(charged(), 0); // what the parent made is the parent's
		set_limit(RLIMIT_MSGQUEUE, 100000, 200000);
		for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
			long fd, count = 0;
			while ((fd = make(numbers[i], 1)) >= 0)
				count++;
			CHECK_IS(fd, -ENOSPC);
			CHECK(count > 20 && charged() <= 100000);
			pid_t own = check_fork();
			if (own == 0) {
				// A limit of its own, of the same size.
				while (make(numbers[i], 1) >= 0)
					;
				CHECK(charged() > 90000 && charged() <= 100000);
				_exit(0);
			}
			CHECK_CHILD(own);
			for (int slot = 3; slot < 3000; slot++)
				close(slot);
			CHECK_IS(charged(), 0);
		}
		// Nothing is left behind where an object is made in parts.
		long endpoint = ipc_endpoint(), n = make(IPC_NOTIFICATION, 0), used = charged();
		struct message m = { .tag = 1024 };
		CHECK_IS(ipc(IPC_CHANNEL, 0, &m), -ENOSPC);
		set_limit(RLIMIT_MSGQUEUE, (uint64_t)used, 200000);
		CHECK_IS(ipc_restrict(endpoint, IPC_RIGHT_SEND), -ENOSPC);
		CHECK_IS(ipc3(IPC_BIND, n, 1, 0, 0), -ENOSPC);
		m = (struct message){ .tag = IPC_RIGHT_SEND | IPC_MINT_TELL, .words = { 1, (uint64_t)n, 1 } };
		CHECK_IS(ipc(IPC_MINT, endpoint, &m), -ENOSPC);
		CHECK_IS(charged(), used);
		set_limit(RLIMIT_MSGQUEUE, 200000, 200000);
		set_limit(RLIMIT_NOFILE, 16, 16);
		long fd, last = ipc_endpoint(), cost = charged() - used, count = 1;
		for (; (fd = ipc_endpoint()) >= 0; last = fd)
			count++;
		CHECK_IS(fd, -EMFILE);
		m = (struct message){ .tag = 4 };
		CHECK_IS(make(IPC_PORT, 16), -EMFILE);
		CHECK_IS(ipc(IPC_CHANNEL, 0, &m), -EMFILE);
		CHECK_IS(close((int)last), 0);
		CHECK_IS(charged(), used + (count - 1) * cost);
		CHECK_IS(setuid(1000), 0);
		struct rlimit more = { 200001, 200001 };
		CHECK_ERRNO(setrlimit(RLIMIT_MSGQUEUE, &more), EPERM);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(charged(), none);
}

/** Who made it pays while anybody has it. */
static void check_maker_pays(void)
{
	int pipes[2];
	long none = charged(), endpoint = ipc_endpoint();
	CHECK_IS(pipe(pipes), 0);
	pid_t child = check_fork();
	if (child == 0) {
		char byte;
		CHECK_IS(close(pipes[1]), 0);
		CHECK_IS(read(pipes[0], &byte, 1), 0); // until the parent has looked
		_exit(charged() != 0);
	}
	CHECK_IS(close((int)endpoint), 0);
	CHECK(charged() > none);
	CHECK_IS(close(pipes[0]) | close(pipes[1]), 0);
	CHECK_CHILD(child);
	CHECK_IS(charged(), none);
	// An account goes with the last thing charged to it, also after its process.
	for (int i = 0; i < 100; i++) {
		long port = make(IPC_PORT, 0);
		child = check_fork();
		if (child == 0) {
			struct message m = { 0 };
			struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 1,
						   .send_fds = { (unsigned)ipc_endpoint() | IPC_FD_MOVE } };
			CHECK_IS(ipc_with(IPC_PORT_SEND, port, &m, &block), 0);
			_exit(0);
		}
		CHECK_CHILD(child);
		struct message m = { 0 };
		struct ipc_block block = { .deadline = IPC_NEVER, .recv_fd_count = 1 };
		CHECK_IS(ipc_with(IPC_PORT_RECV, port, &m, &block), 0);
		long with_port = charged();
		CHECK_IS(close(block.recv_fds[0]), 0);
		CHECK_IS(charged(), with_port); // it was the child's
		CHECK_IS(close((int)port), 0);
	}
	CHECK_IS(charged(), none);
}

int main(void)
{
	set_limit(RLIMIT_NOFILE, MANY + 200, MANY + 200);
	check_kinds();
	check_limit();
	check_maker_pays();
	check_idle_endpoint();
	return 0;
}
