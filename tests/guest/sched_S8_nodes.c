// SPDX-License-Identifier: MIT
// A machine of two nodes, whose CPUs firmware lists by turns: each program can learn in which node it runs, and
// a thread whose CPU is busy wakes in the node where it slept.
// guest: CPUS 4 NODES 0,2:1,3:31
#include <linux/futex.h>
#include <stdatomic.h>

#include "check.h"

#define CPUS 4
#define ROUNDS 50
#define NODE_0 3u // CPUs 0 and 1

static _Atomic int sleeps, woken, hog_goes, hog_runs;
static unsigned stayed;

static void futex(_Atomic int *word, int op, int value)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void pin(pid_t tid, unsigned mask)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPUS; cpu++) {
		if (mask >> cpu & 1)
			CPU_SET(cpu, &set);
	}
	CHECK_IS(sched_setaffinity(tid, sizeof(set), &set), 0);
}

static unsigned node_now(unsigned *cpu)
{
	unsigned node = 999;
	CHECK_IS(syscall(SYS_getcpu, cpu, &node, NULL), 0);
	return node;
}

static void wait_until(_Atomic int *word, int value)
{
	int now;
	while ((now = atomic_load(word)) != value)
		futex(word, FUTEX_WAIT, now);
}

static void set(_Atomic int *word, int value)
{
	atomic_store(word, value);
	futex(word, FUTEX_WAKE, INT32_MAX);
}

/** Sleeps on CPU 1, and may wake anywhere. */
static void *sleep_in_node_0(void *arg)
{
	for (int round = 1; round <= ROUNDS; round++) {
		unsigned cpu;
		pin(0, 1u << 1);
		pin(0, 0xf);
		set(&sleeps, round);
		wait_until(&woken, round);
		node_now(&cpu);
		stayed += NODE_0 >> cpu & 1;
		set(&sleeps, -round);
	}
	return arg;
}

/** Keeps CPU 1 busy from when @hog_goes is a round until it is less. */
static void *keep_busy(void *arg)
{
	struct sched_param param = { 10 };
	pin(0, 1u << 1);
	CHECK_IS(sched_setscheduler(0, SCHED_FIFO, &param), 0);
	for (int round = 1; round <= ROUNDS; round++) {
		wait_until(&hog_goes, round);
		atomic_store(&hog_runs, round);
		while (atomic_load(&hog_goes) == round)
			continue;
	}
	return arg;
}

static void wake_beside_a_hog(int round)
{
	wait_until(&sleeps, round);
	set(&hog_goes, round);
	while (atomic_load(&hog_runs) != round) // it has taken CPU 1; we keep CPU 3
		continue;
	atomic_store(&woken, round);
	futex(&woken, FUTEX_WAKE, 1);
	while (atomic_load(&sleeps) != -round)
		continue;
	atomic_store(&hog_goes, -round);
}

int main(void)
{
	unsigned cpu, nodes[CPUS];
	for (unsigned i = 0; i < CPUS; i++) {
		pin(0, 1u << i);
		nodes[i] = node_now(&cpu);
		CHECK_IS(cpu, i);
	}
	// CPUs of one node have numbers that follow each other.
	CHECK(nodes[0] == nodes[1] && nodes[2] == nodes[3] && nodes[0] != nodes[2]);
	pin(0, 1u << 3);
	pthread_t sleeper = start_thread(sleep_in_node_0, NULL), hog = start_thread(keep_busy, NULL);
	for (int round = 1; round <= ROUNDS; round++)
		wake_beside_a_hog(round);
	CHECK(pthread_join(sleeper, NULL) == 0 && pthread_join(hog, NULL) == 0);
	printf("%u of %u woke in their node\n", stayed, ROUNDS);
	// An emulated CPU that idles may not run when its turn is; by number alone all would go to CPU 2.
	CHECK(stayed > ROUNDS / 2);
	return 0;
}
