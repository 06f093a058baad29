// SPDX-License-Identifier: MIT
// W7: mutex, reader-writer lock, condition, semaphore, completion under contention.
#include <sched/mutex.h>
#include <sched/rwlock.h>
#include <uapi/errno.h>

#include "threads.h"

#define THREADS 8
#define ROUNDS 500

struct counter {
	struct sched_mutex mutex;
	uint64_t value; // mutex
	_Atomic uint32_t inside; // how many believe to hold the mutex
	_Atomic uint32_t violations;
};

static void enter(struct counter *counter)
{
	if (fetch_add_relaxed(&counter->inside, 1) != 0)
		fetch_add_relaxed(&counter->violations, 1);
}

static void leave(struct counter *counter)
{
	fetch_add_relaxed(&counter->inside, -1u);
}

static void count_up(void *arg)
{
	struct counter *counter = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		sched_mutex_lock(&counter->mutex);
		enter(counter);
		counter->value++;
		if (i % 16 == 0)
			sched_yield();
		leave(counter);
		sched_mutex_unlock(&counter->mutex);
		if (i % 7 == 0)
			sched_preempt_point();
	}
}

TEST(sched, W7_mutex_excludes)
{
	struct counter counter = {0};
	struct group group;
	sched_mutex_init(&counter.mutex);
	group_init(&group, count_up, &counter);
	group_start(&group, THREADS, "counter");
	group_join(&group);
	EXPECT_EQ(counter.value, THREADS * ROUNDS);
	EXPECT_EQ(load_relaxed(&counter.violations), 0);
	EXPECT_EQ(load_relaxed(&counter.mutex.owner), 0);
	EXPECT_EQ(load_relaxed(&current_thread()->sched.lock_depth), 0);
}

static void try_interruptibly(void *arg)
{
	struct counter *counter = arg;
	if (sched_mutex_lock_interruptible(&counter->mutex) == -EINTR)
		fetch_add_relaxed(&counter->violations, 1);
	else
		sched_mutex_unlock(&counter->mutex);
}

TEST(sched, W7_mutex_wait_is_interrupted)
{
	struct counter counter = {0};
	struct group group;
	sched_mutex_init(&counter.mutex);
	sched_mutex_lock(&counter.mutex);
	EXPECT(sched_mutex_is_held(&counter.mutex));
	group_init(&group, try_interruptibly, &counter);
	group_start(&group, 1, "waiter");
	wait_until_blocked(group.threads[0]);
	store_release(&group.threads[0]->pending, 1);
	sched_interrupt(group.threads[0]);
	group_join(&group);
	EXPECT_EQ(load_relaxed(&counter.violations), 1);
	sched_mutex_unlock(&counter.mutex);
	EXPECT(sched_mutex_trylock(&counter.mutex));
	sched_mutex_unlock(&counter.mutex);
	EXPECT_EQ(load_relaxed(&counter.mutex.owner), 0);
}

struct shared {
	struct sched_rwlock lock;
	_Atomic uint32_t readers, writers, violations;
	_Atomic uint32_t most_readers;
	_Atomic uint32_t stop;
	uint64_t value; // lock
};

static void read_some(struct shared *shared)
{
	sched_read_lock(&shared->lock);
	uint32_t readers = fetch_add_relaxed(&shared->readers, 1) + 1;
	if (readers > load_relaxed(&shared->most_readers))
		store_relaxed(&shared->most_readers, readers);
	if (load_relaxed(&shared->writers))
		fetch_add_relaxed(&shared->violations, 1);
	sched_yield();
	fetch_add_relaxed(&shared->readers, -1u);
	sched_read_unlock(&shared->lock);
}

static void write_some(struct shared *shared)
{
	sched_write_lock(&shared->lock);
	if (fetch_add_relaxed(&shared->writers, 1) || load_relaxed(&shared->readers))
		fetch_add_relaxed(&shared->violations, 1);
	shared->value++;
	sched_yield();
	fetch_add_relaxed(&shared->writers, -1u);
	sched_write_unlock(&shared->lock);
}

static void read_and_write(void *arg)
{
	struct shared *shared = arg;
	for (unsigned i = 0; i < ROUNDS / 5; i++) {
		if (i % 5 == 0)
			write_some(shared);
		else
			read_some(shared);
	}
}

TEST(sched, W7_rwlock_excludes)
{
	struct shared shared = {0};
	struct group group;
	sched_rwlock_init(&shared.lock);
	group_init(&group, read_and_write, &shared);
	group_start(&group, THREADS, "rw");
	group_join(&group);
	EXPECT_EQ(load_relaxed(&shared.violations), 0);
	EXPECT_EQ(shared.value, THREADS * ROUNDS / 25);
	EXPECT_EQ(load_relaxed(&shared.lock.state), 0);
}

static void keep_reading(void *arg)
{
	struct shared *shared = arg;
	while (!load_acquire(&shared->stop))
		read_some(shared);
}

TEST(sched, W7_writer_is_not_starved)
{
	struct shared shared = {0};
	struct group group;
	sched_rwlock_init(&shared.lock);
	group_init(&group, keep_reading, &shared);
	group_start(&group, THREADS, "reader");
	for (unsigned i = 0; i < 50; i++)
		write_some(&shared);
	store_release(&shared.stop, 1);
	group_join(&group);
	EXPECT_EQ(shared.value, 50);
	EXPECT_EQ(load_relaxed(&shared.violations), 0);
	EXPECT_EQ(load_relaxed(&shared.lock.state), 0);
}

TEST(sched, W7_rwlock_downgrade_lets_readers_in)
{
	struct shared shared = {0};
	sched_rwlock_init(&shared.lock);
	EXPECT(sched_write_trylock(&shared.lock));
	EXPECT(!sched_read_trylock(&shared.lock));
	EXPECT(!sched_write_trylock(&shared.lock));
	sched_write_downgrade(&shared.lock);
	EXPECT(sched_read_trylock(&shared.lock));
	EXPECT(!sched_write_trylock(&shared.lock));
	sched_read_unlock(&shared.lock);
	sched_read_unlock(&shared.lock);
	EXPECT_EQ(load_relaxed(&shared.lock.state), 0);
}

struct buffer {
	struct sched_mutex mutex;
	struct sched_cond not_empty, not_full;
	uint32_t items, produced, consumed; // mutex
};

#define CAPACITY 3

static void produce_and_consume(void *arg)
{
	struct buffer *buffer = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		sched_mutex_lock(&buffer->mutex);
		if (buffer->produced <= buffer->consumed) {
			while (buffer->items == CAPACITY)
				sched_cond_wait(&buffer->not_full, &buffer->mutex, NSEC_NEVER, 0);
			buffer->items++;
			buffer->produced++;
			sched_cond_signal(&buffer->not_empty);
		} else {
			while (buffer->items == 0)
				sched_cond_wait(&buffer->not_empty, &buffer->mutex, NSEC_NEVER, 0);
			buffer->items--;
			buffer->consumed++;
			sched_cond_signal(&buffer->not_full);
		}
		sched_mutex_unlock(&buffer->mutex);
	}
}

TEST(sched, W7_condition_passes_items)
{
	struct buffer buffer = {0};
	struct group group;
	sched_mutex_init(&buffer.mutex);
	sched_cond_init(&buffer.not_empty);
	sched_cond_init(&buffer.not_full);
	group_init(&group, produce_and_consume, &buffer);
	group_start(&group, 4, "worker");
	group_join(&group);
	EXPECT_EQ(buffer.items, buffer.produced - buffer.consumed);
	EXPECT_EQ(buffer.produced + buffer.consumed, 4 * ROUNDS);
}

TEST(sched, W7_condition_times_out_with_the_mutex_held)
{
	struct sched_mutex mutex;
	struct sched_cond cond;
	sched_mutex_init(&mutex);
	sched_cond_init(&cond);
	sched_mutex_lock(&mutex);
	EXPECT_EQ(sched_cond_wait(&cond, &mutex, time_now() + NSEC_PER_MSEC, 0), -ETIMEDOUT);
	EXPECT(sched_mutex_is_held(&mutex));
	sched_mutex_unlock(&mutex);
}

struct pool {
	struct sched_semaphore sem;
	_Atomic uint32_t inside, violations;
};

static void use_pool(void *arg)
{
	struct pool *pool = arg;
	for (unsigned i = 0; i < ROUNDS / 5; i++) {
		if (sched_semaphore_down(&pool->sem, NSEC_NEVER, 0))
			fetch_add_relaxed(&pool->violations, 1);
		if (fetch_add_relaxed(&pool->inside, 1) >= 3)
			fetch_add_relaxed(&pool->violations, 1);
		sched_yield();
		fetch_add_relaxed(&pool->inside, -1u);
		sched_semaphore_up(&pool->sem);
	}
}

TEST(sched, W7_semaphore_counts)
{
	struct pool pool = {0};
	struct group group;
	sched_semaphore_init(&pool.sem, 3);
	group_init(&group, use_pool, &pool);
	group_start(&group, THREADS, "user");
	group_join(&group);
	EXPECT_EQ(load_relaxed(&pool.violations), 0);
	EXPECT_EQ(pool.sem.count, 3);
	EXPECT_EQ(sched_semaphore_down(&pool.sem, 0, 0), 0); // a free one needs no time
	EXPECT_EQ(sched_semaphore_down(&pool.sem, 0, 0), 0);
	EXPECT_EQ(sched_semaphore_down(&pool.sem, 0, 0), 0);
	EXPECT_EQ(sched_semaphore_down(&pool.sem, time_now(), 0), -ETIMEDOUT);
}

static void finish(void *arg)
{
	sched_completion_finish(arg);
}

TEST(sched, W7_completion_on_the_stack)
{
	for (unsigned i = 0; i < 50; i++) {
		struct sched_completion completion;
		struct group group;
		sched_completion_init(&completion);
		group_init(&group, finish, &completion);
		group_start(&group, 1, "finisher");
		sched_completion_wait(&completion);
		EXPECT_EQ(sched_completion_wait_interruptible(&completion), 0);
		group_join(&group);
	}
}
