// SPDX-License-Identifier: MIT
// A signal to a process that the chosen thread blocks before it has taken it is another thread's: that one
// is woken for it.
// guest: CPUS 4
#include "check.h"

static volatile pid_t leader;
static volatile sig_atomic_t second_by;
static int hold[2];

/** Blocks SIGUSR2 while it runs, which waits for the same thread. */
static void first(int sig)
{
	(void)sig;
	while (!second_by)
		sched_yield();
}

static void second(int sig)
{
	(void)sig;
	second_by = (sig_atomic_t)syscall(SYS_gettid);
	CHECK_IS(write(hold[1], "x", 1), 1);
}

static void *sleep_in_read(void *arg)
{
	char c;
	while (read(hold[0], &c, 1) < 0)
		CHECK_IS(errno, EINTR);
	return arg;
}

int main(void)
{
	sigset_t set;
	struct sigaction action = { .sa_handler = first };
	CHECK_IS(pipe(hold), 0);
	sigaddset(&action.sa_mask, SIGUSR2);
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	action = (struct sigaction){ .sa_handler = second, .sa_flags = SA_RESTART };
	CHECK_IS(sigaction(SIGUSR2, &action, NULL), 0);
	leader = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_IS(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
	pthread_t other = start_thread(sleep_in_read, NULL);
	CHECK_IS(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
	sleep_ms(5); // it reads
	pid_t child = vfork(); // the leader takes no signal until its child has ended
	if (child == 0) {
		kill(leader, SIGUSR2);
		kill(leader, SIGUSR1);
		_exit(0);
	}
	CHECK(child > 0);
	while (!second_by)
		sched_yield();
	CHECK(second_by != leader);
	CHECK_IS(pthread_join(other, NULL), 0);
	wait_status(child);
	return 0;
}
