// SPDX-License-Identifier: MIT
// The number of a process that has gone is nobody's while its group or its session still has it: else a new
// process would find itself leading strangers, and signals to the group would reach it.
// guest: CPUS 4
#include "check.h"

enum { WORKERS = 3, LIMIT = 40000 };

static struct shared {
	pid_t kept[2];
	volatile int wrapped, taken;
} *shared;

static int lead_group(void)
{
	return setpgid(0, 0);
}

static int lead_session(void)
{
	return setsid() == getpid() ? 0 : -1;
}

/** A process of a group, or a session, whose leader has gone. */
static pid_t leave_behind(int (*lead)(void), int pipe_fd)
{
	pid_t leader = check_fork();
	if (leader == 0) {
		CHECK_IS(lead(), 0);
		if (check_fork() == 0) {
			char c;
			if (lead == lead_session)
				CHECK_IS(setpgid(0, 0), 0); // only its session has the leader's number then
			CHECK_IS(read(pipe_fd, &c, 1), 0); // until the test ends
			_exit(0);
		}
		_exit(0);
	}
	CHECK_CHILD(leader);
	return leader;
}

/** The number of a new process, which has gone. */
static __attribute__((noinline)) pid_t use_one(void)
{
	pid_t pid = vfork();
	if (pid == 0) {
		pid_t own = getpid();
		if (own == shared->kept[0] || own == shared->kept[1])
			shared->taken = 1;
		_exit(0);
	}
	return pid;
}

/** New processes until the numbers have begun again. */
static void use_numbers(pid_t above)
{
	bool is_low = false;
	pid_t last = 0;
	for (int i = 0; i < LIMIT && !shared->wrapped; i++) {
		pid_t pid = use_one();
		CHECK(pid > 0);
		CHECK_IS(wait_status(pid), 0);
		is_low |= pid < last;
		if (is_low && pid > above)
			shared->wrapped = 1;
		last = pid;
	}
	CHECK(shared->wrapped && !shared->taken);
}

int main(void)
{
	int ends[2];
	pid_t workers[WORKERS];
	shared = shared_memory(sizeof(*shared));
	CHECK_IS(pipe(ends), 0);
	shared->kept[0] = leave_behind(lead_group, ends[0]);
	shared->kept[1] = leave_behind(lead_session, ends[0]);
	CHECK_ERRNO(kill(shared->kept[0], 0), ESRCH);
	CHECK_IS(kill(-shared->kept[0], 0), 0);
	if (!is_guest())
		return 0; // a developer's machine has many numbers
	for (int i = 0; i < WORKERS; i++) {
		workers[i] = check_fork();
		if (workers[i] == 0) {
			CHECK_IS(close(ends[1]), 0);
			use_numbers(shared->kept[1] + 100);
			_exit(0);
		}
	}
	for (int i = 0; i < WORKERS; i++)
		CHECK_CHILD(workers[i]);
	CHECK_IS(kill(-shared->kept[0], SIGKILL), 0);
	CHECK_IS(close(ends[1]), 0);
	return 0;
}
