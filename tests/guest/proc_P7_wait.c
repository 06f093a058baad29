// SPDX-License-Identifier: MIT
// Waiting for children: by pid, group and any; WNOHANG, stopped and continued once each, killed is not
// exited, an interrupted wait, waitid, and what SIGCHLD tells.
// guest: CPUS 4
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "check.h"

static pid_t sleeper(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		for (;;)
			pause();
	}
	return child;
}

static void check_choice(void)
{
	int status;
	CHECK_ERRNO(wait(&status), ECHILD);
	pid_t own = check_fork();
	if (own == 0)
		_exit(1);
	pid_t grouped = check_fork();
	if (grouped == 0) {
		setpgid(0, 0);
		_exit(2);
	}
	setpgid(grouped, grouped);
	CHECK_IS(waitpid(-grouped, &status, 0), grouped);
	CHECK_IS(status, 2 << 8);
	CHECK_ERRNO(waitpid(grouped, &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(getpid(), &status, 0), ECHILD);
	CHECK_IS(waitpid(0, &status, 0), own);
	CHECK_IS(status, 1 << 8);
	pid_t lasting = sleeper();
	CHECK_IS(waitpid(-1, &status, WNOHANG), 0);
	CHECK_IS(kill(lasting, SIGTERM), 0);
	CHECK_IS(waitpid(-1, &status, 0), lasting);
	CHECK(WIFSIGNALED(status) && !WIFEXITED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_ERRNO(waitpid(-1, &status, 0x1000), EINVAL);
	CHECK_ERRNO(waitpid(INT32_MIN, &status, 0), ESRCH);
}

static void check_stops(void)
{
	int status;
	pid_t child = sleeper();
	CHECK_IS(kill(child, SIGSTOP), 0);
	CHECK_IS(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	CHECK_IS(waitpid(child, &status, WUNTRACED | WNOHANG), 0); // told once
	CHECK_IS(kill(child, SIGCONT), 0);
	CHECK_IS(waitpid(child, &status, WCONTINUED), child);
	CHECK(WIFCONTINUED(status));
	CHECK_IS(waitpid(child, &status, WCONTINUED | WNOHANG), 0);
	CHECK_IS(kill(child, SIGSTOP), 0);
	siginfo_t info;
	CHECK_IS(waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT), 0);
	CHECK_IS(info.si_code, CLD_STOPPED);
	CHECK_IS(waitid(P_PID, (id_t)child, &info, WSTOPPED), 0); // WNOWAIT left it
	CHECK_IS(info.si_status, SIGSTOP);
	CHECK_IS(kill(child, SIGKILL), 0); // ends a stopped one, too
	CHECK_IS(waitpid(child, &status, 0), child);
	CHECK_IS(WTERMSIG(status), SIGKILL);
}

static volatile sig_atomic_t signals;
static void count_signal(int sig)
{
	(void)sig;
	signals++;
}

static void check_interrupted(void)
{
	struct sigaction action = { .sa_handler = count_signal };
	CHECK_IS(sigaction(SIGALRM, &action, NULL), 0);
	pid_t child = sleeper();
	struct itimerval timer = { { 0, 10000 }, { 0, 10000 } };
	setitimer(ITIMER_REAL, &timer, NULL);
	CHECK_ERRNO(waitpid(child, NULL, 0), EINTR);
	CHECK(signals > 0);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	kill(child, SIGKILL);
	wait_status(child);
}

static volatile siginfo_t told;
static void keep_info(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	memcpy((void *)&told, info, sizeof(told));
}

static void check_sigchld(void)
{
	struct sigaction action = { .sa_sigaction = keep_info, .sa_flags = SA_SIGINFO };
	CHECK_IS(sigaction(SIGCHLD, &action, NULL), 0);
	pid_t child = check_fork();
	if (child == 0)
		_exit(77);
	CHECK_IS(wait_status(child), 77 << 8);
	while (told.si_signo == 0)
		sched_yield();
	CHECK_IS(told.si_signo, SIGCHLD);
	CHECK_IS(told.si_code, CLD_EXITED);
	CHECK_IS(told.si_pid, child);
	CHECK_IS(told.si_status, 77);
	action.sa_handler = SIG_IGN; // children leave nothing behind
	action.sa_flags = 0;
	CHECK_IS(sigaction(SIGCHLD, &action, NULL), 0);
	child = check_fork();
	if (child == 0)
		_exit(5);
	CHECK_ERRNO(waitpid(child, NULL, 0), ECHILD);
	action.sa_handler = SIG_DFL;
	CHECK_IS(sigaction(SIGCHLD, &action, NULL), 0);
}

static void check_waitid(void)
{
	siginfo_t info;
	memset(&info, 1, sizeof(info));
	pid_t child = sleeper();
	CHECK_IS(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
	CHECK_IS(info.si_pid, 0);
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED), 0);
	CHECK(info.si_pid == child && info.si_code == CLD_KILLED && info.si_status == SIGKILL);
	CHECK_ERRNO(waitid(P_PID, (id_t)child, &info, WEXITED), ECHILD);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, 0), EINVAL);
	CHECK_ERRNO(waitid(P_ALL, 0, &info, WEXITED | 0x1000), EINVAL);
}

static void *wait_in_thread(void *arg)
{
	return (void *)(long)wait_status((pid_t)(long)arg);
}

static void check_usage(void)
{
	struct rusage usage;
	pid_t child = check_fork();
	if (child == 0) {
		int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + 30000000;
		while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
			;
		_exit(0);
	}
	CHECK_IS(wait4(child, NULL, 0, &usage), child);
	int64_t ns = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ll +
		     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ll;
	CHECK(ns >= 20000000);
	child = check_fork(); // any thread may wait for the process's children
	if (child == 0)
		_exit(3);
	void *status;
	CHECK_IS(pthread_join(start_thread(wait_in_thread, (void *)(long)child), &status), 0);
	CHECK_IS(status, 3 << 8);
}

/** Who waits already is told of a child that it adopts when that one has ended before. */
static void check_adopted(void)
{
	pid_t top = getpid();
	CHECK_IS(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	pid_t middle = check_fork();
	if (middle == 0) {
		pid_t parent = check_fork();
		if (parent == 0) {
			siginfo_t info;
			pid_t orphan = check_fork();
			if (orphan == 0)
				_exit(9);
			CHECK_IS(waitid(P_PID, (id_t)orphan, &info, WEXITED | WNOWAIT), 0);
			while (process_state(top) != 'S')
				sched_yield();
			sleep_ms(5);
			_exit(0);
		}
		for (;;)
			pause();
	}
	int status;
	CHECK(waitpid(-1, &status, 0) != middle);
	CHECK_IS(status, 9 << 8);
	CHECK_IS(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
	CHECK_IS(kill(middle, SIGKILL), 0);
	wait_status(middle);
}

static bool is_usr1_pending(void)
{
	sigset_t set;
	CHECK_IS(sigpending(&set), 0);
	return sigismember(&set, SIGUSR1);
}

/** What a child's end is told by is its parent's choice, while both run the programs that they ran then. */
static void check_exit_signals(void)
{
	sigset_t usr1;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK_IS(sigprocmask(SIG_BLOCK, &usr1, NULL), 0);
	pid_t child = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
	if (child == 0)
		_exit(0);
	CHECK_IS(waitpid(child, NULL, __WALL), child);
	CHECK(is_usr1_pending());
	siginfo_t info;
	CHECK_IS(sigwaitinfo(&usr1, &info), SIGUSR1);
	child = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
	if (child == 0) {
		exec_test("proc_P7_wait", "end", NULL);
		_exit(9);
	}
	CHECK_IS(waitpid(child, NULL, __WALL), child);
	CHECK(!is_usr1_pending());
	child = check_fork();
	if (child == 0) {
		if (syscall(SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0) == 0)
			_exit(0);
		_exit(0);
	}
	CHECK(wait(NULL) > 0 && wait(NULL) > 0); // both are children here
	CHECK(!is_usr1_pending());
	CHECK_IS(sigprocmask(SIG_UNBLOCK, &usr1, NULL), 0);
}

/** Zombies go at once when who adopts them wants none. */
static void check_unwanted(void)
{
	CHECK_IS(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	signal(SIGCHLD, SIG_IGN);
	int told[2];
	pid_t orphan;
	CHECK_IS(pipe(told), 0);
	pid_t parent = check_fork();
	if (parent == 0) {
		siginfo_t info;
		signal(SIGCHLD, SIG_DFL);
		orphan = check_fork();
		if (orphan == 0)
			_exit(9);
		CHECK_IS(waitid(P_PID, (id_t)orphan, &info, WEXITED | WNOWAIT), 0);
		CHECK_IS(write(told[1], &orphan, sizeof(orphan)), sizeof(orphan));
		_exit(0);
	}
	CHECK_IS(read(told[0], &orphan, sizeof(orphan)), sizeof(orphan));
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
	CHECK_ERRNO(kill(orphan, 0), ESRCH);
	close(told[0]), close(told[1]);
	signal(SIGCHLD, SIG_DFL);
	CHECK_IS(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return 0;
	check_choice();
	check_stops();
	check_interrupted();
	check_sigchld();
	check_waitid();
	check_usage();
	check_adopted();
	check_exit_signals();
	check_unwanted();
	return 0;
}
