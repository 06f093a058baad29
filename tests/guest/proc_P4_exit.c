// SPDX-License-Identifier: MIT
// Exit and kill: after wait() no thread of the killed process runs, orphans go to init, init is safe
// from inside, and who may signal whom.
// guest: CPUS 8
#include <sys/prctl.h>

#include "check.h"

#define THREADS 8

static void *spin(void *arg)
{
	volatile uint64_t *counter = arg;
	for (;;)
		(*counter)++;
	return NULL;
}

static void check_killed_stops(int sig)
{
	uint64_t *counters = shared_memory(THREADS * 64);
	pid_t child = check_fork();
	if (child == 0) {
		for (int i = 1; i < THREADS; i++)
			start_thread(spin, &counters[i * 8]);
		spin(counters);
	}
	for (int i = 0; i < THREADS; i++) {
		while (!__atomic_load_n(&counters[i * 8], __ATOMIC_RELAXED))
			sched_yield();
	}
	CHECK_IS(kill(child, sig), 0);
	int status = wait_status(child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == sig);
	uint64_t seen[THREADS];
	for (int i = 0; i < THREADS; i++)
		seen[i] = __atomic_load_n(&counters[i * 8], __ATOMIC_RELAXED);
	sleep_ms(5);
	for (int i = 0; i < THREADS; i++)
		CHECK(seen[i] == __atomic_load_n(&counters[i * 8], __ATOMIC_RELAXED));
	CHECK_ERRNO(kill(child, 0), ESRCH);
	CHECK_IS(munmap(counters, THREADS * 64), 0);
}

static volatile struct {
	int inside, go;
} *vforked;

/** In the kernel, where no signal reaches it, until its child has been told to end. */
static void *until_told(void *arg)
{
	pid_t child = vfork();
	if (child == 0) {
		vforked->inside = 1;
		while (!vforked->go)
			sched_yield();
		_exit(0);
	}
	return arg;
}

/** A process that is killed while it waits for its other threads in exec was killed, and did not exit. */
static void check_killed_in_exec(void)
{
	vforked = shared_memory(sizeof(*vforked));
	pid_t child = check_fork();
	if (child == 0) {
		start_thread(until_told, NULL);
		while (!vforked->inside)
			sched_yield();
		exec_test("proc_P4_exit", "execed", NULL);
		_exit(9);
	}
	while (!vforked->inside)
		sched_yield();
	sleep_ms(20);
	CHECK_IS(kill(child, SIGKILL), 0);
	vforked->go = 1;
	CHECK_IS(wait_status(child), SIGKILL);
}

static void *exit_group(void *arg)
{
	exit((int)(long)arg);
}

static void check_exit_of_all(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		static uint64_t counters[THREADS * 8];
		for (int i = 1; i < THREADS; i++)
			start_thread(spin, &counters[i * 8]);
		start_thread(exit_group, (void *)0x1234);
		spin(counters);
	}
	CHECK_IS(wait_status(child), 0x34 << 8); // eight bits
}

static void check_orphan(void)
{
	int pipes[2];
	CHECK_IS(pipe(pipes), 0);
	pid_t child = check_fork();
	if (child == 0) {
		pid_t parent = getpid();
		if (check_fork() == 0) {
			while (getppid() == parent)
				sched_yield();
			pid_t now = getppid();
			CHECK_IS(write(pipes[1], &now, sizeof(now)), sizeof(now));
		}
		_exit(0);
	}
	CHECK_CHILD(child);
	pid_t now = 0;
	CHECK_IS(read(pipes[0], &now, sizeof(now)), sizeof(now));
	if (is_guest())
		CHECK_IS(now, 1);
	close(pipes[0]);
	close(pipes[1]);
}

static void check_init_is_safe(void)
{
	if (!is_guest())
		return;
	CHECK_IS(kill(1, SIGKILL), 0);
	CHECK_IS(kill(1, SIGSTOP), 0);
	sleep_ms(5);
	CHECK_IS(kill(1, 0), 0);
	check_killed_in_exec();
	check_orphan();
}

static void check_permissions(void)
{
	pid_t target = check_fork();
	if (target == 0) {
		for (;;)
			pause();
	}
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setuid(65534), 0);
		CHECK_ERRNO(kill(target, SIGTERM), EPERM);
		CHECK_ERRNO(kill(target, 0), EPERM);
		CHECK_ERRNO(kill(1, SIGTERM), EPERM);
		pid_t own = check_fork();
		if (own == 0) {
			for (;;)
				pause();
		}
		CHECK_IS(kill(own, SIGTERM), 0);
		CHECK_IS(WTERMSIG(wait_status(own)), SIGTERM);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_ERRNO(kill(target, 65), EINVAL);
	CHECK_ERRNO(kill(target, -1), EINVAL);
	CHECK_IS(kill(target, SIGKILL), 0);
	CHECK_IS(WTERMSIG(wait_status(target)), SIGKILL);
	CHECK_ERRNO(kill(target, SIGKILL), ESRCH);
	CHECK_ERRNO(kill(0x7ffffff0, SIGKILL), ESRCH);
}

static void check_group(void)
{
	pid_t members[4];
	for (int i = 0; i < 4; i++) {
		members[i] = check_fork();
		if (members[i] == 0) {
			for (;;)
				pause();
		}
		CHECK_IS(setpgid(members[i], members[0]), 0);
	}
	CHECK_IS(getpgid(members[3]), members[0]);
	CHECK_IS(kill(-members[0], SIGKILL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_IS(WTERMSIG(wait_status(members[i])), SIGKILL);
	CHECK_ERRNO(kill(-members[0], 0), ESRCH);
}

static void check_parent_death_signal(void)
{
	int pipes[2];
	CHECK_IS(pipe(pipes), 0);
	pid_t child = check_fork();
	if (child == 0) {
		pid_t grandchild = check_fork();
		if (grandchild == 0) {
			CHECK_IS(prctl(PR_SET_PDEATHSIG, SIGKILL), 0);
			CHECK_IS(write(pipes[1], "x", 1), 1);
			for (;;)
				pause();
		}
		char c;
		CHECK_IS(read(pipes[0], &c, 1), 1);
		_exit(0);
	}
	CHECK_CHILD(child);
	close(pipes[1]);
	char c;
	CHECK_IS(read(pipes[0], &c, 1), 0); // at its end only when the grandchild is dead
	close(pipes[0]);
}

int main(void)
{
	for (int round = 0; round < 10; round++) {
		check_killed_stops(SIGKILL);
		check_killed_stops(SIGTERM);
		check_exit_of_all();
	}
	check_killed_in_exec();
	check_orphan();
	check_permissions();
	check_group();
	check_parent_death_signal();
	check_init_is_safe();
	return 0;
}
