// SPDX-License-Identifier: MIT
// Spinning locks: one locked operation to take, one plain store to release. The kernel is not preempted
// while it holds one, because it is preempted at sched_preempt_point() and nowhere else. A lock that
// an interrupt handler also takes is taken with the _irqsave forms everywhere.
//
// Not a ticket lock: in virtual machines with more CPUs than the host has free, the next in line is
// often not running, and everybody waits for its turn on the host. 800 hand-offs between 8 threads on
// 4 virtual CPUs of a loaded 2-core host took 19.5 s with tickets and 0.13 s so. Locks here are held
// for tens of instructions; what must be fair queues in a wait queue.
#pragma once

#include <hal/atomic.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <kernel/lockdep.h>
#include <lib/types.h>

struct spinlock {
	_Atomic uint32_t is_taken;
#if CONFIG_DEBUG
	struct lock_identity identity; // for <kernel/lockdep.h>
#endif
};

#define SPINLOCK_INIT {0}

static inline void spin_init(struct spinlock *lock)
{
	atomic_init(&lock->is_taken, 0);
	lockdep_init(lock);
}

static inline void spin_wait_and_take(struct spinlock *lock)
{
	while (unlikely(exchange_acquire(&lock->is_taken, 1))) {
		// Wait by reading, so that the line stays shared until it is released.
		while (load_relaxed(&lock->is_taken))
			hal_cpu_relax();
	}
}

static inline void spin_lock(struct spinlock *lock)
{
	lockdep_acquire(lock);
	spin_wait_and_take(lock);
}

/** The same where one of @lock's class (<kernel/lockdep.h>) is held and another rule than that of rising
 *  addresses keeps two CPUs from waiting for each other: the caller says which. */
static inline void spin_lock_nested(struct spinlock *lock)
{
	lockdep_acquire_nested(lock);
	spin_wait_and_take(lock);
}

/** Take @lock if it is free. Never waits. */
static inline bool spin_trylock(struct spinlock *lock)
{
	bool is_taken = !exchange_acquire(&lock->is_taken, 1);
	if (is_taken)
		lockdep_acquire_tried(lock);
	return is_taken;
}

static inline void spin_unlock(struct spinlock *lock)
{
	lockdep_release(lock);
	store_release(&lock->is_taken, 0);
}

static inline irqflags_t spin_lock_irqsave(struct spinlock *lock)
{
	irqflags_t flags = hal_irq_save();
	spin_lock(lock);
	return flags;
}

static inline void spin_unlock_irqrestore(struct spinlock *lock, irqflags_t flags)
{
	spin_unlock(lock);
	hal_irq_restore(flags);
}

static inline bool spin_is_locked(struct spinlock *lock)
{
	return load_relaxed(&lock->is_taken);
}
