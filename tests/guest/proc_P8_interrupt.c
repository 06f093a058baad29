// SPDX-License-Identifier: MIT
// A signal in a blocking call: -EINTR, or again by itself under SA_RESTART; sigsuspend and pause swap
// the mask without a gap; to one thread or the process; kills end every wait.
// guest: CPUS 4
#include <poll.h>
#include <semaphore.h>
#include <sys/select.h>

#include "check.h"

static volatile sig_atomic_t signals;
static void count(int sig)
{
	(void)sig;
	signals++;
}

static void set(int flags)
{
	struct sigaction action = { .sa_handler = count, .sa_flags = flags };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
}

static int pipes[2];
static int *stage; // 1: the child is about to block

static void until_asleep(pid_t pid)
{
	while (!__atomic_load_n(stage, __ATOMIC_ACQUIRE))
		sched_yield();
	while (process_state(pid) != 'S')
		sched_yield();
}

static void announce(void)
{
	__atomic_store_n(stage, 1, __ATOMIC_RELEASE);
}

static void in_read(void) { char c; CHECK_ERRNO(read(pipes[0], &c, 1), EINTR); }
static void in_pause(void) { CHECK_ERRNO(pause(), EINTR); }
static void in_poll(void)
{
	struct pollfd fd = { pipes[0], POLLIN, 0 };
	CHECK_ERRNO(poll(&fd, 1, -1), EINTR);
}
static void in_select(void)
{
	fd_set set;
	FD_ZERO(&set);
	FD_SET(pipes[0], &set);
	CHECK_ERRNO(select(pipes[0] + 1, &set, NULL, NULL, NULL), EINTR);
}
static void in_sleep(void)
{
	struct timespec time = { 100, 0 }, left;
	CHECK_ERRNO(nanosleep(&time, &left), EINTR);
	CHECK(left.tv_sec >= 90 && left.tv_sec <= 100);
}
static void in_wait(void)
{
	pid_t child = check_fork();
	if (child == 0)
		for (;;)
			pause();
	CHECK_ERRNO(waitpid(child, NULL, 0), EINTR);
	kill(child, SIGKILL);
	wait_status(child);
}
static void in_suspend(void)
{
	sigset_t set;
	sigemptyset(&set);
	CHECK_ERRNO(sigsuspend(&set), EINTR);
	CHECK_IS(sigprocmask(SIG_BLOCK, NULL, &set), 0);
	CHECK(sigismember(&set, SIGUSR2));
}
static void in_timedwait(void)
{
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	CHECK_ERRNO(sigwaitinfo(&set, &info), EINTR);
}
static void in_write(void)
{
	static char block[1 << 16];
	int full[2];
	CHECK_IS(pipe(full), 0);
	ssize_t before = write(full[1], block, 60000);
	CHECK_IS(before, 60000);
	CHECK(write(full[1], block, sizeof(block)) > 0); // some went, then the signal came
	CHECK_ERRNO(write(full[1], block, sizeof(block)), EINTR);
}

static void check_each(void (*wait)(void), int times, int flags)
{
	*stage = 0;
	set(flags);
	pid_t child = check_fork();
	if (child == 0) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGUSR2);
		sigprocmask(SIG_BLOCK, &set, NULL);
		announce();
		wait();
		CHECK_IS(signals, times);
		_exit(0);
	}
	for (int i = 0; i < times; i++) {
		if (i)
			sleep_ms(20); // until it blocks anew
		until_asleep(child);
		CHECK_IS(kill(child, SIGUSR1), 0);
	}
	CHECK_CHILD(child);
	*stage = 0;
	child = check_fork(); // and SIGKILL ends it
	if (child == 0) {
		signal(SIGUSR1, SIG_DFL);
		announce();
		wait();
		_exit(0);
	}
	until_asleep(child);
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(WTERMSIG(wait_status(child)), SIGKILL);
}

static void in_restarted_read(void)
{
	char c;
	CHECK_IS(read(pipes[0], &c, 1), 1);
	CHECK_IS(c, 'x');
}

static void check_restart(void)
{
	set(SA_RESTART);
	*stage = 0;
	pid_t child = check_fork();
	if (child == 0) {
		announce();
		in_restarted_read();
		CHECK(signals >= 1);
		_exit(0);
	}
	for (int i = 0; i < 5; i++) {
		until_asleep(child);
		CHECK_IS(kill(child, SIGUSR1), 0);
	}
	sleep_ms(10);
	CHECK_IS(write(pipes[1], "x", 1), 1);
	CHECK_CHILD(child);
}

static sem_t ready;
static volatile pthread_t handler_thread;
static void note_thread(int sig)
{
	(void)sig;
	handler_thread = pthread_self();
	signals++;
}

static void *blocked(void *arg)
{
	sem_post(&ready);
	while (signals == 0)
		sched_yield();
	return arg;
}

static void check_threads(void)
{
	struct sigaction action = { .sa_handler = note_thread };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	sem_init(&ready, 0, 0);
	for (int i = 0; i < 20; i++) {
		signals = 0;
		pthread_t thread = start_thread(blocked, NULL);
		sem_wait(&ready);
		sigset_t one;
		sigemptyset(&one);
		sigaddset(&one, SIGUSR1);
		if (i & 1) { // to the process: the thread that does not block it takes it
			CHECK_IS(pthread_sigmask(SIG_BLOCK, &one, NULL), 0);
			CHECK_IS(kill(getpid(), SIGUSR1), 0);
		} else {
			CHECK_IS(pthread_kill(thread, SIGUSR1), 0);
		}
		CHECK_IS(pthread_join(thread, NULL), 0);
		CHECK(handler_thread == thread);
		CHECK_IS(pthread_sigmask(SIG_UNBLOCK, &one, NULL), 0);
	}
}

int main(void)
{
	stage = shared_memory(4096);
	CHECK_IS(pipe(pipes), 0);
	check_each(in_read, 1, 0);
	check_each(in_pause, 1, SA_RESTART);
	check_each(in_poll, 1, SA_RESTART);
	check_each(in_select, 1, 0);
	check_each(in_sleep, 1, SA_RESTART);
	check_each(in_wait, 1, 0);
	check_each(in_suspend, 1, SA_RESTART);
	check_each(in_timedwait, 1, 0);
	check_each(in_write, 2, 0);
	check_restart();
	check_threads();
	return 0;
}
