// SPDX-License-Identifier: MIT
// PI futexes: errors, deadlines, exclusion, inheritance along chains, owners that die, requeue.
// guest: CPUS 4
#include <linux/futex.h>

#include "check.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define LINKS 3
#define HOG_PRIORITY 20
#define BEST_PRIORITY 50
#define MAIN_PRIORITY 90

static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout,
		  void *second, uint32_t third)
{
	return syscall(SYS_futex, word, op, value, timeout, second, third);
}

static uint32_t own_tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static uint32_t load(uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

/** Wait until somebody waits for @word. */
static void await_waiter(uint32_t *word)
{
	while (!(load(word) & FUTEX_WAITERS))
		sleep_ms(1);
	sleep_ms(5); // the bit is set a little before the thread sleeps
}

static void check_errors(void)
{
	uint32_t word = 0, self = own_tid();
	CHECK_IS(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_IS(word, self);
	CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_ERRNO(futex(&word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_IS(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_IS(word, 0);
	CHECK_ERRNO(futex(&word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	CHECK_IS(futex(&word, FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	CHECK_IS(futex(&word, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0), 0);
	word = 0x3ffffff0; // no such thread
	CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
	word = FUTEX_OWNER_DIED;
	CHECK_IS(futex(&word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_IS(word, self | FUTEX_OWNER_DIED);
	CHECK_ERRNO(futex(address((uintptr_t)&word + 2), FUTEX_LOCK_PI, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(address(8), FUTEX_LOCK_PI, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(address(8), FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PI, 2, NULL, &word + 1, word), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE_PI, 1, NULL, &word, word), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_REQUEUE_PI, word, NULL, &word, 0), EINVAL);
}

static struct timespec in_20_ms(clockid_t clock)
{
	int64_t at = now_ns(clock) + 20000000;
	return (struct timespec){ at / 1000000000, at % 1000000000 };
}

static uint32_t held; // by the main thread

static void *wait_in_vain(void *unused)
{
	static const struct { int op; clockid_t clock; } kinds[] = {
		{ FUTEX_LOCK_PI, CLOCK_REALTIME },
		{ FUTEX_LOCK_PI2, CLOCK_MONOTONIC },
		{ FUTEX_LOCK_PI2 | FUTEX_CLOCK_REALTIME, CLOCK_REALTIME },
	};
	(void)unused;
	CHECK_ERRNO(futex(&held, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), EAGAIN);
	for (int i = 0; i < 3; i++) {
		struct timespec time = in_20_ms(kinds[i].clock);
		int64_t before = now_ns(kinds[i].clock);
		CHECK_ERRNO(futex(&held, kinds[i].op, 0, &time, NULL, 0), ETIMEDOUT);
		CHECK(now_ns(kinds[i].clock) - before >= 19000000);
	}
	CHECK_ERRNO(futex(&held, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), EPERM);
	return NULL;
}

static void check_deadlines(void)
{
	CHECK_IS(futex(&held, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_IS(pthread_join(start_thread(wait_in_vain, NULL), NULL), 0);
	CHECK_IS(futex(&held, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_IS(held, 0);
}

static pthread_mutex_t mutexes[LINKS];
static long count;

static void make_mutex(pthread_mutex_t *mutex, bool is_robust)
{
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	CHECK_IS(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT), 0);
	if (is_robust) {
		CHECK_IS(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED), 0);
		CHECK_IS(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST), 0);
	}
	CHECK_IS(pthread_mutex_init(mutex, &attr), 0);
}

static void *count_up(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		CHECK_IS(pthread_mutex_lock(&mutexes[0]), 0);
		long seen = count;
		if (i % 64 == 0)
			sched_yield();
		count = seen + 1;
		CHECK_IS(pthread_mutex_unlock(&mutexes[0]), 0);
	}
	return NULL;
}

static void check_exclusion(void)
{
	pthread_t threads[4];
	make_mutex(&mutexes[0], false);
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(count_up, NULL);
	for (int i = 0; i < 4; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	CHECK_IS(count, 8000);
}

static void set_priority(int priority)
{
	struct sched_param param = { .sched_priority = priority };
	CHECK_IS(sched_setscheduler(0, priority ? SCHED_FIFO : SCHED_OTHER, &param), 0);
}

static uint32_t go, links, is_over;
static uint64_t hog_turns, turns_seen;

/** Link n holds mutex n and waits for mutex n - 1; link 0 waits to be told. */
static void *be_a_link(void *unused)
{
	(void)unused;
	set_priority(0);
	uint32_t self = load(&links);
	CHECK_IS(pthread_mutex_lock(&mutexes[self]), 0);
	__atomic_store_n(&links, self + 1, __ATOMIC_RELEASE);
	if (self == 0) {
		while (!load(&go))
			futex(&go, FUTEX_WAIT, 0, NULL, NULL, 0);
	} else {
		CHECK_IS(pthread_mutex_lock(&mutexes[self - 1]), 0);
		CHECK_IS(pthread_mutex_unlock(&mutexes[self - 1]), 0);
	}
	CHECK_IS(pthread_mutex_unlock(&mutexes[self]), 0);
	return NULL;
}

static void *want_the_last(void *unused)
{
	(void)unused;
	set_priority(BEST_PRIORITY);
	uint32_t last = load(&links) - 1;
	CHECK_IS(pthread_mutex_lock(&mutexes[last]), 0);
	turns_seen = __atomic_load_n(&hog_turns, __ATOMIC_RELAXED);
	CHECK_IS(pthread_mutex_unlock(&mutexes[last]), 0);
	__atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void *hog(void *unused)
{
	(void)unused;
	set_priority(HOG_PRIORITY);
	while (!load(&go))
		futex(&go, FUTEX_WAIT, 0, NULL, NULL, 0);
	while (!load(&is_over))
		__atomic_fetch_add(&hog_turns, 1, __ATOMIC_RELAXED);
	return NULL;
}

/** On one CPU: links of fair priority between the best thread and a hog in the middle. Without
 *  inheritance the hog would run before the best has its mutex. */
static void check_inheritance(int chain)
{
	pthread_t threads[LINKS + 2];
	go = links = is_over = 0;
	hog_turns = 0;
	turns_seen = 1;
	for (int i = 0; i < chain; i++) {
		make_mutex(&mutexes[i], false);
		threads[i] = start_thread(be_a_link, NULL);
		while (load(&links) != (uint32_t)i + 1)
			sleep_ms(1);
		if (i)
			await_waiter((uint32_t *)&mutexes[i - 1]);
	}
	threads[chain] = start_thread(want_the_last, NULL);
	await_waiter((uint32_t *)&mutexes[chain - 1]);
	threads[chain + 1] = start_thread(hog, NULL);
	sleep_ms(20); // it waits for `go`
	__atomic_store_n(&go, 1, __ATOMIC_RELEASE);
	CHECK(futex(&go, FUTEX_WAKE, 100, NULL, NULL, 0) >= 1);
	for (int i = 0; i < chain + 2; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	CHECK_IS(turns_seen, 0);
}

static void check_priorities(void)
{
	cpu_set_t one, all;
	struct sched_param param = { .sched_priority = MAIN_PRIORITY };
	if (sched_setscheduler(0, SCHED_FIFO, &param)) {
		CHECK(!is_guest() && errno == EPERM);
		return;
	}
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_IS(sched_getaffinity(0, sizeof(all), &all), 0);
	CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
	for (int chain = 1; chain <= LINKS; chain++)
		check_inheritance(chain);
	CHECK_IS(sched_setaffinity(0, sizeof(all), &all), 0);
	set_priority(0);
}

static uint32_t dying;

static void *take_and_end(void *unused)
{
	(void)unused;
	CHECK_IS(futex(&dying, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	while (!(load(&dying) & FUTEX_WAITERS))
		sched_yield();
	// Now somebody is about to wait for this thread, which ends.
	return NULL;
}

static void check_owner_ends(void)
{
	for (int i = 0; i < 200; i++) {
		dying = 0;
		pthread_t owner = start_thread(take_and_end, NULL);
		while (!load(&dying))
			sched_yield();
		CHECK_IS(futex(&dying, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
		CHECK_IS(dying & ~FUTEX_WAITERS, own_tid() | FUTEX_OWNER_DIED);
		CHECK_IS(futex(&dying, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
		CHECK_IS(pthread_join(owner, NULL), 0);
	}
}

/** A process that holds a robust one is killed; two wait. */
static void check_owner_is_killed(void)
{
	struct { pthread_mutex_t mutex; uint32_t is_held; } *shared = shared_memory(sizeof(*shared));
	make_mutex(&shared->mutex, true);
	pid_t owner = check_fork();
	if (!owner) {
		CHECK_IS(pthread_mutex_lock(&shared->mutex), 0);
		__atomic_store_n(&shared->is_held, 1, __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	while (!load(&shared->is_held))
		sched_yield();
	pid_t other = check_fork();
	if (!other) {
		int err = pthread_mutex_lock(&shared->mutex);
		CHECK(err == 0 || err == EOWNERDEAD);
		if (err)
			CHECK_IS(pthread_mutex_consistent(&shared->mutex), 0);
		CHECK_IS(pthread_mutex_unlock(&shared->mutex), 0);
		exit(err ? 7 : 0);
	}
	await_waiter((uint32_t *)&shared->mutex);
	CHECK_IS(kill(owner, SIGKILL), 0);
	int err = pthread_mutex_lock(&shared->mutex);
	CHECK(err == 0 || err == EOWNERDEAD);
	if (err)
		CHECK_IS(pthread_mutex_consistent(&shared->mutex), 0);
	CHECK_IS(pthread_mutex_unlock(&shared->mutex), 0);
	CHECK_IS(wait_status(owner), SIGKILL);
	CHECK_IS(wait_status(other), err ? 0 : 7 << 8); // one of the two was told
}

static uint32_t condition, target, requeued_to;

static void *wait_requeued(void *unused)
{
	(void)unused;
	CHECK_IS(futex(&condition, FUTEX_WAIT_REQUEUE_PI, 1, NULL, &target, 0), 0);
	CHECK_IS(load(&target) & FUTEX_TID_MASK, own_tid());
	__atomic_fetch_add(&requeued_to, 1, __ATOMIC_ACQ_REL);
	CHECK_IS(futex(&target, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	return NULL;
}

static void check_requeue(void)
{
	pthread_t threads[2];
	struct timespec time = in_20_ms(CLOCK_MONOTONIC);
	condition = 1;
	CHECK_ERRNO(futex(&condition, FUTEX_WAIT_REQUEUE_PI, 1, &time, &target, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(&condition, FUTEX_WAIT_REQUEUE_PI, 2, NULL, &target, 0), EAGAIN);
	CHECK_IS(futex(&target, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	for (int i = 0; i < 2; i++)
		threads[i] = start_thread(wait_requeued, NULL);
	sleep_ms(20);
	CHECK_ERRNO(futex(&condition, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, NULL, &target, 2), EAGAIN);
	CHECK_ERRNO(futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, NULL, &held, 1), EINVAL);
	for (long sent = 0; sent < 2;) {
		long got = futex(&condition, FUTEX_CMP_REQUEUE_PI, 1, (void *)(2 - sent - 1), &target, 1);
		CHECK(got >= 0);
		sent += got;
	}
	sleep_ms(20);
	CHECK_IS(load(&requeued_to), 0); // the target is ours
	CHECK_IS(futex(&target, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	for (int i = 0; i < 2; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	CHECK_IS(requeued_to, 2);
}

static void note_signal(int signo)
{
	(void)signo;
	__atomic_store_n(&go, 2, __ATOMIC_RELEASE);
}

static void *wait_disturbed(void *unused)
{
	(void)unused;
	CHECK_IS(futex(&held, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0); // goes on after the handler
	CHECK_IS(futex(&held, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	return NULL;
}

static void check_signal(void)
{
	struct sigaction action = { .sa_handler = note_signal };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_IS(futex(&held, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_t thread = start_thread(wait_disturbed, NULL);
	await_waiter(&held);
	CHECK_IS(pthread_kill(thread, SIGUSR1), 0);
	while (load(&go) != 2)
		sched_yield();
	CHECK_IS(futex(&held, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_IS(pthread_join(thread, NULL), 0);
}

int main(void)
{
	check_errors();
	check_deadlines();
	check_exclusion();
	check_priorities();
	check_owner_ends();
	check_owner_is_killed();
	check_requeue();
	check_signal();
	return 0;
}
