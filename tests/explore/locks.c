// SPDX-License-Identifier: MIT
// Sleeping locks (W7): mutual exclusion, no forgotten waiter, no overtaking of a waiting writer.
#include "threads.h"

#include <sched/mutex.h>
#include <sched/rwlock.h>
#include <sched/sched.h>
#include <uapi/errno.h>

static struct sched_mutex mutex;
static struct sched_rwlock rwlock;
static struct sched_cond cond;
static struct sched_semaphore semaphore;
static struct sched_completion completion;
static unsigned readers, writers, entered;
static unsigned items; // mutex
static _Atomic uint32_t shared; // a place where another CPU may come in

static void setup(void)
{
	sched_mutex_init(&mutex);
	sched_rwlock_init(&rwlock);
	sched_cond_init(&cond);
	sched_semaphore_init(&semaphore, 1);
	sched_completion_init(&completion);
	explore_name(&mutex.owner, "mutex.owner");
	explore_name(&mutex.waiters.lock, "mutex.waiters.lock");
	explore_name(&rwlock.state, "rwlock.state");
	explore_name(&rwlock.waiters.lock, "rwlock.waiters.lock");
	explore_name(&cond.waiters.lock, "cond.waiters.lock");
	explore_name(&semaphore.waiters.lock, "semaphore.waiters.lock");
	explore_name(&completion.waiters.lock, "completion.waiters.lock");
	explore_name(&shared, "shared");
	readers = writers = entered = items = 0;
	atomic_init(&shared, 0);
}

static void write_section(void)
{
	EXPLORE_EXPECT(writers == 0 && readers == 0);
	writers++;
	store_relaxed(&shared, 1);
	EXPLORE_EXPECT(writers == 1 && readers == 0);
	writers--;
	entered++;
}

static void mutex_body(unsigned self)
{
	(void)self;
	sched_mutex_lock(&mutex);
	EXPLORE_EXPECT(sched_mutex_is_held(&mutex));
	write_section();
	sched_mutex_unlock(&mutex);
}

static void check_mutex(void)
{
	EXPLORE_EXPECT(load_relaxed(&mutex.owner) == 0);
	EXPLORE_EXPECT(sched_waitq_is_empty(&mutex.waiters));
}

EXPLORE(sched_W7_mutex_two, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup, .body = mutex_body, .check = check_mutex);
EXPLORE(sched_W7_mutex_three, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = setup, .body = mutex_body, .check = check_mutex);
EXPLORE(sched_W7_mutex_two_on_one_cpu_and_one, .run = explore_run_threads, .cpus = 2, .bodies = 3,
	.bound = 2, .setup = setup, .body = mutex_body, .check = check_mutex);

static void rwlock_body(unsigned self)
{
	if (self == 0) {
		sched_write_lock(&rwlock);
		write_section();
		sched_write_unlock(&rwlock);
		return;
	}
	sched_read_lock(&rwlock);
	EXPLORE_EXPECT(writers == 0);
	store_relaxed(&shared, 1);
	EXPLORE_EXPECT(writers == 0);
	sched_read_unlock(&rwlock);
}

static void check_rwlock(void)
{
	EXPLORE_EXPECT(load_relaxed(&rwlock.state) == 0);
	EXPLORE_EXPECT(sched_waitq_is_empty(&rwlock.waiters));
}

EXPLORE(sched_W7_rwlock_writer_and_reader, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup, .body = rwlock_body, .check = check_rwlock);
EXPLORE(sched_W7_rwlock_writer_and_two_readers, .run = explore_run_threads, .cpus = 3, .bodies = 3,
	.bound = 2, .setup = setup, .body = rwlock_body, .check = check_rwlock);

static void two_writers_body(unsigned self)
{
	(void)self;
	sched_write_lock(&rwlock);
	write_section();
	if (self == 0) {
		sched_write_downgrade(&rwlock);
		sched_read_unlock(&rwlock);
	} else {
		sched_write_unlock(&rwlock);
	}
}

EXPLORE(sched_W7_rwlock_downgrade, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup, .body = two_writers_body, .check = check_rwlock);

static void cond_body(unsigned self)
{
	sched_mutex_lock(&mutex);
	if (self == 0) {
		while (!items)
			EXPLORE_EXPECT(sched_cond_wait(&cond, &mutex, NSEC_NEVER, 0) == 0);
		items--;
	} else {
		items++;
		sched_cond_signal(&cond);
	}
	sched_mutex_unlock(&mutex);
}

EXPLORE(sched_W7_cond, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup, .body = cond_body, .check = check_mutex);

static void semaphore_body(unsigned self)
{
	(void)self;
	EXPLORE_EXPECT(sched_semaphore_down(&semaphore, NSEC_NEVER, 0) == 0);
	write_section();
	sched_semaphore_up(&semaphore);
}

static void check_semaphore(void)
{
	EXPLORE_EXPECT(semaphore.count == 1);
}

EXPLORE(sched_W7_semaphore, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup, .body = semaphore_body, .check = check_semaphore);

static void completion_body(unsigned self)
{
	if (self == 0)
		sched_completion_finish(&completion);
	else
		sched_completion_wait(&completion);
}

EXPLORE(sched_W7_completion, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = setup, .body = completion_body);

/** Mutant: the unlocker looks for waiters before it lets go, and a waiter comes in between. */
static _Atomic uint32_t mutant_taken, mutant_waiting;
static struct thread *_Atomic mutant_waiter;

static void mutant_setup(void)
{
	setup();
	atomic_init(&mutant_taken, 0);
	atomic_init(&mutant_waiting, 0);
	atomic_init(&mutant_waiter, NULL);
	explore_name(&mutant_taken, "mutant.taken");
	explore_name(&mutant_waiting, "mutant.waiting");
	explore_name(&mutant_waiter, "mutant.waiter");
}

static void mutant_lock(void)
{
	while (exchange_acq_rel(&mutant_taken, 1)) {
		store_release(&mutant_waiter, current_thread());
		sched_prepare_block();
		store_release(&mutant_waiting, 1);
		fence_seq_cst();
		if (load_acquire(&mutant_taken))
			sched_block();
		else
			sched_cancel_block();
	}
}

static void mutant_unlock(void)
{
	bool has_waiter = load_acquire(&mutant_waiting);

	store_release(&mutant_taken, 0);
	if (has_waiter)
		sched_wake(load_acquire(&mutant_waiter));
}

static void mutant_body(unsigned self)
{
	(void)self;
	mutant_lock();
	write_section();
	mutant_unlock();
}

EXPLORE(mutant_unlock_looks_first, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_MUTANT, .setup = mutant_setup, .body = mutant_body);
