// SPDX-License-Identifier: MIT
// Calls with long messages between two processes on one CPU, where they go straight if they can: with good and bad
// arguments in any order, whole or refused with the stated error; to pages that are not there yet, that a child
// shares copy-on-write, that lose and get back their permission meanwhile.
// guest: CPUS 2
#include "ipc.h"

#define PAGE 4096ul
#define ROOM 4000u // of the server's usual receive
#define ROUNDS rounds(3000, 300000)

static long endpoint;
static unsigned char *buffer; // 17 pages of the server
static int stop;

static void pin(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
}

static uint64_t sum(const unsigned char *at, size_t size)
{
	uint64_t s = size;
	for (size_t i = 0; i < size; i++)
		s = s * 31 + at[i];
	return s;
}

/** A child that has the server's memory as it is now, and says at the end of @go whether it still has. */
static pid_t start_witness(int *go)
{
	int ends[2];
	uint64_t before = sum(buffer, 2 * PAGE);
	CHECK_IS(pipe(ends), 0);
	pid_t child = check_fork();
	if (child == 0) {
		char c;
		close(ends[1]);
		(void)!read(ends[0], &c, 1);
		_exit(sum(buffer, 2 * PAGE) != before);
	}
	CHECK_IS(close(ends[0]), 0);
	*go = ends[1];
	return child;
}

static void end_witness(pid_t child, int go)
{
	int status;
	CHECK_IS(close(go), 0);
	CHECK_IS(waitpid(child, &status, 0), child);
	CHECK_IS(status, 0);
}

/** Takes a permission away and gives it back, on whatever CPU. */
static void *flip(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		CHECK_IS(mprotect(buffer, 2 * PAGE, PROT_READ), 0);
		sched_yield();
		CHECK_IS(mprotect(buffer, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
		usleep(100);
	}
	return arg;
}

/** Answers with the sum of what came. */
static void serve(bool flips)
{
	unsigned count = 0;
	pthread_t flipper;
	buffer = mmap(NULL, 17 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(buffer != MAP_FAILED);
	if (flips)
		flipper = start_thread(flip, NULL);
	pin(0);
	for (;;) {
		unsigned room = ROOM;
		int go = -1;
		pid_t witness = 0;
		uint64_t at = (uintptr_t)buffer + count * 232 % PAGE;
		if (!flips && count % 7 == 3)
			CHECK_IS(madvise(buffer, 2 * PAGE, MADV_DONTNEED), 0);
		if (!flips && count % 128 == 5)
			witness = start_witness(&go);
		struct message m;
		long status;
		do {
			struct ipc_block block = { .deadline = IPC_NEVER, .recv_at = at, .recv_bytes = room };
			m = (struct message){ 0 };
			status = ipc_with(IPC_RECV, endpoint, &m, &block);
			if (status == -EMSGSIZE)
				room = IPC_BYTES_MAX;
		} while (status == -EMSGSIZE || (flips && status == -EFAULT));
		CHECK_IS(status, 0);
		CHECK_IS(m.words[0], 5);
		if (witness)
			end_witness(witness, go);
		if (m.tag & 1ul << IPC_TAG_LABEL_SHIFT) // the last one
			break;
		m = (struct message){ IPC_TAG(0, 1), { sum((unsigned char *)at, IPC_TAG_BYTES(m.tag)) }, 0, 0 };
		CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
		count++;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	if (flips)
		CHECK_IS(pthread_join(flipper, NULL), 0);
	CHECK_IS(ipc(IPC_REPLY, 0, &(struct message){ 0 }), 0);
	_exit(0);
}

static long call(struct ipc_block *block, unsigned label, uint64_t *answer)
{
	struct message m = { IPC_TAG(label, 1), { 5 }, 0, 0 };
	long status = ipc_with(IPC_CALL, endpoint, &m, block);
	*answer = m.words[0];
	return status;
}

/** One call, by @r: what it is to give, and what it gives. */
static void check_call(unsigned char *mine, unsigned char *readable, unsigned r)
{
	unsigned bytes = r % 29 == 0 ? 5000 + r % 60000 : r * 7 % (ROOM + 1);
	unsigned char *at = mine + r * 13 % PAGE;
	uint64_t answer, before;
	struct ipc_block block = { .deadline = IPC_NEVER, .send_at = (uintptr_t)at, .send_bytes = bytes }, *used = &block;
	struct message m;
	static const unsigned char zeros[65536];
	const unsigned char *sent = NULL;
	long expected = 0;
	if (bytes > 9)
		at[bytes / 2] = (unsigned char)r;
	switch (r % 13) {
	case 1: // the last page is followed by nothing
		block.send_at = (uintptr_t)mine + 18 * PAGE - bytes + 1;
		expected = bytes ? -EFAULT : 0;
		break;
	case 2:
		block.send_at = -(uint64_t)bytes;
		expected = bytes ? -EFAULT : 0;
		break;
	case 3:
		block.send_bytes = IPC_BYTES_MAX + 1;
		expected = -EMSGSIZE;
		break;
	case 4:
		block.recv_at = -PAGE;
		block.recv_bytes = 8192;
		expected = -EFAULT;
		break;
	case 5:
		block.send_fd_count = 1;
		block.send_fds[0] = 1000;
		expected = -EBADF;
		break;
	case 6: // a block that cannot be read
		m = (struct message){ IPC_TAG(0, 1) | IPC_TAG_BLOCK, { (uintptr_t)mine + 18 * PAGE - 8 }, 0, 0 };
		CHECK_IS(ipc(IPC_CALL, endpoint, &m), -EFAULT);
		CHECK(m.words[0] == (uintptr_t)mine + 18 * PAGE - 8);
		return;
	case 7: // one that can only be read
		CHECK_IS(mprotect(readable, PAGE, PROT_READ | PROT_WRITE), 0);
		used = (struct ipc_block *)readable;
		*used = block;
		used->word0 = 5;
		CHECK_IS(mprotect(readable, PAGE, PROT_READ), 0);
		m = (struct message){ IPC_TAG(0, 1) | IPC_TAG_BLOCK, { (uintptr_t)used }, 0, 0 };
		CHECK_IS(ipc(IPC_CALL, endpoint, &m), 0);
		CHECK(m.words[0] == sum(at, bytes));
		return;
	case 8: // pages that are not there yet
		CHECK_IS(madvise(mine, 18 * PAGE, MADV_DONTNEED), 0);
		sent = zeros;
		break;
	case 9:
		block.deadline = (uint64_t)now_ns(CLOCK_MONOTONIC) + 60000000000;
		break;
	case 10: // with room for an answer that is not used
		block.recv_at = (uintptr_t)mine;
		block.recv_bytes = 100;
		break;
	}
	before = expected ? 0 : sum(sent ? sent : (unsigned char *)block.send_at, bytes);
	CHECK_IS(call(used, 0, &answer), expected);
	CHECK(expected ? answer == (uintptr_t)used : answer == before);
}

static void check_calls(bool flips)
{
	unsigned char *mine = mmap(NULL, 19 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *readable = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ipc_block last = { .deadline = IPC_NEVER };
	uint64_t answer;
	int status;
	CHECK(mine != MAP_FAILED && readable != MAP_FAILED && munmap(mine + 18 * PAGE, PAGE) == 0);
	endpoint = ipc_endpoint();
	CHECK(endpoint >= 0);
	pid_t server = check_fork();
	if (server == 0)
		serve(flips);
	pin(0);
	for (unsigned i = 0; i < ROUNDS; i++)
		check_call(mine, readable, i * 2654435761u >> 7);
	CHECK_IS(call(&last, 1, &answer), 0);
	CHECK_IS(waitpid(server, &status, 0), server);
	CHECK_IS(status, 0);
	CHECK_IS(close((int)endpoint) | munmap(mine, 18 * PAGE) | munmap(readable, PAGE), 0);
}

int main(void)
{
	check_calls(false);
	check_calls(true);
	return 0;
}
