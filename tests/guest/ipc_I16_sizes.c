// SPDX-License-Identifier: MIT
// Long messages of 0 to 64 KiB, at any alignment, arrive whole and come back by the answer, whichever side
// waits for the other; words and label go with them. And with 8 processors full of random senders and
// receivers every message arrives once.
// guest: CPUS 8
#include "ipc.h"

#define ROOM (IPC_BYTES_MAX + 4096)
static long endpoint;

static void fill(unsigned char *at, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)((seed + i) * 2654435761u >> 13);
}

static void check_filled(const unsigned char *at, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		CHECK(at[i] == (unsigned char)((seed + i) * 2654435761u >> 13));
}

/** Answers each message with its bytes turned over, at another alignment. */
static void serve(bool waits_first)
{
	unsigned char *buffer = malloc(ROOM), *answer = malloc(ROOM);
	struct ipc_block block = { .deadline = IPC_NEVER, .recv_at = (uintptr_t)buffer,
				   .recv_bytes = IPC_BYTES_MAX };
	struct message m = { 0 };
	CHECK(buffer && answer);
	CHECK_IS(ipc_with(IPC_RECV, endpoint, &m, &block), 0);
	for (;;) {
		size_t size = IPC_TAG_BYTES(m.tag);
		unsigned offset = (unsigned)m.words[1] * 7 % 4096;
		for (size_t i = 0; i < size; i++)
			answer[offset + i] = (unsigned char)~buffer[i];
		block.send_at = (uintptr_t)answer + offset;
		block.send_bytes = (unsigned)size;
		m = (struct message){ IPC_TAG(9, 2), { size + 1, m.words[1] }, 0, 0 };
		if (waits_first) {
			CHECK_IS(ipc_with(IPC_REPLY_RECV, endpoint, &m, &block), 0);
			continue;
		}
		CHECK_IS(ipc_with(IPC_REPLY, 0, &m, &block), 0);
		sched_yield(); // the next caller comes first
		m = (struct message){ 0 };
		CHECK_IS(ipc_with(IPC_RECV, endpoint, &m, &block), 0);
	}
}

static void call_with(unsigned char *buffer, unsigned char *answer, size_t size, unsigned seed)
{
	unsigned char *at = buffer + seed % 4096;
	struct ipc_block block = { .deadline = IPC_NEVER, .send_at = (uintptr_t)at,
				   .send_bytes = (unsigned)size, .recv_at = (uintptr_t)answer,
				   .recv_bytes = (unsigned)size };
	struct message m = { .tag = IPC_TAG(3, 2), .words = { 77, seed } };
	fill(at, size, seed);
	memset(answer, 1, size + 1);
	CHECK_IS(ipc_with(IPC_CALL, endpoint, &m, &block), 0);
	CHECK((m.tag & UINT32_MAX) == IPC_TAG(9, 2) && m.words[0] == size + 1 && m.words[1] == seed);
	CHECK(IPC_TAG_BYTES(m.tag) == size && IPC_TAG_FDS(m.tag) == 0);
	CHECK(answer[size] == 1);
	for (size_t i = 0; i < size; i++)
		answer[i] = (unsigned char)~answer[i];
	check_filled(answer, size, seed);
}

static void check_round_trips(bool waits_first)
{
	static const size_t SIZES[] = { 0, 1, 7, 8, 9, 4095, 4096, 4097, 8192, 65535, 65536 };
	endpoint = ipc_endpoint();
	pid_t server = check_fork();
	if (server == 0)
		serve(waits_first);
	unsigned char *buffer = malloc(ROOM), *answer = malloc(ROOM);
	CHECK(buffer && answer);
	for (unsigned i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++)
		call_with(buffer, answer, SIZES[i], i * 4095);
	for (unsigned i = 0; i < rounds(60, 65536); i++)
		call_with(buffer, answer, i * 1009 % (IPC_BYTES_MAX + 1), i);
	CHECK_IS(kill(server, SIGKILL), 0);
	wait_status(server);
	free(buffer);
	free(answer);
	CHECK_IS(close((int)endpoint), 0);
}

#define SENDERS 8
#define RECEIVERS 6
static struct {
	unsigned long received, sum;
	unsigned seen[SENDERS][1 << 17];
} *all;
static long messages;

/** Every other message is long; its bytes repeat what the words say. */
static void send_many(unsigned self)
{
	uint64_t body[64];
	for (long i = 0; i < messages; i++) {
		uint64_t id = (uint64_t)self << 32 | (uint64_t)i;
		struct ipc_block block = { .deadline = IPC_NEVER, .send_at = (uintptr_t)body,
					   .send_bytes = (unsigned)((i & 63) + 1) * 8 };
		struct message m = { .tag = IPC_TAG(0, 1), .words = { id } };
		for (unsigned w = 0; w < 64; w++)
			body[w] = id + w;
		long nr = i & 2 ? IPC_CALL : IPC_SEND;
		CHECK_IS(i & 1 ? ipc_with(nr, endpoint, &m, &block) : ipc(nr, endpoint, &m), 0);
	}
	_exit(0);
}

static void receive_many(void)
{
	uint64_t body[64];
	struct ipc_block block = { .deadline = IPC_NEVER, .recv_at = (uintptr_t)body,
				   .recv_bytes = sizeof(body) };
	for (;;) {
		struct message m = { 0 };
		CHECK_IS(ipc_with(IPC_RECV, endpoint, &m, &block), 0);
		uint64_t id = m.words[0], i = id & UINT32_MAX;
		CHECK(IPC_TAG_BYTES(m.tag) == (i & 1 ? ((i & 63) + 1) * 8 : 0));
		for (unsigned w = 0; w < IPC_TAG_BYTES(m.tag) / 8; w++)
			CHECK(body[w] == id + w);
		unsigned *seen = &all->seen[id >> 32][i];
		CHECK_IS(__atomic_fetch_add(seen, 1, __ATOMIC_ACQ_REL), 0);
		__atomic_fetch_add(&all->received, 1, __ATOMIC_ACQ_REL);
		m.tag = IPC_TAG(0, 0);
		if (i & 2)
			CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
	}
}

static void check_many(void)
{
	pid_t senders[SENDERS], receivers[RECEIVERS];
	messages = rounds(1500, 1000000 / SENDERS);
	all = shared_memory(sizeof(*all));
	endpoint = ipc_endpoint();
	for (int i = 0; i < RECEIVERS; i++) {
		receivers[i] = check_fork();
		if (receivers[i] == 0)
			receive_many();
	}
	for (unsigned i = 0; i < SENDERS; i++) {
		senders[i] = check_fork();
		if (senders[i] == 0)
			send_many(i);
	}
	for (int i = 0; i < SENDERS; i++)
		CHECK_CHILD(senders[i]);
	while (__atomic_load_n(&all->received, __ATOMIC_ACQUIRE) < (unsigned long)(SENDERS * messages))
		sched_yield(); // a receiver counts after its message was taken
	CHECK_IS(all->received, SENDERS * messages);
	for (int i = 0; i < RECEIVERS; i++) {
		CHECK_IS(kill(receivers[i], SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(receivers[i])), SIGKILL);
	}
}

int main(void)
{
	check_round_trips(true);
	check_round_trips(false);
	check_many();
	return 0;
}
