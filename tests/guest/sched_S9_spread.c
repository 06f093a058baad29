// SPDX-License-Identifier: MIT
// 64 threads that compute, started on CPU 0, spread over all CPUs, one more or less on each.
// guest: CPUS 4 APPEND slice=1ms
#include "check.h"

#define THREADS 64
#define PATIENCE_NS 60000000000ll // a bound for a busy host, not a promise

static uint32_t cpu_of[THREADS]; // plus one
static uint32_t stop;
static cpu_set_t all;

static void *compute(void *arg)
{
	CHECK_IS(sched_setaffinity(0, sizeof(all), &all), 0);
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		__atomic_store_n(&cpu_of[(long)arg], (uint32_t)sched_getcpu() + 1, __ATOMIC_RELEASE);
	return NULL;
}

/** How many more threads the fullest CPU has than the emptiest. */
static int spread(int count)
{
	int threads[CPU_SETSIZE] = { 0 }, most = 0, least = THREADS;
	for (int i = 0; i < THREADS; i++) {
		uint32_t cpu = __atomic_load_n(&cpu_of[i], __ATOMIC_ACQUIRE);
		if (!cpu)
			return THREADS;
		threads[cpu - 1]++;
	}
	for (int cpu = 0; cpu < count; cpu++) {
		most = threads[cpu] > most ? threads[cpu] : most;
		least = threads[cpu] < least ? threads[cpu] : least;
	}
	return most - least;
}

int main(void)
{
	pthread_t threads[THREADS];
	cpu_set_t zero;
	struct sched_param param = { .sched_priority = 1 };
	CPU_ZERO(&zero);
	CPU_SET(0, &zero);
	CHECK_IS(sched_getaffinity(0, sizeof(all), &all), 0);
	int count = CPU_COUNT(&all);
	CHECK_IS(sched_setaffinity(0, sizeof(zero), &zero), 0);
	for (long i = 0; i < THREADS; i++)
		threads[i] = start_thread(compute, (void *)i);
	CHECK_IS(sched_setscheduler(0, SCHED_FIFO, &param), 0); // to look while they compute
	int64_t start = now_ns(CLOCK_MONOTONIC), took;
	do {
		sleep_ms(5);
		took = now_ns(CLOCK_MONOTONIC) - start;
		CHECK(took < PATIENCE_NS);
	} while (spread(count) > 2); // one more or less than the mean
	printf("64 threads on %d CPUs: even after %lld ms\n", count, (long long)took / 1000000);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < THREADS; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	return 0;
}
