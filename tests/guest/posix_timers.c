// SPDX-License-Identifier: MIT
// POSIX timers: signals with their value and overrun, to the process and to a thread, silent ones, of
// wall-clock and CPU time; itimers of CPU time; what fork and exec leave; clocks of other threads.
// guest: CPUS 4
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>

#include "check.h"

#define MS 1000000ll
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static volatile int count, last_value, last_code, last_overrun, last_tid;

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	count++;
	last_value = info->si_value.sival_int;
	last_code = info->si_code;
	last_overrun = info->si_overrun;
	last_tid = (int)syscall(SYS_gettid);
}

static void handle(int sig)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_RESTART };
	CHECK_IS(sigaction(sig, &action, NULL), 0);
}

// The kernel's own calls: glibc keeps numbers of its own.
static int create(int clock, struct sigevent *event)
{
	int id;
	CHECK_IS(syscall(SYS_timer_create, clock, event, &id), 0);
	return id;
}

static struct itimerspec spec_of(int64_t value, int64_t interval)
{
	return (struct itimerspec){ { interval / 1000000000, interval % 1000000000 },
		{ value / 1000000000, value % 1000000000 } };
}

static void set(int id, int64_t value, int64_t interval)
{
	struct itimerspec spec = spec_of(value, interval);
	CHECK_IS(syscall(SYS_timer_settime, id, 0, &spec, NULL), 0);
}

static int64_t left_of(int id, int64_t *interval)
{
	struct itimerspec spec;
	CHECK_IS(syscall(SYS_timer_gettime, id, &spec), 0);
	*interval = spec.it_interval.tv_sec * 1000000000ll + spec.it_interval.tv_nsec;
	return spec.it_value.tv_sec * 1000000000ll + spec.it_value.tv_nsec;
}

static void drop(int id)
{
	CHECK_IS(syscall(SYS_timer_delete, id), 0);
}

static void check_errors(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = 99 };
	int id;
	struct itimerspec spec = spec_of(0, 0);
	CHECK_ERRNO(syscall(SYS_timer_create, 99, NULL, &id), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), EINVAL);
	event.sigev_signo = SIGUSR1;
	event.sigev_notify = SIGEV_THREAD_ID;
	event.sigev_notify_thread_id = 1;
	if (getpid() != 1)
		CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_timer_settime, 777, 0, &spec, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, 777, &spec), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_getoverrun, 777), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_delete, 777), EINVAL);
	id = create(CLOCK_MONOTONIC, NULL);
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, NULL, NULL), EINVAL);
	spec.it_value.tv_nsec = -1;
	CHECK_ERRNO(syscall(SYS_timer_settime, id, 0, &spec, NULL), EINVAL);
	drop(id);
	CHECK_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
}

static void wait_until(int wanted)
{
	while (count < wanted)
		sleep_ms(1);
}

static void check_once(int clock)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
		.sigev_value.sival_int = 4711 };
	int id = create(clock, &event);
	int64_t interval, before = now_ns(CLOCK_MONOTONIC);
	count = 0;
	set(id, 20 * MS, 0);
	int64_t left = left_of(id, &interval);
	CHECK(left > 0 && left <= 20 * MS && interval == 0);
	wait_until(1);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 20 * MS);
	CHECK(last_value == 4711 && last_code == SI_TIMER && last_overrun == 0);
	CHECK_IS(left_of(id, &interval), 0);
	set(id, 10 * MS, 0);
	set(id, 0, 0); // stopped
	sleep_ms(20);
	CHECK_IS(count, 1);
	struct itimerspec past = { .it_value = { 0, 1 } };
	CHECK_IS(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &past, NULL), 0);
	wait_until(2);
	set(id, 10 * MS, 0);
	drop(id);
	sleep_ms(20);
	CHECK_IS(count, 2);
}

static void check_overrun(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int id = create(CLOCK_MONOTONIC, &event);
	sigset_t set_of_usr1;
	sigemptyset(&set_of_usr1);
	sigaddset(&set_of_usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set_of_usr1, NULL);
	count = 0;
	set(id, 2 * MS, 2 * MS);
	sleep_ms(41);
	sigprocmask(SIG_UNBLOCK, &set_of_usr1, NULL); // one signal for all
	CHECK_IS(count >= 1, 1);
	int64_t interval;
	CHECK(left_of(id, &interval) > 0 && interval == 2 * MS);
	drop(id);
	CHECK(last_overrun >= 15 || count > 1);
	// The shortest period leaves time for the rest.
	id = create(CLOCK_MONOTONIC, &event);
	count = 0;
	set(id, 1, is_halcyon() ? 1 : 100000);
	wait_until(3);
	CHECK(syscall(SYS_timer_getoverrun, id) >= 0);
	drop(id);
	// A signal that is ignored, and back.
	signal(SIGUSR1, SIG_IGN);
	id = create(CLOCK_MONOTONIC, &event);
	set(id, 1 * MS, 1 * MS);
	sleep_ms(20);
	count = 0;
	handle(SIGUSR1);
	wait_until(1);
	drop(id);
}

// Two timers of one signal: each is queued.
static void check_two(void)
{
	int ids[2];
	sigset_t usr1;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	kill(getpid(), SIGUSR1); // and this one does not take their place
	for (int i = 0; i < 2; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1,
			.sigev_value.sival_int = i + 1 };
		ids[i] = create(CLOCK_MONOTONIC, &event);
		set(ids[i], 1 * MS, 0);
	}
	sleep_ms(10);
	int sum = 0, timers = 0;
	siginfo_t info;
	struct timespec none = { 0, 0 };
	while (sigtimedwait(&usr1, &info, &none) == SIGUSR1) {
		timers += info.si_code == SI_TIMER;
		sum += info.si_code == SI_TIMER ? info.si_value.sival_int : 0;
	}
	CHECK(timers == 2 && sum == 3);
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	drop(ids[0]);
	drop(ids[1]);
}

static volatile int thread_tid, stop;
static void *be_target(void *arg)
{
	thread_tid = (int)syscall(SYS_gettid);
	while (!stop)
		sleep_ms(1);
	return arg;
}

static void check_thread(void)
{
	pthread_t thread = start_thread(be_target, NULL);
	while (!thread_tid)
		sched_yield();
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	event.sigev_notify_thread_id = thread_tid;
	int id = create(CLOCK_MONOTONIC, &event);
	for (int i = 1; i <= 5; i++) {
		count = 0;
		set(id, 1 * MS, 0);
		wait_until(1);
		CHECK_IS(last_tid, thread_tid);
	}
	drop(id);
	clockid_t clock;
	CHECK_IS(pthread_getcpuclockid(thread, &clock), 0);
	CHECK(now_ns(clock) < 1000 * MS);
	stop = 1;
	pthread_join(thread, NULL);
	CHECK_IS(clock_getcpuclockid(0, &clock), 0);
	CHECK(now_ns(clock) > 0);
}

static void check_silent(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_NONE };
	int id = create(CLOCK_MONOTONIC, &event);
	int64_t interval;
	set(id, 5 * MS, 0);
	CHECK(left_of(id, &interval) > 0);
	sleep_ms(10);
	CHECK_IS(left_of(id, &interval), 0);
	set(id, 1000 * MS, 300 * MS);
	CHECK(left_of(id, &interval) > 0 && interval == 300 * MS);
	drop(id);
}

static void spin(int64_t ns)
{
	int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + ns;
	while (now_ns(CLOCK_PROCESS_CPUTIME_ID) < end)
		;
}

static void check_cpu_timers(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int clocks[2] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	for (int i = 0; i < 2; i++) {
		int id = create(clocks[i], &event);
		count = 0;
		int64_t before = now_ns(clocks[i]);
		set(id, 30 * MS, 0);
		sleep_ms(50); // no CPU time
		CHECK_IS(count, 0);
		while (!count)
			;
		CHECK(now_ns(clocks[i]) - before >= 30 * MS);
		drop(id);
	}
	int which[2] = { ITIMER_VIRTUAL, ITIMER_PROF }, signals[2] = { SIGVTALRM, SIGPROF };
	for (int i = 0; i < 2; i++) {
		struct itimerval timer = { { 0, 20000 }, { 0, 20000 } }, old;
		handle(signals[i]);
		count = 0;
		CHECK_IS(setitimer(which[i], &timer, NULL), 0);
		CHECK_IS(getitimer(which[i], &old), 0);
		CHECK(old.it_interval.tv_usec == 20000 && old.it_value.tv_usec > 0);
		while (count < 3)
			;
		memset(&timer, 0, sizeof(timer));
		CHECK_IS(setitimer(which[i], &timer, &old), 0);
		CHECK_IS(old.it_interval.tv_usec, 20000);
		int seen = count;
		spin(60 * MS);
		CHECK(count <= seen + 1);
	}
	pid_t child = check_fork(); // not inherited, and deadly by default
	if (child == 0) {
		struct itimerval timer = { { 0, 0 }, { 0, 10000 } };
		CHECK(getitimer(ITIMER_PROF, &timer) == 0 && timer.it_value.tv_usec == 0);
		signal(SIGPROF, SIG_DFL);
		timer.it_value.tv_usec = 10000;
		CHECK_IS(setitimer(ITIMER_PROF, &timer, NULL), 0);
		for (;;)
			;
	}
	CHECK_IS(WTERMSIG(wait_status(child)), SIGPROF);
}

static void check_fork_and_clock(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	int id = create(CLOCK_REALTIME, &event);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_ERRNO(syscall(SYS_timer_delete, id), EINVAL);
		_exit(0);
	}
	CHECK_CHILD(child);
	if (is_guest()) { // whose clock is the test's own
		struct timespec now, later;
		clock_gettime(CLOCK_REALTIME, &now);
		struct itimerspec spec = { .it_value = { now.tv_sec + 5000, 0 } };
		CHECK_IS(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &spec, NULL), 0);
		count = 0;
		later = (struct timespec){ now.tv_sec + 10000, 0 };
		CHECK_IS(clock_settime(CLOCK_REALTIME, &later), 0);
		wait_until(1);
		CHECK_IS(clock_settime(CLOCK_REALTIME, &now), 0);
	}
	drop(id);
}

// The library's own interface, whose SIGEV_THREAD needs all of it.
static _Atomic int notified;
static void notify(union sigval value)
{
	notified += value.sival_int;
}

static void check_library(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify,
		.sigev_value.sival_int = 1 };
	timer_t id;
	struct itimerspec spec = spec_of(2 * MS, 2 * MS);
	CHECK_IS(timer_create(CLOCK_MONOTONIC, &event, &id), 0);
	CHECK_IS(timer_settime(id, 0, &spec, NULL), 0);
	while (notified < 3)
		sleep_ms(1);
	CHECK_IS(timer_delete(id), 0);
}

/** The kernel's own timers have negative numbers, which are nobody's: what asks for one keeps nothing. */
static void check_own_numbers(void)
{
	CHECK_IS(mkdir("/tmp/timers", 0700), 0);
	CHECK_IS(mount("none", "/tmp/timers", "tmpfs", 0, NULL), 0);
	int from = open("/proc/self/exe", O_RDONLY), to = open("/tmp/timers/test", O_CREAT | O_WRONLY, 0700);
	struct stat info;
	CHECK(from >= 0 && to >= 0 && fstat(from, &info) == 0);
	CHECK_IS(sendfile(to, from, NULL, (size_t)info.st_size), info.st_size);
	close(from), close(to);
	pid_t child = check_fork();
	if (child == 0) {
		execl("/tmp/timers/test", "test", "posix_timers", "own", NULL);
		_exit(9);
	}
	CHECK_CHILD(child);
	CHECK_IS(umount("/tmp/timers"), 0); // the process's program is there no more
	CHECK_IS(rmdir("/tmp/timers"), 0);
}

static int ask_for_own(void)
{
	struct rlimit limit = { 100, 200 };
	struct itimerspec set = { .it_value.tv_sec = 1 };
	CHECK_IS(setrlimit(RLIMIT_CPU, &limit), 0);
	CHECK_ERRNO(syscall(SYS_timer_settime, -1, 0, &set, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_gettime, -1, &set), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_getoverrun, -1), EINVAL);
	CHECK_ERRNO(syscall(SYS_timer_delete, -1), EINVAL);
	return 0;
}

int main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return ask_for_own();
	handle(SIGUSR1);
	check_errors();
	check_once(CLOCK_MONOTONIC);
	check_once(CLOCK_REALTIME);
	check_overrun();
	check_two();
	check_thread();
	check_silent();
	check_cpu_timers();
	check_fork_and_clock();
	check_library();
	if (geteuid() == 0)
		check_own_numbers();
	return 0;
}
