// SPDX-License-Identifier: MIT
// The reader-writer lock. With the waiters bit set the fast ways in are closed; then the word changes
// under the queue's lock, except that readers leave. The last one out gives the lock to the head of
// the queue: a writer, or all readers that stand before the next writer.
#include <sched/rwlock.h>

#include "runq.h"

#define WAITERS 1u
#define WRITER 2u
#define READER 4u

enum { KEY_READ, KEY_WRITE };

void sched_rwlock_init(struct sched_rwlock *lock)
{
	atomic_init(&lock->state, 0);
	sched_waitq_init(&lock->waiters);
	lockdep_init_at(&lock->waiters.lock, __builtin_return_address(0));
}

/** Take the lock as @key if that is allowed now; else set the waiters bit. Queue locked. */
static bool mark_or_take(struct sched_rwlock *lock, unsigned key)
{
	uint32_t state = load_relaxed(&lock->state);
	for (;;) {
		bool is_free = key == KEY_READ ? !(state & (WAITERS | WRITER)) : state == 0;
		uint32_t taken = key == KEY_READ ? state + READER : WRITER;
		if (cas_acquire(&lock->state, &state, is_free ? taken : state | WAITERS))
			return is_free;
	}
}

/** Nobody holds the lock: give it to the head of the queue. Queue locked, waiters bit set. */
static void hand_over(struct sched_rwlock *lock)
{
	struct list *waiters = &lock->waiters.waiters;
	struct sched_wait *first = list_first_entry(waiters, struct sched_wait, node);
	struct sched_wait *next = first;
	uint32_t state = 0;
	unsigned count = 0;
	if (first && first->key == KEY_WRITE) {
		state = WRITER;
		count = 1;
		next = list_next_entry(waiters, first, node);
	}
	while (next && state != WRITER && next->key == KEY_READ) {
		state += READER;
		count++;
		next = list_next_entry(waiters, next, node);
	}
	// Before anybody wakes: a reader may leave again at once.
	store_release(&lock->state, state | (next ? WAITERS : 0));
	sched_waitq_wake_n_locked(&lock->waiters, count);
}

static no_inline void lock_slow(struct sched_rwlock *lock, unsigned key)
{
	irqflags_t flags = spin_lock_irqsave(&lock->waiters.lock);
	// The compare-and-exchange that sets the mark saw a holder, who therefore sees the mark.
	if (!mark_or_take(lock, key))
		(void)!sched_waitq_wait(&lock->waiters, &flags, NSEC_NEVER, 0, key);
	spin_unlock_irqrestore(&lock->waiters.lock, flags);
}

static no_inline void unlock_slow(struct sched_rwlock *lock)
{
	irqflags_t flags = spin_lock_irqsave(&lock->waiters.lock);
	// Only waiters are left, unless another last one out came here before.
	if (load_acquire(&lock->state) == WAITERS)
		hand_over(lock);
	spin_unlock_irqrestore(&lock->waiters.lock, flags);
}

// The checker of lock order (debug builds) hears that current is about to wait for @lock in @pc, has
// it, lets it go. Readers count like writers: a writer that waits in between makes them wait.
static inline void note_wait(struct sched_rwlock *lock, const void *pc)
{
	(void)lock;
	(void)pc;
	lockdep_wait_sleeping(&current_thread()->locks, &lock->waiters.lock, pc);
}

static inline void note_lock(struct sched_rwlock *lock, const void *pc)
{
	(void)lock;
	(void)pc;
	lockdep_acquire_sleeping(&current_thread()->locks, &lock->waiters.lock, pc);
}

static inline void note_unlock(struct sched_rwlock *lock, const void *pc)
{
	(void)lock;
	(void)pc;
	lockdep_release_sleeping(&current_thread()->locks, &lock->waiters.lock, pc);
}

static inline bool try_read(struct sched_rwlock *lock)
{
	uint32_t state = load_relaxed(&lock->state);
	while (!(state & (WAITERS | WRITER))) {
		if (likely(cas_acquire(&lock->state, &state, state + READER))) {
			locks_held_add(current_thread(), 1);
			return true;
		}
	}
	return false;
}

bool sched_read_trylock(struct sched_rwlock *lock)
{
	bool is_taken = try_read(lock);
	if (is_taken)
		note_lock(lock, __builtin_return_address(0));
	return is_taken;
}

void sched_read_lock(struct sched_rwlock *lock)
{
	assert_may_sleep();
	note_wait(lock, __builtin_return_address(0));
	if (unlikely(!try_read(lock))) {
		lock_slow(lock, KEY_READ);
		locks_held_add(current_thread(), 1);
	}
	note_lock(lock, __builtin_return_address(0));
}

void sched_read_unlock(struct sched_rwlock *lock)
{
	note_unlock(lock, __builtin_return_address(0));
	locks_held_add(current_thread(), -1);
	uint32_t before = fetch_sub_acq_rel(&lock->state, READER);
	assert(before >= READER);
	if (unlikely(before == (READER | WAITERS)))
		unlock_slow(lock);
}

static inline bool try_write(struct sched_rwlock *lock)
{
	uint32_t state = 0;
	if (unlikely(!cas_acquire(&lock->state, &state, WRITER)))
		return false;
	locks_held_add(current_thread(), 1);
	return true;
}

bool sched_write_trylock(struct sched_rwlock *lock)
{
	bool is_taken = try_write(lock);
	if (is_taken)
		note_lock(lock, __builtin_return_address(0));
	return is_taken;
}

void sched_write_lock(struct sched_rwlock *lock)
{
	assert_may_sleep();
	note_wait(lock, __builtin_return_address(0));
	if (unlikely(!try_write(lock))) {
		lock_slow(lock, KEY_WRITE);
		locks_held_add(current_thread(), 1);
	}
	note_lock(lock, __builtin_return_address(0));
}

void sched_write_unlock(struct sched_rwlock *lock)
{
	note_unlock(lock, __builtin_return_address(0));
	locks_held_add(current_thread(), -1);
	uint32_t before = fetch_and_acq_rel(&lock->state, ~WRITER);
	assert(before & WRITER);
	if (unlikely(before & WAITERS))
		unlock_slow(lock);
}

void sched_write_downgrade(struct sched_rwlock *lock)
{
	// WRITER is 2 and READER is 4: adding the difference turns the one into the other.
	fetch_add_acq_rel(&lock->state, READER - WRITER);
}
