// SPDX-License-Identifier: MIT
// How late a real-time thread wakes that sleeps until a time, while another thread keeps its CPU busy:
// prints a histogram. `/test sched_S13_wakeup_latency`
// guest: CPUS 4
#include "check.h"

#define WAKES 300
#define INTERVAL_NS 1000000
#define BUCKETS 24 // powers of two of a microsecond

static uint64_t histogram[BUCKETS];

static void busy(cpu_set_t *where)
{
	CHECK_IS(sched_setaffinity(0, sizeof(*where), where), 0);
	for (volatile uint64_t turns = 0;; turns++)
		;
}

static void count(int64_t late_ns)
{
	unsigned bucket = 0;
	for (int64_t limit = 1000; late_ns >= limit && bucket < BUCKETS - 1; limit *= 2)
		bucket++;
	histogram[bucket]++;
}

static void print(int64_t least, int64_t most, int64_t sum)
{
	printf("wake-ups %d, late by: least %lld us, mean %lld us, most %lld us\n", WAKES,
	       (long long)least / 1000, (long long)sum / WAKES / 1000, (long long)most / 1000);
	for (unsigned i = 0; i < BUCKETS; i++) {
		if (histogram[i])
			printf("below %8llu us: %llu\n", 1ull << i, (unsigned long long)histogram[i]);
	}
}

int main(void)
{
	cpu_set_t one;
	struct sched_param param = { .sched_priority = 80 };
	CPU_ZERO(&one);
	CPU_SET(1, &one);
	pid_t child = check_fork();
	if (!child)
		busy(&one);
	CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_IS(sched_setscheduler(0, SCHED_FIFO, &param), 0);
	int64_t least = INT64_MAX, most = 0, sum = 0;
	int64_t next = now_ns(CLOCK_MONOTONIC);
	for (int i = 0; i < WAKES; i++) {
		next = next + INTERVAL_NS > now_ns(CLOCK_MONOTONIC) ? next + INTERVAL_NS :
								     now_ns(CLOCK_MONOTONIC) + INTERVAL_NS;
		struct timespec time = { next / 1000000000, next % 1000000000 };
		CHECK_IS(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL), 0);
		int64_t late = now_ns(CLOCK_MONOTONIC) - next;
		CHECK(late >= 0);
		count(late);
		least = late < least ? late : least;
		most = late > most ? late : most;
		sum += late;
	}
	print(least, most, sum);
	// The busy one is preempted by the wake-up, not at the end of its slice (4 ms).
	CHECK(least < 2000000);
	CHECK_IS(kill(child, SIGKILL), 0);
	CHECK_IS(wait_status(child), SIGKILL);
	return 0;
}
