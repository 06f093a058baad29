// SPDX-License-Identifier: MIT
// One-shot timers end within 100 microseconds of their deadline in virtual time, whatever the length:
// short ones, ones of several ticks, absolute ones, time-outs of poll and interval timers.
// guest: CPUS 1 ICOUNT 1
#include <poll.h>

#include "check.h"

#define US 1000ll
#define ALLOWED (100 * US)

static int64_t worst;

static void judge(int64_t late)
{
	CHECK(late >= 0);
	if (late > worst)
		worst = late;
}

static void check_sleep(int64_t ns)
{
	struct timespec time = { ns / 1000000000, ns % 1000000000 };
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(nanosleep(&time, NULL), 0);
	judge(now_ns(CLOCK_MONOTONIC) - before - ns);
	int64_t end = now_ns(CLOCK_MONOTONIC) + ns;
	time = (struct timespec){ end / 1000000000, end % 1000000000 };
	CHECK_IS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
	judge(now_ns(CLOCK_MONOTONIC) - end);
}

static void check_poll(int ms)
{
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(poll(NULL, 0, ms), 0);
	judge(now_ns(CLOCK_MONOTONIC) - before - ms * 1000 * US);
}

static volatile int alarms;
static void count(int sig)
{
	(void)sig;
	alarms++;
}

static void check_interval(void)
{
	signal(SIGALRM, count);
	struct itimerval timer = { { 0, 3000 }, { 0, 3000 } };
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
	for (int i = 1; i <= 50; i++) { // no drift: each is a multiple of the interval after the start
		while (alarms < i)
			pause();
		judge(now_ns(CLOCK_MONOTONIC) - before - i * 3000 * US);
	}
}

int main(void)
{
	static const int64_t LENGTHS[] = { 1 * US, 50 * US, 333 * US, 1000 * US, 4000 * US, 10007 * US,
		100 * 1000 * US, 1500 * 1000 * US };
	for (int round = 0; round < 20; round++) {
		for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]) - (round > 1); i++)
			check_sleep(LENGTHS[i]);
		check_poll(round);
	}
	check_interval();
	printf("the latest was %ld ns late\n", (long)worst);
	fflush(stdout);
	if (is_halcyon())
		CHECK(worst < ALLOWED);
	return 0;
}
