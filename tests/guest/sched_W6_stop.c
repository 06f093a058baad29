// SPDX-License-Identifier: MIT
// SIGSTOP: no thread of a stopped process runs a user instruction until SIGCONT, whatever arrives.
// guest: CPUS 4
#include "check.h"

#define THREADS 3

struct shared {
	uint64_t turns[THREADS + 1];
	uint32_t handled;
};
static struct shared *shared;

static void *turn(void *arg)
{
	for (;;)
		__atomic_fetch_add(&shared->turns[(long)arg], 1, __ATOMIC_RELAXED);
	return NULL;
}

static void handle(int signo)
{
	(void)signo;
	__atomic_fetch_add(&shared->handled, 1, __ATOMIC_RELAXED);
}

static void be_stopped(void)
{
	struct sigaction action = { .sa_handler = handle };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	for (long i = 1; i <= THREADS; i++)
		start_thread(turn, (void *)i);
	turn((void *)0);
}

static void await_turns(void)
{
	for (int i = 0; i <= THREADS; i++) {
		uint64_t before = __atomic_load_n(&shared->turns[i], __ATOMIC_RELAXED);
		while (__atomic_load_n(&shared->turns[i], __ATOMIC_RELAXED) == before)
			sleep_ms(1);
	}
}

int main(void)
{
	int status;
	shared = shared_memory(sizeof(*shared));
	pid_t child = check_fork();
	if (!child)
		be_stopped();
	for (int round = 0; round < 10; round++) {
		struct shared stopped;
		await_turns();
		CHECK_IS(kill(child, SIGSTOP), 0);
		CHECK_IS(waitpid(child, &status, WUNTRACED), child);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		stopped = *shared;
		CHECK_IS(kill(child, SIGUSR1), 0);
		struct sched_param param = { 0 };
		CHECK_IS(sched_setscheduler(child, round % 2 ? SCHED_BATCH : SCHED_OTHER, &param), 0);
		sleep_ms(10);
		CHECK(!memcmp(&stopped, shared, sizeof(stopped)));
		CHECK_IS(kill(child, SIGCONT), 0);
		while (__atomic_load_n(&shared->handled, __ATOMIC_RELAXED) == stopped.handled)
			sleep_ms(1);
	}
	await_turns();
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(wait_status(child), SIGKILL);
	return 0;
}
