// SPDX-License-Identifier: MIT
// A call runs on the caller's CPU, wherever the server ran last, if the server may run there; and on the
// server's if not.
// guest: CPUS 4
#include "ipc.h"

#define CPUS 4
#define ROUNDS 50

static long endpoint;

/** From CPU @first to @last. */
static void pin(int first, int last)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int cpu = first; cpu <= last; cpu++)
		CPU_SET(cpu, &set);
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
}

/** Answers with the CPU that it runs on. */
static void serve(void)
{
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_RECV, endpoint, &m), 0);
	for (;;) {
		m = (struct message){ .tag = IPC_TAG(0, 1), .words = { (uint64_t)sched_getcpu() } };
		CHECK_IS(ipc(IPC_REPLY_RECV, endpoint, &m), 0);
	}
}

static pid_t start_server(int first, int last)
{
	pid_t pid = check_fork();
	if (pid == 0) {
		pin(first, last);
		serve();
	}
	while (process_state(pid) != 'S')
		sleep_ms(1);
	return pid;
}

static int cpu_of_call(int policy)
{
	struct message m = { 0 };
	struct sched_param param = { .sched_priority = policy == SCHED_FIFO ? 20 : 0 };
	CHECK_IS(sched_setscheduler(0, policy, &param), 0);
	CHECK_IS(ipc(IPC_CALL, endpoint, &m), 0);
	return (int)m.words[0];
}

/** From each CPU in turn, so that the server has always run elsewhere; from equals (fast), and from one of
 *  higher priority (slow). */
static void check_moves(int policy)
{
	pid_t server = start_server(0, CPUS - 1);
	int moved = 0; // by an idle CPU, after something else had preempted the server
	for (int round = 0; round < ROUNDS; round++) {
		pin(round % CPUS, round % CPUS);
		moved += cpu_of_call(policy) != round % CPUS;
		moved += cpu_of_call(policy) != round % CPUS;
	}
	CHECK(moved <= ROUNDS / 10);
	kill(server, SIGKILL);
	CHECK_IS(waitpid(server, NULL, 0), server);
}

static void check_stays(void)
{
	pid_t server = start_server(1, 1);
	for (int round = 0; round < ROUNDS; round++) {
		pin(round % CPUS, round % CPUS);
		CHECK_IS(cpu_of_call(SCHED_OTHER), 1);
	}
	kill(server, SIGKILL);
	CHECK_IS(waitpid(server, NULL, 0), server);
}

int main(void)
{
	struct message m = { 0 };
	endpoint = ipc(IPC_ENDPOINT, 0, &m);
	CHECK(endpoint >= 0);
	check_moves(SCHED_OTHER);
	check_moves(SCHED_FIFO);
	check_stays();
	return 0;
}
