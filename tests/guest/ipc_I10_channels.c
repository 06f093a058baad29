// SPDX-License-Identifier: MIT
// Channels: both ends send; each way holds exactly its capacity; the end of the other side is seen after
// what it had sent, whichever side goes first.
// guest: CPUS 4
#include <poll.h>

#include "ipc.h"

static void open_channel(uint64_t capacity, long ends[2])
{
	struct message m = { .tag = capacity };
	CHECK_IS(ipc(IPC_CHANNEL, 0, &m), 0);
	ends[0] = (long)m.words[0];
	ends[1] = (long)m.words[1];
	CHECK(ends[0] >= 0 && ends[1] >= 0 && ends[0] != ends[1]);
}

static long put(long number, long end, uint64_t word)
{
	struct message m = { .tag = IPC_TAG(1, 1), .words = { word } };
	return ipc(number, end, &m);
}

static long get(long number, long end, uint64_t *word)
{
	struct message m = { 0 };
	long status = ipc(number, end, &m);
	*word = m.words[0];
	return status;
}

static void check_capacity(uint64_t capacity)
{
	long ends[2];
	uint64_t word;
	open_channel(capacity, ends);
	for (unsigned side = 0; side < 2; side++) {
		for (uint64_t k = 0; k < capacity; k++)
			CHECK_IS(put(IPC_PORT_SEND, ends[side], side * 1000 + k), 0);
		CHECK_IS(put(IPC_PORT_TRY_SEND, ends[side], 0), -EAGAIN);
	}
	for (unsigned side = 0; side < 2; side++) { // what one sent, the other gets
		for (uint64_t k = 0; k < capacity; k++) {
			CHECK_IS(get(IPC_PORT_TRY_RECV, ends[!side], &word), 0);
			CHECK_IS(word, side * 1000 + k);
		}
		CHECK_IS(get(IPC_PORT_TRY_RECV, ends[!side], &word), -EAGAIN);
	}
	CHECK_IS(close((int)ends[0]) | close((int)ends[1]), 0);
}

static void check_close(unsigned first)
{
	long ends[2];
	uint64_t word;
	open_channel(4, ends);
	long here = ends[!first];
	CHECK_IS(put(IPC_PORT_SEND, ends[first], 1) | put(IPC_PORT_SEND, ends[first], 2), 0);
	CHECK_IS(put(IPC_PORT_SEND, here, 3), 0); // dropped with the other end
	CHECK_IS(close((int)ends[first]), 0);
	CHECK_IS(put(IPC_PORT_SEND, here, 4), -EPIPE);
	CHECK_IS(get(IPC_PORT_RECV, here, &word), 0);
	CHECK_IS(word, 1);
	struct pollfd p = { .fd = (int)here, .events = POLLIN };
	CHECK_IS(poll(&p, 1, 0), 1);
	CHECK_IS(p.revents, POLLIN | POLLHUP | POLLERR);
	CHECK_IS(get(IPC_PORT_RECV, here, &word), 0);
	CHECK_IS(word, 2);
	CHECK_IS(get(IPC_PORT_RECV, here, &word), -EPIPE);
	CHECK_IS(get(IPC_PORT_TRY_RECV, here, &word), -EPIPE);
	CHECK_IS(close((int)here), 0);
}

/** The other side dies while we wait for it: in a receive, in a send, in a poll. */
static void check_death(void)
{
	for (unsigned how = 0; how < 3; how++) {
		long ends[2];
		uint64_t word;
		open_channel(1, ends);
		pid_t parent = getpid(), child = check_fork();
		if (child == 0) {
			CHECK_IS(close((int)ends[0]), 0);
			until_blocked(parent, parent);
			kill(getpid(), SIGKILL);
		}
		CHECK_IS(close((int)ends[1]), 0);
		if (how == 0) {
			CHECK_IS(get(IPC_PORT_RECV, ends[0], &word), -EPIPE);
		} else if (how == 1) {
			CHECK_IS(put(IPC_PORT_SEND, ends[0], 1), 0);
			CHECK_IS(put(IPC_PORT_SEND, ends[0], 2), -EPIPE);
		} else {
			struct pollfd p = { .fd = (int)ends[0], .events = POLLIN };
			CHECK_IS(poll(&p, 1, -1), 1);
			CHECK(p.revents & POLLHUP);
		}
		CHECK_IS(wait_status(child), SIGKILL);
		CHECK_IS(close((int)ends[0]), 0);
	}
}

static void check_poll(void)
{
	long ends[2];
	uint64_t word;
	open_channel(1, ends);
	struct pollfd p[2] = { { (int)ends[0], POLLIN | POLLOUT, 0 }, { (int)ends[1], POLLIN | POLLOUT, 0 } };
	CHECK_IS(poll(p, 2, 0), 2);
	CHECK(p[0].revents == POLLOUT && p[1].revents == POLLOUT);
	CHECK_IS(put(IPC_PORT_SEND, ends[0], 1), 0);
	CHECK_IS(poll(p, 2, 0), 1);
	CHECK(p[0].revents == 0 && p[1].revents == (POLLIN | POLLOUT));
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		until_blocked(parent, parent);
		_exit(get(IPC_PORT_RECV, ends[1], &word) == 0 ? 0 : 1);
	}
	CHECK_IS(poll(p, 1, -1), 1); // room again, announced at the end that sends
	CHECK_IS(p[0].revents, POLLOUT);
	CHECK_CHILD(child);
	CHECK_IS(close((int)ends[0]) | close((int)ends[1]), 0);
}

/** A conversation of two processes. */
static void check_talk(void)
{
	uint64_t count = (uint64_t)rounds(3000, 300000), word;
	long ends[2];
	open_channel(2, ends);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(close((int)ends[0]), 0);
		while (get(IPC_PORT_RECV, ends[1], &word) == 0)
			CHECK_IS(put(IPC_PORT_SEND, ends[1], word * 2), 0);
		_exit(0);
	}
	CHECK_IS(close((int)ends[1]), 0);
	for (uint64_t k = 0; k < count; k++) {
		CHECK_IS(put(IPC_PORT_SEND, ends[0], k), 0);
		CHECK_IS(get(IPC_PORT_RECV, ends[0], &word), 0);
		CHECK_IS(word, 2 * k);
	}
	CHECK_IS(close((int)ends[0]), 0);
	CHECK_CHILD(child);
}

static void check_rights(void)
{
	long ends[2];
	uint64_t word;
	open_channel(2, ends);
	long sends = ipc_restrict(ends[0], IPC_RIGHT_SEND), minted = ipc_mint(ends[0], IPC_RIGHT_SEND, 42);
	CHECK_IS(get(IPC_PORT_TRY_RECV, sends, &word), -EPERM);
	CHECK_IS(put(IPC_PORT_SEND, sends, 7), 0);
	CHECK_IS(put(IPC_PORT_SEND, minted, 8), 0);
	CHECK_IS(close((int)ends[0]), 0); // the other two can still send
	CHECK_IS(get(IPC_PORT_RECV, ends[1], &word), 0);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_PORT_RECV, ends[1], &m), 0);
	CHECK(m.badge == 42 && m.words[0] == 8);
	CHECK_IS(put(IPC_PORT_TRY_SEND, ends[1], 1), -EPIPE); // but nobody can receive
	CHECK_IS(close((int)sends), 0);
	CHECK_IS(get(IPC_PORT_TRY_RECV, ends[1], &word), -EAGAIN);
	CHECK_IS(close((int)minted), 0);
	CHECK_IS(get(IPC_PORT_TRY_RECV, ends[1], &word), -EPIPE);
	CHECK_IS(close((int)ends[1]), 0);
	m = (struct message){ .tag = 1025 };
	CHECK_IS(ipc(IPC_CHANNEL, 0, &m), -EINVAL);
}

int main(void)
{
	static const uint64_t CAPACITIES[] = { 1, 2, 16, 100 };
	for (unsigned i = 0; i < 4; i++)
		check_capacity(CAPACITIES[i]);
	check_close(0);
	check_close(1);
	check_death();
	check_poll();
	check_talk();
	check_rights();
	return 0;
}
