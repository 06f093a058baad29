// SPDX-License-Identifier: MIT
// Policy, priority and affinity of a running thread change at once, from outside.
// guest: CPUS 4
#include "check.h"

static uint64_t *turns; // of two children
static uint32_t *cpus; // on which they last were

static pid_t start_child(int self, cpu_set_t *where)
{
	pid_t pid = check_fork();
	if (pid)
		return pid;
	CHECK_IS(sched_setaffinity(0, sizeof(*where), where), 0);
	for (;;) {
		__atomic_store_n(&cpus[self], (uint32_t)sched_getcpu() + 1, __ATOMIC_RELEASE);
		__atomic_fetch_add(&turns[self], 1, __ATOMIC_RELEASE);
	}
}

static uint64_t turns_of(int child)
{
	return __atomic_load_n(&turns[child], __ATOMIC_ACQUIRE);
}

static void await_turns(int child, uint64_t count)
{
	uint64_t before = turns_of(child);
	while (turns_of(child) < before + count)
		sleep_ms(1);
}

static void set_policy(pid_t pid, int policy, int priority)
{
	struct sched_param param = { .sched_priority = priority };
	CHECK_IS(sched_setscheduler(pid, policy, &param), 0);
}

/** Child @running has the CPU alone for a while. */
static void check_alone(int running)
{
	await_turns(running, 2); // the other one may be in the middle of its turn
	uint64_t before = turns_of(!running);
	await_turns(running, 200);
	CHECK_IS(turns_of(!running) - before, 0);
}

int main(void)
{
	cpu_set_t zero, one, two;
	turns = shared_memory(2 * sizeof(*turns));
	cpus = shared_memory(2 * sizeof(*cpus));
	CPU_ZERO(&zero);
	one = two = zero;
	CPU_SET(0, &zero);
	CPU_SET(1, &one);
	CPU_SET(2, &two);
	CHECK_IS(sched_setaffinity(0, sizeof(zero), &zero), 0);
	pid_t pids[2] = { start_child(0, &one), start_child(1, &one) };
	await_turns(0, 10);
	await_turns(1, 10);
	for (int round = 0; round < 3; round++) {
		set_policy(pids[1], SCHED_FIFO, 20);
		check_alone(1);
		set_policy(pids[0], SCHED_FIFO, 30);
		check_alone(0);
		set_policy(pids[0], SCHED_OTHER, 0);
		check_alone(1);
		set_policy(pids[1], SCHED_OTHER, 0);
		await_turns(0, 10);
		await_turns(1, 10);
		// In force on return: every turn that begins from here on is elsewhere.
		cpu_set_t *to = round % 2 ? &one : &two;
		CHECK_IS(sched_setaffinity(pids[0], sizeof(*to), to), 0);
		await_turns(0, 2);
		CHECK_IS(__atomic_load_n(&cpus[0], __ATOMIC_ACQUIRE), round % 2 ? 2 : 3);
		CHECK_IS(sched_setaffinity(pids[0], sizeof(one), &one), 0);
		await_turns(0, 2);
		CHECK_IS(__atomic_load_n(&cpus[0], __ATOMIC_ACQUIRE), 2);
	}
	for (int i = 0; i < 2; i++) {
		CHECK_IS(kill(pids[i], SIGKILL), 0);
		CHECK_IS(wait_status(pids[i]), SIGKILL);
	}
	return 0;
}
