// SPDX-License-Identifier: MIT
// futex: wait compares, wake counts, bitsets, requeue, deadlines of both clocks, shared memory keyed by
// its page, private memory by its space; no wake-up is lost between two that hand a word to and fro.
// guest: CPUS 4
#include <linux/futex.h>

#include "check.h"

static long futex(uint32_t *word, int op, uint32_t value, const struct timespec *timeout,
		  void *second, uint32_t third)
{
	return syscall(SYS_futex, word, op, value, timeout, second, third);
}

static void check_errors(void)
{
	uint32_t word = 5;
	struct timespec zero = { 0, 0 }, bad = { 0, 1000000000 };
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &zero, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(address(8), FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(address(-4096ul), FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(address((uintptr_t)&word + 1), FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, address(8), NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 5, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, 99, 5, NULL, NULL, 0), ENOSYS);
	CHECK_IS(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_ERRNO(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)1, &word + 1, 4), EAGAIN);
}

static void check_deadlines(void)
{
	uint32_t word = 1;
	struct timespec time = { 0, 20000000 };
	int64_t before = now_ns(CLOCK_MONOTONIC);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 1, &time, NULL, 0), ETIMEDOUT); // relative
	int64_t spent = now_ns(CLOCK_MONOTONIC) - before;
	CHECK(spent >= 20000000);
	static const int CLOCKS[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };
	for (int i = 0; i < 2; i++) {
		before = now_ns(CLOCKS[i]);
		time.tv_sec = (before + 20000000) / 1000000000;
		time.tv_nsec = (before + 20000000) % 1000000000;
		int op = FUTEX_WAIT_BITSET_PRIVATE | (i ? FUTEX_CLOCK_REALTIME : 0);
		CHECK_ERRNO(futex(&word, op, 1, &time, NULL, ~0u), ETIMEDOUT); // absolute
		CHECK(now_ns(CLOCKS[i]) - before >= 20000000);
	}
	time.tv_sec = 0; // long past
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 1, &time, NULL, 1), ETIMEDOUT);
}

#define WAITERS 6
static uint32_t word, target, woken[WAITERS];
static int waiting;

static void *wait_with_bit(void *arg)
{
	long self = (long)arg;
	__atomic_add_fetch(&waiting, 1, __ATOMIC_ACQ_REL);
	long got = futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1u << self);
	CHECK_IS(got, 0);
	__atomic_store_n(&woken[self], 1, __ATOMIC_RELEASE);
	return NULL;
}

/** Wake with @op until @count were woken in all: a waiter may not be there yet. */
static void wake_count(uint32_t *where, int count, uint32_t bits)
{
	for (int done = 0; done < count;) {
		long got = futex(where, FUTEX_WAKE_BITSET_PRIVATE, (uint32_t)(count - done), NULL, NULL, bits);
		CHECK(got >= 0 && got <= count - done);
		done += (int)got;
		if (!got)
			sched_yield();
	}
}

static void check_bitset(void)
{
	pthread_t threads[WAITERS];
	waiting = 0;
	for (long i = 0; i < WAITERS; i++)
		threads[i] = start_thread(wait_with_bit, (void *)i);
	while (__atomic_load_n(&waiting, __ATOMIC_ACQUIRE) < WAITERS)
		sched_yield();
	wake_count(&word, 1, 1u << 3);
	CHECK_IS(pthread_join(threads[3], NULL), 0);
	for (int i = 0; i < WAITERS; i++)
		CHECK_IS(__atomic_load_n(&woken[i], __ATOMIC_ACQUIRE), i == 3);
	CHECK_IS(futex(&word, FUTEX_WAKE_BITSET_PRIVATE, 99, NULL, NULL, 1u << 20), 0);
	wake_count(&word, 2, 1u << 1 | 1u << 4);
	CHECK_IS(pthread_join(threads[1], NULL), 0);
	CHECK_IS(pthread_join(threads[4], NULL), 0);
	wake_count(&word, WAITERS - 3, ~0u);
	for (int i = 0; i < WAITERS; i++) {
		if (i != 1 && i != 3 && i != 4)
			CHECK_IS(pthread_join(threads[i], NULL), 0);
	}
}

static void check_requeue(void)
{
	pthread_t threads[WAITERS];
	for (long i = 0; i < WAITERS; i++)
		threads[i] = start_thread(wait_with_bit, (void *)i);
	for (int moved = 0; moved < WAITERS;) { // wake none, move all
		long got = futex(&word, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)99, &target, 0);
		CHECK(got >= 0);
		moved += (int)got;
	}
	CHECK_IS(futex(&word, FUTEX_WAKE_PRIVATE, 99, NULL, NULL, 0), 0);
	wake_count(&target, WAITERS, ~0u);
	for (int i = 0; i < WAITERS; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
}

static void check_shared(void)
{
	uint32_t *shared = shared_memory(4096);
	int fd = scratch_file();
	CHECK_IS(ftruncate(fd, 4096), 0);
	for (int kind = 0; kind < 2; kind++) {
		uint32_t *mine = shared;
		if (kind) {
			mine = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
			CHECK(mine != MAP_FAILED);
		}
		pid_t child = check_fork();
		if (child == 0) {
			uint32_t *other = mine;
			if (kind) { // the same page of the file at another address
				other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
				CHECK(other != MAP_FAILED && other != mine);
			}
			CHECK_IS(futex(other, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
			_exit(0);
		}
		long got;
		while ((got = futex(mine, FUTEX_WAKE, 1, NULL, NULL, 0)) == 0)
			sched_yield();
		CHECK_IS(got, 1);
		CHECK_CHILD(child);
	}
	close(fd);
}

static uint32_t ball;
static void *play(void *arg)
{
	uint32_t self = (uint32_t)(long)arg;
	long games = rounds(10000, 500000);
	for (long i = 0; i < games; i++) {
		while (__atomic_load_n(&ball, __ATOMIC_ACQUIRE) != self)
			futex(&ball, FUTEX_WAIT_PRIVATE, !self, NULL, NULL, 0);
		__atomic_store_n(&ball, !self, __ATOMIC_RELEASE);
		futex(&ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
	}
	return NULL;
}

int main(void)
{
	check_errors();
	check_deadlines();
	check_bitset();
	check_requeue();
	check_shared();
	pthread_t other = start_thread(play, (void *)1);
	play((void *)0);
	CHECK_IS(pthread_join(other, NULL), 0);
	return 0;
}
