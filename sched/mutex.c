// SPDX-License-Identifier: MIT
// The mutex. `owner` holds the owner and, in bit 0, that somebody waits; with that bit set the word
// changes only under the queue's lock. unlock hands a waited-for mutex to the best waiter, first come
// first served among equals: nobody overtakes, and an interrupted waiter has either left the queue or
// owns it. Who waits for it is in `waiters` and in `pi` alike whenever the queue's lock is free.
//
//   lock:   0 -> me (acquire)                     else slow: set bit 0, or take it if it became 0
//   unlock: me -> 0 (release)                     else slow: me|1 -> best waiter (| 1 if more)
#include <sched/mutex.h>
#include <uapi/errno.h>

#include "runq.h"

#define HAS_WAITERS ((uintptr_t)1)

void sched_mutex_init(struct sched_mutex *mutex)
{
	atomic_init(&mutex->owner, 0);
	sched_waitq_init(&mutex->waiters);
	sched_pi_init(&mutex->pi);
	lockdep_init_at(&mutex->waiters.lock, __builtin_return_address(0));
}

/** Set the waiters bit, or take the mutex if it is free. True: taken. Queue locked. */
static bool mark_or_take(struct sched_mutex *mutex, struct thread *self)
{
	uintptr_t owner = load_relaxed(&mutex->owner);
	for (;;) {
		uintptr_t wanted = owner ? owner | HAS_WAITERS : (uintptr_t)self;
		if (cas_acquire(&mutex->owner, &owner, wanted))
			return wanted == (uintptr_t)self;
	}
}

static no_inline err_t lock_slow(struct sched_mutex *mutex, struct thread *self, unsigned flags)
{
	err_t err = 0;
	irqflags_t irqflags = spin_lock_irqsave(&mutex->waiters.lock);
	if (!mark_or_take(mutex, self)) {
		uintptr_t owner = load_relaxed(&mutex->owner) & ~HAS_WAITERS;
		err = sched_pi_block(&mutex->pi, (struct thread *)owner);
		verify(!err); // deadlock
		err = sched_waitq_wait(&mutex->waiters, &irqflags, NSEC_NEVER, flags, 0);
		if (err)
			sched_pi_unblock(&mutex->pi);
		// One that gave up may have been the last: the next unlock need not come here.
		if (err && sched_waitq_is_empty(&mutex->waiters))
			fetch_and_acq_rel(&mutex->owner, ~HAS_WAITERS);
	}
	spin_unlock_irqrestore(&mutex->waiters.lock, irqflags);
	return err;
}

// The checker of lock order (debug builds) hears that current is about to wait for @mutex in @pc, and
// that it has it.
static inline void note_wait(struct sched_mutex *mutex, const void *pc)
{
	(void)mutex;
	(void)pc;
	lockdep_wait_sleeping(&current_thread()->locks, &mutex->waiters.lock, pc);
}

static inline void note_lock(struct sched_mutex *mutex, const void *pc)
{
	(void)mutex;
	(void)pc;
	lockdep_acquire_sleeping(&current_thread()->locks, &mutex->waiters.lock, pc);
}

static err_t lock(struct sched_mutex *mutex, unsigned flags)
{
	struct thread *self = current_thread();
	uintptr_t expected = 0;
	assert_may_sleep();
	if (unlikely(!cas_acquire(&mutex->owner, &expected, (uintptr_t)self))) {
		assert((expected & ~HAS_WAITERS) != (uintptr_t)self);
		err_t err = lock_slow(mutex, self, flags);
		if (err)
			return err;
	}
	locks_held_add(self, 1);
	return 0;
}

void sched_mutex_lock(struct sched_mutex *mutex)
{
	note_wait(mutex, __builtin_return_address(0));
	(void)!lock(mutex, 0);
	note_lock(mutex, __builtin_return_address(0));
}

err_t sched_mutex_lock_interruptible(struct sched_mutex *mutex)
{
	note_wait(mutex, __builtin_return_address(0));
	err_t err = lock(mutex, SCHED_WAIT_INTERRUPTIBLE);
	if (!err)
		note_lock(mutex, __builtin_return_address(0));
	return err;
}

bool sched_mutex_trylock(struct sched_mutex *mutex)
{
	struct thread *self = current_thread();
	uintptr_t expected = 0;
	if (!cas_acquire(&mutex->owner, &expected, (uintptr_t)self))
		return false;
	note_lock(mutex, __builtin_return_address(0));
	locks_held_add(self, 1);
	return true;
}

static no_inline void unlock_slow(struct sched_mutex *mutex)
{
	irqflags_t flags = spin_lock_irqsave(&mutex->waiters.lock);
	struct thread *best = sched_pi_pass_on(&mutex->pi);
	uintptr_t owner = (uintptr_t)best;
	if (best)
		sched_waitq_unlink_locked(&mutex->waiters, best);
	if (!sched_waitq_is_empty(&mutex->waiters))
		owner |= HAS_WAITERS;
	store_release(&mutex->owner, owner);
	if (best)
		sched_wake_irqs_off(best);
	spin_unlock_irqrestore(&mutex->waiters.lock, flags);
}

void sched_mutex_unlock(struct sched_mutex *mutex)
{
	struct thread *self = current_thread();
	uintptr_t expected = (uintptr_t)self;
	assert(sched_mutex_is_held(mutex));
	lockdep_release_sleeping(&self->locks, &mutex->waiters.lock, __builtin_return_address(0));
	locks_held_add(self, -1);
	if (unlikely(!cas_acq_rel(&mutex->owner, &expected, 0)))
		unlock_slow(mutex);
}

bool sched_mutex_is_held(struct sched_mutex *mutex)
{
	return (load_relaxed(&mutex->owner) & ~HAS_WAITERS) == (uintptr_t)current_thread();
}
