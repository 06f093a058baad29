// SPDX-License-Identifier: MIT
// Spinning locks: a ticket lock, fair on any number of CPUs; one locked operation to take, one
// plain store to release. The kernel is not preempted while it holds one, because it is preempted
// at sched_preempt_point() and nowhere else. A lock that an interrupt handler also takes is taken
// with the _irqsave forms everywhere.
#pragma once

#include <hal/atomic.h>
#include <hal/cpu.h>
#include <hal/irqflags.h>
#include <lib/types.h>

struct spinlock {
	_Atomic uint32_t next; // ticket of the next CPU to come
	_Atomic uint32_t owner; // ticket that holds the lock
};

#define SPINLOCK_INIT {0, 0}

static inline void spin_init(struct spinlock *lock)
{
	atomic_init(&lock->next, 0);
	atomic_init(&lock->owner, 0);
}

static inline void spin_lock(struct spinlock *lock)
{
	uint32_t ticket = fetch_add_relaxed(&lock->next, 1);
	while (unlikely(load_acquire(&lock->owner) != ticket))
		hal_cpu_relax();
}

/** Take @lock if it is free. Never waits. */
static inline bool spin_trylock(struct spinlock *lock)
{
	uint32_t ticket = load_acquire(&lock->owner);
	return cas_acquire(&lock->next, &ticket, ticket + 1);
}

static inline void spin_unlock(struct spinlock *lock)
{
	// Only the holder writes owner, so a plain read of it is enough.
	uint32_t ticket = atomic_load_explicit(&lock->owner, memory_order_relaxed);
	store_release(&lock->owner, ticket + 1);
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
	return load_acquire(&lock->owner) != atomic_load_explicit(&lock->next, memory_order_relaxed);
}
