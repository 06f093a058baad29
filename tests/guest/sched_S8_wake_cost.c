// SPDX-License-Identifier: MIT
// What a wake-up costs does not depend on how many threads are blocked: a word passed between two threads by
// futex, and a byte by pipes, alone and beside 10,000 others that wait on futexes, timers and a pipe. One
// instruction is one nanosecond here, so that the clock counts instructions.
// guest: CPUS 1 MEM 768M ICOUNT 1
#include <linux/futex.h>
#include <sys/syscall.h>

#include "check.h"

#define PROCESSES 40
#define THREADS 250 // in each
#define STACK 131072 // the least on AArch64; a page or two is touched
#define ROUNDS 500
#define BATCHES 5

static uint32_t turn, waits_on[THREADS], *blocked;
static pid_t children[PROCESSES];
static int there[2], back[2], never[2];

static void futex(uint32_t *word, int op, uint32_t value)
{
	syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static void pass_turn(uint32_t to)
{
	__atomic_store_n(&turn, to, __ATOMIC_RELEASE);
	futex(&turn, FUTEX_WAKE, 1);
}

static void await_turn(uint32_t mine)
{
	for (uint32_t now; (now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) != mine;)
		futex(&turn, FUTEX_WAIT, now);
}

static void *partner(void *unused)
{
	char byte;
	for (int i = 0; i < ROUNDS * BATCHES; i++) {
		await_turn(1);
		pass_turn(0);
	}
	for (int i = 0; i < ROUNDS * BATCHES; i++) {
		CHECK_IS(read(there[0], &byte, 1), 1);
		CHECK_IS(write(back[1], &byte, 1), 1);
	}
	return unused;
}

static void by_futex(void)
{
	pass_turn(1);
	await_turn(0);
}

static void by_pipe(void)
{
	char byte = 0;
	CHECK_IS(write(there[1], &byte, 1), 1);
	CHECK_IS(read(back[0], &byte, 1), 1);
}

/** Instructions of one round, of the best of some batches: no timer interrupts that one. */
static int64_t cost(void (*round)(void))
{
	int64_t best = INT64_MAX;
	for (int batch = 0; batch < BATCHES; batch++) {
		int64_t start = now_ns(CLOCK_MONOTONIC);
		for (int i = 0; i < ROUNDS; i++)
			round();
		int64_t took = (now_ns(CLOCK_MONOTONIC) - start) / ROUNDS;
		best = took < best ? took : best;
	}
	return best;
}

static void measure(int64_t *futexes, int64_t *pipes)
{
	pthread_t thread = start_thread(partner, NULL);
	*futexes = cost(by_futex);
	*pipes = cost(by_pipe);
	CHECK_IS(pthread_join(thread, NULL), 0);
}

static void *block(void *arg)
{
	long i = (long)arg;
	struct timespec later = { 1000000 + i, 0 };
	char byte;
	__atomic_add_fetch(blocked, 1, __ATOMIC_RELEASE);
	for (;;) {
		if (i % 3 == 0)
			futex(&waits_on[i], FUTEX_WAIT, 0);
		else if (i % 3 == 1)
			nanosleep(&later, NULL);
		else
			(void)!read(never[0], &byte, 1);
	}
	return NULL;
}

/** A process of its own: with its THREADS blocked ones, for ever. */
static void block_here(void)
{
	static char stacks[THREADS - 1][STACK] __attribute__((aligned(4096)));
	pthread_attr_t attr;
	CHECK_IS(pthread_attr_init(&attr), 0);
	for (long i = 0; i < THREADS - 1; i++) {
		pthread_t thread;
		CHECK_IS(pthread_attr_setstack(&attr, stacks[i], STACK), 0);
		CHECK_IS(pthread_create(&thread, &attr, block, (void *)i), 0);
	}
	block((void *)(THREADS - 1l));
}

static void block_many(void)
{
	blocked = shared_memory(sizeof(*blocked));
	for (int i = 0; i < PROCESSES; i++) {
		children[i] = check_fork();
		if (!children[i])
			block_here();
	}
	while (__atomic_load_n(blocked, __ATOMIC_ACQUIRE) < PROCESSES * THREADS) {
		CHECK_IS(waitpid(-1, NULL, WNOHANG), 0);
		sched_yield();
	}
	sleep_ms(20); // on the only CPU: all have come to their wait
}

int main(void)
{
	int64_t futex_alone, pipe_alone, futex_beside, pipe_beside;
	CHECK(pipe(there) == 0 && pipe(back) == 0 && pipe(never) == 0);
	measure(&futex_alone, &pipe_alone);
	block_many();
	measure(&futex_beside, &pipe_beside);
	printf("instructions there and back, alone and beside %d: futex %lld, %lld; pipe %lld, %lld\n",
	       PROCESSES * THREADS, (long long)futex_alone, (long long)futex_beside, (long long)pipe_alone,
	       (long long)pipe_beside);
	CHECK(futex_beside * 10 < futex_alone * 11);
	CHECK(pipe_beside * 10 < pipe_alone * 11);
	for (int i = 0; i < PROCESSES; i++) {
		CHECK_IS(kill(children[i], SIGKILL), 0);
		CHECK_IS(wait_status(children[i]), SIGKILL);
	}
	return 0;
}
