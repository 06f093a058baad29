// SPDX-License-Identifier: MIT
// Stop and continue: a stopped process runs nothing, whatever arrives; SIGCONT continues it even when
// blocked or handled; signals sent meanwhile are handled then; and SIGCONT wakes no blocked call.
// guest: CPUS 4
#include "check.h"

struct shared {
	volatile uint64_t counters[4];
	volatile int handled, continued;
};
static struct shared *shared;

static void *spin(void *arg)
{
	for (;;)
		(*(volatile uint64_t *)arg)++;
	return NULL;
}

static void handler(int sig)
{
	if (sig == SIGCONT)
		shared->continued++;
	else
		shared->handled++;
}

static void until_stopped(pid_t pid, int sig)
{
	int status;
	CHECK_IS(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == sig);
}

static void check_still(void)
{
	uint64_t before[4];
	for (int i = 0; i < 4; i++)
		before[i] = shared->counters[i];
	sleep_ms(5);
	for (int i = 0; i < 4; i++)
		CHECK(shared->counters[i] == before[i]);
}

static void check_moves(void)
{
	for (int i = 0; i < 4; i++) {
		uint64_t before = shared->counters[i];
		while (shared->counters[i] == before)
			sched_yield();
	}
}

static void check_threads_stop(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		signal(SIGUSR1, handler);
		signal(SIGCONT, handler);
		for (int i = 1; i < 4; i++)
			start_thread(spin, (void *)&shared->counters[i]);
		spin((void *)&shared->counters[0]);
	}
	check_moves();
	for (int round = 0; round < 20; round++) {
		shared->handled = shared->continued = 0;
		CHECK_IS(kill(child, SIGSTOP), 0);
		until_stopped(child, SIGSTOP);
		check_still();
		CHECK_IS(kill(child, SIGUSR1), 0);
		check_still();
		CHECK_IS(shared->handled, 0);
		CHECK_IS(kill(child, SIGCONT), 0);
		int status;
		CHECK_IS(waitpid(child, &status, WCONTINUED), child);
		check_moves();
		while (!shared->handled || !shared->continued)
			sched_yield();
		CHECK(shared->handled == 1 && shared->continued == 1);
	}
	CHECK_IS(kill(child, SIGSTOP), 0);
	until_stopped(child, SIGSTOP);
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(WTERMSIG(wait_status(child)), SIGKILL);
}

static void check_kinds(void)
{
	static const int KINDS[] = { SIGTSTP, SIGTTIN, SIGTTOU };
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setpgid(0, 0), 0); // its parent in the session: the group is not orphaned
		for (;;)
			pause();
	}
	setpgid(child, child);
	for (int i = 0; i < 3; i++) {
		CHECK_IS(kill(child, KINDS[i]), 0);
		until_stopped(child, KINDS[i]);
		int status;
		CHECK_IS(kill(child, SIGCONT), 0);
		CHECK_IS(waitpid(child, &status, WCONTINUED), child);
	}
	CHECK_IS(kill(child, SIGKILL), 0);
	wait_status(child);
}

static void check_cancelling(void)
{
	pid_t child = check_fork();
	if (child == 0) { // a pending stop is thrown away by SIGCONT and the other way round
		sigset_t set, pending;
		sigemptyset(&set);
		sigaddset(&set, SIGTSTP);
		sigaddset(&set, SIGCONT);
		signal(SIGCONT, handler);
		sigprocmask(SIG_BLOCK, &set, NULL);
		raise(SIGTSTP);
		raise(SIGCONT);
		CHECK_IS(sigpending(&pending), 0);
		CHECK(!sigismember(&pending, SIGTSTP) && sigismember(&pending, SIGCONT));
		raise(SIGTSTP);
		CHECK_IS(sigpending(&pending), 0);
		CHECK(sigismember(&pending, SIGTSTP) && !sigismember(&pending, SIGCONT));
		_exit(0);
	}
	CHECK_CHILD(child);
}

static void check_blocked_read(void)
{
	int pipes[2];
	CHECK_IS(pipe(pipes), 0);
	pid_t child = check_fork();
	if (child == 0) {
		char c = 0;
		CHECK_IS(read(pipes[0], &c, 1), 1); // not -EINTR: nothing was handled
		CHECK_IS(c, 'y');
		_exit(0);
	}
	for (int i = 0; i < 10; i++) {
		int status;
		CHECK_IS(kill(child, SIGSTOP), 0);
		until_stopped(child, SIGSTOP);
		CHECK_IS(kill(child, SIGCONT), 0);
		CHECK_IS(waitpid(child, &status, WCONTINUED), child);
	}
	CHECK_IS(write(pipes[1], "y", 1), 1);
	CHECK_CHILD(child);
}

/** SIGCONT that comes while SIGSTOP is on its way undoes it, however close. */
static void check_close_together(void)
{
	pid_t child = check_fork();
	if (child == 0)
		spin((void *)&shared->counters[0]);
	for (long round = 0; round < rounds(2000, 100000); round++) {
		CHECK_IS(kill(child, SIGSTOP), 0);
		for (volatile long i = round % 64 * 8; i > 0; i--)
			;
		CHECK_IS(kill(child, SIGCONT), 0);
		uint64_t before = shared->counters[0];
		while (shared->counters[0] == before)
			sched_yield();
	}
	CHECK_IS(kill(child, SIGKILL), 0);
	wait_status(child);
}

int main(void)
{
	shared = shared_memory(sizeof(*shared));
	setpgid(0, 0);
	check_threads_stop();
	check_kinds();
	check_cancelling();
	check_blocked_read();
	check_close_together();
	return 0;
}
