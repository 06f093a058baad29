// SPDX-License-Identifier: MIT
// Threads as programs use them: argument and thread-local storage arrive, join waits, mutex, condition,
// barrier, read-write lock, keys, once and cancellation work under contention.
// guest: CPUS 4
#include <semaphore.h>

#include "check.h"

#define THREADS 8

static __thread long tls = 11;
static __thread char tls_zero[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static long counter, turn;

static void *echo(void *arg)
{
	CHECK_IS(tls, 11);
	for (size_t i = 0; i < sizeof(tls_zero); i++)
		CHECK_IS(tls_zero[i], 0);
	memset(tls_zero, 1, sizeof(tls_zero));
	tls = (long)arg;
	sched_yield();
	CHECK_IS(tls, arg);
	CHECK(syscall(SYS_gettid) != getpid());
	return (char *)arg + 1;
}

static void check_create(void)
{
	for (int round = 0; round < 50; round++) {
		pthread_t threads[THREADS];
		for (long i = 0; i < THREADS; i++)
			threads[i] = start_thread(echo, (void *)(i * 1000 + round));
		for (long i = 0; i < THREADS; i++) {
			void *result;
			CHECK_IS(pthread_join(threads[i], &result), 0);
			CHECK_IS(result, i * 1000 + round + 1);
		}
	}
	CHECK_IS(tls, 11);
}

static void *count(void *arg)
{
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&lock);
		counter++;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void *take_turns(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&lock);
		while (turn % THREADS != (long)arg)
			pthread_cond_wait(&changed, &lock);
		turn++;
		pthread_cond_broadcast(&changed);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static long arrived[THREADS];
static void *meet(void *arg)
{
	long self = (long)arg;
	for (long i = 1; i <= 200; i++) {
		arrived[self] = i;
		pthread_barrier_wait(&barrier);
		for (int other = 0; other < THREADS; other++)
			CHECK(arrived[other] == i);
		pthread_barrier_wait(&barrier);
	}
	return arg;
}

static long pair[2];
static void *read_or_write(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		if ((i + (long)arg) % 8 == 0) {
			pthread_rwlock_wrlock(&rwlock);
			pair[0]++;
			pair[1]++;
		} else {
			pthread_rwlock_rdlock(&rwlock);
			CHECK_IS(pair[0], pair[1]);
		}
		pthread_rwlock_unlock(&rwlock);
	}
	return arg;
}

static void run_all(void *(*run)(void *))
{
	pthread_t threads[THREADS];
	for (long i = 0; i < THREADS; i++)
		threads[i] = start_thread(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
}

static pthread_key_t key;
static long destroyed;
static void destroy(void *value)
{
	__atomic_add_fetch(&destroyed, (long)value, __ATOMIC_RELAXED);
}

static void *use_key(void *arg)
{
	CHECK(pthread_getspecific(key) == NULL);
	CHECK_IS(pthread_setspecific(key, (char *)arg + 1), 0);
	return arg;
}

static void *wait_for_ever(void *arg)
{
	sem_post(arg);
	for (;;)
		pause();
	return NULL;
}

static void check_cancel(void)
{
	sem_t running;
	sem_init(&running, 0, 0);
	for (int i = 0; i < 20; i++) {
		pthread_t thread = start_thread(wait_for_ever, &running);
		sem_wait(&running);
		CHECK_IS(pthread_cancel(thread), 0);
		void *result;
		CHECK_IS(pthread_join(thread, &result), 0);
		CHECK(result == PTHREAD_CANCELED);
	}
}

static void check_timed(void)
{
	struct timespec end;
	clock_gettime(CLOCK_REALTIME, &end);
	int64_t before = now_ns(CLOCK_REALTIME);
	end.tv_nsec += 20000000;
	if (end.tv_nsec >= 1000000000)
		end.tv_sec++, end.tv_nsec -= 1000000000;
	pthread_mutex_lock(&lock);
	CHECK_IS(pthread_cond_timedwait(&changed, &lock, &end), ETIMEDOUT);
	CHECK(now_ns(CLOCK_REALTIME) - before >= 20000000 - 1000000);
	pthread_mutex_unlock(&lock);
}

int main(void)
{
	check_create();
	run_all(count);
	CHECK_IS(counter, THREADS * 5000);
	run_all(take_turns);
	CHECK_IS(turn, THREADS * 200);
	CHECK_IS(pthread_barrier_init(&barrier, NULL, THREADS), 0);
	run_all(meet);
	run_all(read_or_write);
	CHECK_IS(pthread_key_create(&key, destroy), 0);
	run_all(use_key);
	CHECK_IS(destroyed, THREADS * (THREADS + 1) / 2);
	check_cancel();
	check_timed();
	return 0;
}
