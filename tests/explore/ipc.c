// SPDX-License-Identifier: MIT
// Endpoints: calls between user threads on one CPU (the fast path) and on several (the slow one,
// and the mixtures). Each request is answered once, to its caller; nobody sleeps on.
#include "users.h"

#include <ipc/endpoint.h>
#include <sched/sched.h>
#include <uapi/errno.h>

static unsigned requests; // that the server answers before it ends
static uint64_t served;

static void setup_one(void)
{
	requests = 1;
	served = 0;
}

static void setup_two(void)
{
	setup_one();
	requests = 2;
}

static void setup_four(void)
{
	setup_one();
	requests = 4;
}

/** Answers each word w with w + 1000. */
static void serve(void)
{
	struct host_call call = {.nr = IPC_RECV, .args = {EXPLORE_ENDPOINT}};

	EXPLORE_EXPECT(host_syscall(&call) == 0);
	for (unsigned i = 1;; i++) {
		EXPLORE_EXPECT(IPC_TAG_WORDS(call.tag) == 1);
		call.words[0] += 1000;
		served++;
		call.args[0] = EXPLORE_ENDPOINT;
		call.nr = i < requests ? IPC_REPLY_RECV : IPC_REPLY;
		EXPLORE_EXPECT(host_syscall(&call) == 0);
		if (i == requests)
			return;
	}
}

static void request(uint64_t word)
{
	struct host_call call = {
		.nr = IPC_CALL,
		.args = {EXPLORE_ENDPOINT},
		.tag = IPC_TAG(0, 1),
		.words = {word},
	};

	EXPLORE_EXPECT(host_syscall(&call) == 0);
	EXPLORE_EXPECT(IPC_TAG_WORDS(call.tag) == 1);
	EXPLORE_EXPECT(call.words[0] == word + 1000);
}

static void call_body(unsigned self)
{
	if (self == 0)
		serve();
	else
		request(self);
}

static void call_twice_body(unsigned self)
{
	if (self == 0) {
		serve();
		return;
	}
	request(10 * self);
	request(10 * self + 1);
}

static void check(void)
{
	EXPLORE_EXPECT(served == requests);
}

EXPLORE(ipc_call_across_cpus, .run = explore_run_users, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup_one, .body = call_body, .check = check);
EXPLORE(ipc_call_on_one_cpu, .run = explore_run_users_together, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup_two, .body = call_twice_body, .check = check);
EXPLORE(ipc_two_clients_three_cpus, .run = explore_run_users, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = setup_two, .body = call_body, .check = check);
/** The second client runs on the server's CPU: fast and slow path meet at the endpoint. */
EXPLORE(ipc_fast_and_slow_client, .run = explore_run_users, .cpus = 2, .bodies = 3, .bound = 2,
	.setup = setup_four, .body = call_twice_body, .check = check);
