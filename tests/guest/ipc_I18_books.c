// SPDX-License-Identifier: MIT
// A message's descriptors stay its sender's until the delivery, so descriptors on their way form no cycles
// that keep themselves; and after random calls with random arguments from many processes, killed or not,
// the kernel has as many objects of each kind as before.
// guest: CPUS 8
#include "ipc.h"

enum kind { ENDPOINTS, GRANTS, ARGUMENTS, REPLIES, KINDS };
static const char *const NAMES[KINDS] = { "endpoint", "grant", "ipc-args", "ipc-reply" };

static void count(long in_use[KINDS])
{
	char line[256], name[64];
	long used;
	int found = 0;
	FILE *file = fopen("/proc/slabinfo", "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		for (int i = 0; i < KINDS; i++) {
			if (sscanf(line, "%63s %ld", name, &used) == 2 && strcmp(name, NAMES[i]) == 0) {
				in_use[i] = used;
				found++;
			}
		}
	}
	CHECK_IS(fclose(file), 0);
	CHECK_IS(found, KINDS);
}

/** What programs before this one left to be freed after a grace period is gone when nothing changes. */
static void count_settled(long in_use[KINDS])
{
	long now[KINDS];
	count(in_use);
	for (int same = 0; same < 20; same++) {
		sleep_ms(10);
		count(now);
		if (memcmp(now, in_use, sizeof(now)) != 0)
			same = 0;
		memcpy(in_use, now, sizeof(now));
	}
}

/** What is freed after a grace period takes a moment. */
static void check_books(const long before[KINDS])
{
	long now[KINDS];
	int64_t deadline = now_ns(CLOCK_MONOTONIC) + 20000000000;
	for (;;) {
		count(now);
		if (memcmp(now, before, sizeof(now)) == 0)
			return;
		if (now_ns(CLOCK_MONOTONIC) > deadline)
			break;
		sleep_ms(10);
	}
	for (int i = 0; i < KINDS; i++)
		printf("%s: %ld before, %ld now\n", NAMES[i], before[i], now[i]);
	exit(1);
}

/** Endpoint a's only receive right waits in b's queue, and b's in a's; or in its own. */
static void check_cycle(bool is_own)
{
	long a = ipc_endpoint(), b = ipc_endpoint();
	CHECK(a >= 0 && b >= 0);
	pid_t children[2];
	for (int i = 0; i < 2; i++) {
		children[i] = check_fork();
		if (children[i])
			continue;
		long to = i ? b : a, cargo = is_own ? to : i ? a : b;
		long sender = ipc_restrict(to, IPC_RIGHT_SEND);
		CHECK_IS(close((int)(cargo == a ? b : a)), 0);
		struct ipc_block block = { .deadline = IPC_NEVER, .send_fd_count = 1,
					   .send_fds = { (unsigned)cargo | IPC_FD_MOVE } };
		(void)!ipc_with(IPC_SEND, sender, &(struct message){ 0 }, &block);
		_exit(0);
	}
	CHECK_IS(close((int)a) | close((int)b), 0);
	for (int i = 0; i < 2; i++)
		until_blocked(children[i], children[i]);
	for (int i = 0; i < 2; i++) {
		CHECK_IS(kill(children[i], SIGKILL), 0);
		wait_status(children[i]);
	}
}

static uint64_t seed;
static uint64_t random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

static uint64_t random_address(char *bytes)
{
	switch (random_number() % 8) {
	case 0:
		return 0;
	case 1:
		return random_number();
	case 2:
		return -random_number() % 100000;
	default:
		return (uintptr_t)bytes + random_number() % 70000;
	}
}

static unsigned random_size(void)
{
	uint64_t r = random_number();
	return r & 3 ? (unsigned)(r >> 8) % 5000 : (unsigned)(IPC_BYTES_MAX - 2 + (r >> 8) % 4);
}

static void call_at_random(void)
{
	static char bytes[150000];
	static const long BLOCKING[] = { IPC_CALL, IPC_SEND, IPC_RECV, IPC_REPLY_RECV };
	static const long OTHERS[] = { IPC_TRY_CALL, IPC_TRY_SEND, IPC_TRY_RECV, IPC_REPLY, IPC_REPLY_SAVE,
				       IPC_ENDPOINT, IPC_RESTRICT, IPC_MINT, IPC_REVOKE };
	bool blocks = random_number() & 1;
	long number = blocks ? BLOCKING[random_number() % 4] : OTHERS[random_number() % 9];
	long fd = (long)(3 + random_number() % 20);
	struct ipc_block block = {
		.deadline = (uint64_t)now_ns(CLOCK_MONOTONIC) + random_number() % 100000,
		.send_at = random_address(bytes), .recv_at = random_address(bytes),
		.send_bytes = random_size(), .recv_bytes = random_size(),
		.send_fd_count = random_number() % 6, .recv_fd_count = random_number() % 6,
	};
	for (int i = 0; i < 4; i++)
		block.send_fds[i] = (unsigned)(3 + random_number() % 20) |
				    (random_number() & 1 ? IPC_FD_MOVE : 0);
	struct message m = { .tag = random_number() & 0xffffffff };
	if (number == IPC_RESTRICT || number == IPC_MINT)
		m.tag &= 7;
	else if (number == IPC_REVOKE)
		m.tag &= 1;
	for (int i = 0; i < 8; i++)
		m.words[i] = random_number() % 4;
	if (number == IPC_TRY_CALL) // taken, it would wait without a deadline
		blocks = true;
	if (blocks || (random_number() & 1 && number < IPC_ENDPOINT))
		(void)!ipc_with(number, fd, &m, &block);
	else
		(void)!ipc(number, fd, &m);
	if (random_number() % 16 == 0)
		close((int)fd);
}

static void check_random(void)
{
	pid_t children[12];
	long first = ipc_endpoint(), second = ipc_endpoint();
	CHECK(first >= 0 && second >= 0);
	long calls = rounds(1000, 1000000 / 12);
	for (int i = 0; i < 12; i++) {
		children[i] = check_fork();
		if (children[i])
			continue;
		seed = 88172645463325252ull + (uint64_t)i * 7919;
		for (long n = 0; n < calls || i % 4 == 0; n++)
			call_at_random();
		_exit(0);
	}
	CHECK_IS(close((int)first) | close((int)second), 0);
	for (int i = 1; i < 12; i++) {
		if (i % 4)
			CHECK_CHILD(children[i]);
	}
	for (int i = 0; i < 12; i += 4) { // in the middle of it
		CHECK_IS(kill(children[i], SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(children[i])), SIGKILL);
	}
}

int main(void)
{
	long before[KINDS];
	count_settled(before);
	for (int i = 0; i < 5; i++) {
		check_cycle(false);
		check_cycle(true);
	}
	check_books(before);
	check_random();
	check_books(before);
	return 0;
}
