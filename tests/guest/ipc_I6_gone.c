// SPDX-License-Identifier: MIT
// Callers that are gone when the server answers: killed, and nothing is left of them, or sent off by a signal and at
// work elsewhere. The server's next reply goes nowhere, harms nobody, and the next caller is served.
// guest: CPUS 4
#include "ipc.h"

static struct shared {
	int taken; // requests
	int is_gone; // the caller of the present one
} *shared;
static long endpoint, sender;

static void stay_on(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
}

static int load(int *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(int *word, int value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/** Word 0 says 1: answer at once; 0: only when the caller is gone. */
static pid_t start_server(int cpu)
{
	pid_t server = check_fork();
	if (server)
		return server;
	stay_on(cpu);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	for (;;) {
		uint64_t is_quick = m.words[0];
		store(&shared->taken, load(&shared->taken) + 1);
		while (!is_quick && !load(&shared->is_gone))
			sched_yield();
		m.tag = IPC_TAG(7, 1);
		m.words[0] = 42;
		CHECK_IS(ipc(IPC_REPLY_RECV, endpoint, &m), 0);
	}
}

static void check_served(int cpu)
{
	pid_t caller = check_fork();
	if (!caller) {
		stay_on(cpu);
		for (int i = 0; i < 10; i++) {
			uint64_t word = 1;
			CHECK_IS(ipc_call1(sender, &word, NULL), 0);
			CHECK_IS(word, 42);
		}
		_exit(0);
	}
	CHECK_CHILD(caller);
}

/** @cpu: of the callers. */
static void check_killed(int cpu)
{
	pid_t server = start_server(1);
	check_served(cpu);
	for (int i = 0; i < 20; i++) {
		store(&shared->is_gone, 0);
		int before = load(&shared->taken);
		pid_t caller = check_fork();
		if (!caller) {
			stay_on(cpu);
			uint64_t word = 0;
			(void)!ipc_call1(sender, &word, NULL);
			CHECK(!"answered");
		}
		while (load(&shared->taken) == before)
			sched_yield();
		kill(caller, SIGKILL);
		wait_status(caller);
		usleep(1000); // its memory is free, too
		store(&shared->is_gone, 1);
		check_served(cpu);
	}
	kill(server, SIGKILL);
	wait_status(server);
}

int main(void)
{
	shared = shared_memory(sizeof(*shared));
	endpoint = ipc_endpoint();
	sender = ipc_restrict(endpoint, IPC_RIGHT_SEND);
	CHECK(endpoint >= 0 && sender >= 0);
	check_killed(1);
	check_killed(2);
	return 0;
}
