// SPDX-License-Identifier: MIT
// Time: the monotonic clock never goes back, on any CPU; sleeps last as long as asked for; interval
// timers, alarms and absolute sleeps; CPU clocks count work; odd arguments are refused.
// guest: CPUS 4
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/timex.h>

#include "check.h"

#define MS 1000000ll
static int64_t latest;

static void *read_clock(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		int64_t before = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
		int64_t now = now_ns(CLOCK_MONOTONIC);
		CHECK(now >= before); // as seen by another CPU
		while (before < now && !__atomic_compare_exchange_n(&latest, &before, now, false,
			__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			;
	}
	return arg;
}

static void check_monotonic(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(read_clock, NULL);
	for (int i = 0; i < 4; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	struct timespec resolution;
	CHECK_IS(clock_getres(CLOCK_MONOTONIC, &resolution), 0);
	CHECK(resolution.tv_sec == 0 && resolution.tv_nsec > 0);
	CHECK_ERRNO(clock_gettime(1234, &resolution), EINVAL);
	CHECK(now_ns(CLOCK_BOOTTIME) > 0 && now_ns(CLOCK_MONOTONIC_RAW) > 0);
	CHECK(now_ns(CLOCK_REALTIME) > 1700000000ll * 1000 * MS);
	CHECK(time(NULL) > 1700000000);
	CHECK(now_ns(CLOCK_MONOTONIC_COARSE) <= now_ns(CLOCK_MONOTONIC));
}

/** Reading how the clock is adjusted; that it is not is said as Linux says it. */
static void check_adjustment(void)
{
	struct timex timex = {0};
	struct timeval delta;
	CHECK_IS(adjtimex(&timex), TIME_ERROR);
	CHECK((timex.status & STA_UNSYNC) && timex.tick == 10000 && timex.freq == 0);
	int64_t now = now_ns(CLOCK_REALTIME) / 1000, then = timex.time.tv_sec * 1000000ll + timex.time.tv_usec;
	CHECK(then > 0 && then <= now);
	CHECK_IS(clock_adjtime(CLOCK_REALTIME, &timex), TIME_ERROR);
	CHECK(clock_adjtime(CLOCK_MONOTONIC, &timex) == -1 && (errno == EINVAL || errno == EOPNOTSUPP));
	CHECK_IS(adjtime(NULL, &delta), 0);
	CHECK(delta.tv_sec == 0 && delta.tv_usec == 0);
	CHECK_ERRNO(syscall(SYS_adjtimex, 8), EFAULT);
	if (is_guest()) {
		timex.modes = ADJ_TICK;
		timex.tick = 1;
		CHECK_ERRNO(adjtimex(&timex), EINVAL);
	}
}

static void check_sleep(void)
{
	for (int ms = 1; ms <= 32; ms *= 2) {
		int64_t before = now_ns(CLOCK_MONOTONIC);
		struct timespec time = { 0, ms * MS };
		CHECK_IS(nanosleep(&time, NULL), 0);
		CHECK(now_ns(CLOCK_MONOTONIC) - before >= ms * MS);
		before = now_ns(CLOCK_MONOTONIC);
		int64_t end = before + ms * MS;
		time = (struct timespec){ end / (1000 * MS), end % (1000 * MS) };
		CHECK_IS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
		CHECK(now_ns(CLOCK_MONOTONIC) >= end);
	}
	struct timespec bad = { 0, 1000 * MS }, past = { 0, 5 };
	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	bad = (struct timespec){ -1, 0 };
	CHECK_ERRNO(nanosleep(&bad, NULL), EINVAL);
	CHECK_IS(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &past, NULL), 0);
	past = (struct timespec){ 0, 0 };
	CHECK_IS(nanosleep(&past, NULL), 0);
}

static volatile int alarms;
static void count(int sig)
{
	(void)sig;
	alarms++;
}

static void check_timers(void)
{
	struct sigaction action = { .sa_handler = count };
	CHECK_IS(sigaction(SIGALRM, &action, NULL), 0);
	struct itimerval timer = { { 0, 5000 }, { 0, 10000 } }, left;
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
	CHECK_IS(getitimer(ITIMER_REAL, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_usec <= 10000 + 4000);
	CHECK_IS(left.it_interval.tv_usec, 5000);
	while (alarms < 4)
		pause();
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= (10 + 3 * 5) * MS);
	memset(&timer, 0, sizeof(timer));
	CHECK_IS(setitimer(ITIMER_REAL, &timer, &left), 0);
	CHECK_IS(left.it_interval.tv_usec, 5000);
	int seen = alarms;
	sleep_ms(15);
	CHECK_IS(alarms, seen);
	CHECK_IS(alarm(100), 0);
	unsigned rest = alarm(0);
	CHECK(rest >= 99 && rest <= 100);
	timer.it_value.tv_usec = 1000000;
	CHECK_ERRNO(setitimer(ITIMER_REAL, &timer, NULL), EINVAL);
	CHECK_ERRNO(setitimer(99, &left, NULL), EINVAL);
	pid_t child = check_fork(); // timers are not inherited, and the default action kills
	if (child == 0) {
		signal(SIGALRM, SIG_DFL);
		timer.it_value.tv_usec = 2000;
		CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
		for (;;)
			pause();
	}
	CHECK_IS(WTERMSIG(wait_status(child)), SIGALRM);
}

/** An alarm that is stopped as it goes off was sent before setitimer() returned, or is not sent at all. */
static void check_stopped(void)
{
	signal(SIGALRM, count);
	for (int round = 0; round < 500; round++) {
		struct itimerval timer = { { 0, 0 }, { 0, 100 } };
		int64_t before = now_ns(CLOCK_MONOTONIC);
		CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
		while (now_ns(CLOCK_MONOTONIC) - before < 90000 + round * 100)
			;
		memset(&timer, 0, sizeof(timer));
		CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
		int seen = alarms;
		before = now_ns(CLOCK_MONOTONIC);
		while (now_ns(CLOCK_MONOTONIC) - before < 100000)
			;
		CHECK_IS(alarms, seen);
	}
}

static void work(int64_t ns, clockid_t clock)
{
	int64_t end = now_ns(clock) + ns;
	while (now_ns(clock) < end)
		;
}

static void *work_in_thread(void *arg)
{
	int64_t own = now_ns(CLOCK_THREAD_CPUTIME_ID);
	CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) - own >= 40 * MS); // what check_cpu_time() worked is not its own
	work(20 * MS, CLOCK_THREAD_CPUTIME_ID);
	return arg;
}

static void check_cpu_time(void)
{
	struct rusage before, after;
	struct tms times_before, times_after;
	CHECK_IS(getrusage(RUSAGE_SELF, &before), 0);
	CHECK(times(&times_before) != -1);
	int64_t cpu = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	work(40 * MS, CLOCK_PROCESS_CPUTIME_ID);
	CHECK_IS(pthread_join(start_thread(work_in_thread, NULL), NULL), 0);
	CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu >= 60 * MS);
	CHECK_IS(getrusage(RUSAGE_SELF, &after), 0);
	int64_t used = (after.ru_utime.tv_sec - before.ru_utime.tv_sec +
			after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000 * MS +
		       (after.ru_utime.tv_usec - before.ru_utime.tv_usec +
			after.ru_stime.tv_usec - before.ru_stime.tv_usec) * 1000;
	CHECK(used >= 55 * MS);
	CHECK(times(&times_after) != -1);
	CHECK(times_after.tms_utime + times_after.tms_stime >= times_before.tms_utime + times_before.tms_stime + 5);
	int64_t idle = now_ns(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(30);
	CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) - idle < 20 * MS);
}

int main(void)
{
	check_monotonic();
	check_adjustment();
	check_sleep();
	check_timers();
	check_stopped();
	check_cpu_time();
	return 0;
}
