// SPDX-License-Identifier: MIT
// Call and reply: words, label, badge and sender arrive; registers that the tag does not name stay; each
// of many clients gets its own answer; nested and back calls; a second reply is the replier's error.
// guest: CPUS 4
#include "ipc.h"

static long service, other, back;

/** A server: answers with the words in reverse, each plus one, as many as label says. */
static void *reverse(void *arg)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, service, &m), 0);
	for (;;) {
		uint64_t label = m.tag >> IPC_TAG_LABEL_SHIFT & 0xffff, count = label & 15, given = IPC_TAG_WORDS(m.tag);
		struct message answer = m;
		for (uint64_t i = 0; i < 8; i++)
			answer.words[i] = i < given ? m.words[given - 1 - i] + 1 : 0xdead;
		answer.tag = IPC_TAG(label + 1, count);
		m = answer;
		CHECK_IS(ipc(IPC_REPLY_RECV, service, &m), 0);
		if ((m.tag >> IPC_TAG_LABEL_SHIFT & 0xffff) == 0x999)
			return arg;
	}
}

static void check_words(void)
{
	for (unsigned given = 0; given <= 8; given++) {
		for (unsigned back_count = 0; back_count <= 8; back_count++) {
			struct message m = { .tag = IPC_TAG(back_count, given) };
			for (unsigned i = 0; i < 8; i++)
				m.words[i] = 0x1234567800000000ull + i * 0x1111;
			struct message sent = m;
			CHECK_IS(ipc(IPC_CALL, service, &m), 0);
			CHECK_IS(m.tag, IPC_TAG(back_count + 1, back_count));
			for (unsigned i = 0; i < 8; i++) {
				uint64_t expected = i >= back_count ? sent.words[i]
					: i < given ? sent.words[given - 1 - i] + 1 : 0xdead;
				CHECK(m.words[i] == expected);
			}
		}
	}
}

static void *client(void *arg)
{
	uint64_t seed = (uint64_t)(long)arg << 32;
	for (uint64_t i = 0; i < 300; i++) {
		struct message m = { .tag = IPC_TAG(2, 2), .words = { seed + i, ~seed - i } };
		CHECK_IS(ipc(IPC_CALL, service, &m), 0);
		CHECK(m.words[0] == ~seed - i + 1 && m.words[1] == seed + i + 1);
	}
	return NULL;
}

static void check_clients(void)
{
	pthread_t threads[64];
	for (long i = 0; i < 64; i++)
		threads[i] = start_thread(client, (void *)i);
	pid_t children[4];
	for (long i = 0; i < 4; i++) {
		children[i] = check_fork();
		if (children[i] == 0) {
			client((void *)(100 + i));
			_exit(0);
		}
	}
	for (int i = 0; i < 64; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_CHILD(children[i]);
}

/** B: its request makes it call A's back door before it answers. */
static void *middle(void *arg)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, other, &m), 0);
	CHECK_IS(m.badge, 0x5eed);
	CHECK_IS(m.sender >> 32, getpid());
	uint64_t word = m.words[0] * 2;
	CHECK_IS(ipc_call1(back, &word, NULL), 0);
	// the reply right of the first request is still there after a call of one's own
	m = (struct message){ .tag = IPC_TAG(0, 1), .words = { word + 1 } };
	CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
	CHECK_IS(ipc(IPC_REPLY, 0, &m), -ESRCH); // only once
	return arg;
}

static void *back_door(void *arg)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, back, &m), 0);
	m.tag = IPC_TAG(0, 1);
	m.words[0] *= 10;
	CHECK_IS(ipc(IPC_REPLY, 0, &m), 0);
	return arg;
}

static void check_nested(void)
{
	other = ipc_endpoint();
	back = ipc_endpoint();
	CHECK(other >= 0 && back >= 0);
	long minted = ipc_mint(other, IPC_RIGHT_SEND, 0x5eed);
	CHECK(minted >= 0);
	for (int i = 0; i < 50; i++) {
		pthread_t a = start_thread(middle, NULL), b = start_thread(back_door, NULL);
		uint64_t word = 21;
		CHECK_IS(ipc_call1(minted, &word, NULL), 0);
		CHECK_IS(word, 21 * 2 * 10 + 1);
		CHECK_IS(pthread_join(a, NULL), 0);
		CHECK_IS(pthread_join(b, NULL), 0);
	}
	struct message m = { .tag = IPC_TAG(0, 0) };
	CHECK_IS(ipc(IPC_REPLY, 0, &m), -ESRCH); // this thread never received
}

int main(void)
{
	service = ipc_endpoint();
	CHECK(service >= 0);
	CHECK_IS(fcntl((int)service, F_GETFD), FD_CLOEXEC);
	pthread_t server = start_thread(reverse, NULL);
	check_words();
	check_clients();
	check_nested();
	struct message last = { .tag = IPC_TAG(0x999, 0) };
	CHECK_IS(ipc(IPC_SEND, service, &last), 0);
	CHECK_IS(pthread_join(server, NULL), 0);
	return 0;
}
