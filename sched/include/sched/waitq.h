// SPDX-License-Identifier: MIT
// Wait queues. The entry of a sleeper stands on its own kernel stack and is linked under the queue's
// lock; who unlinks it decides the outcome. A deadline or a signal only makes the sleeper run: it
// retakes the lock and finds itself still linked (it was not chosen: -ETIMEDOUT, -EINTR) or not (it
// was chosen: 0). So a wake is never spent on a thread that left, and each wait ends once.
#pragma once

#include <kernel/lock.h>
#include <lib/list.h>
#include <lib/types.h>
#include <sched/wait.h>

struct thread;

struct sched_waitq {
	struct spinlock lock; // callers may protect their own state with it
	struct list waiters; // struct sched_wait, FIFO within priority
};
#define SCHED_WAITQ_INIT(name) {SPINLOCK_INIT, LIST_INIT((name).waiters)}

void sched_waitq_init(struct sched_waitq *wq);

enum sched_wait_flags { SCHED_WAIT_INTERRUPTIBLE = 1, SCHED_WAIT_LIFO = 2 };

/** Block until woken, @deadline (absolute, NSEC_NEVER = none), or a signal (if interruptible).
 *  Context: thread, may sleep. Locks: @wq->lock held (interrupts off, @irqflags from taking it);
 *  released while asleep; held again on return, *@irqflags updated.
 *  Returns 0, -ETIMEDOUT, -EINTR. */
err_t sched_waitq_wait(struct sched_waitq *wq, irqflags_t *irqflags, nsec_t deadline, unsigned flags,
		       uint64_t key);
/** Wake the first waiter / up to @n waiters; returns how many. Locked forms: @wq->lock held. */
bool sched_waitq_wake_one(struct sched_waitq *wq);
unsigned sched_waitq_wake_all(struct sched_waitq *wq);
bool sched_waitq_wake_one_locked(struct sched_waitq *wq);
unsigned sched_waitq_wake_n_locked(struct sched_waitq *wq, unsigned n);
/** Wake the waiter of @wait, which stands in @wq: for owners who choose by key. @wq->lock held. */
void sched_waitq_wake_locked(struct sched_waitq *wq, struct sched_wait *wait);
/** Put @wait of a thread into @wq as sched_waitq_wait() does, for owners that block and wake it themselves.
 *  @wq->lock held. */
void sched_waitq_insert_locked(struct sched_waitq *wq, struct sched_wait *wait);
/** Choose @thread, which waits in @wq: it is no waiter any more, and the caller wakes it before it lets
 *  go of @wq->lock. */
void sched_waitq_unlink_locked(struct sched_waitq *wq, struct thread *thread);
static inline bool sched_waitq_is_empty(const struct sched_waitq *wq)
{
	return list_is_empty(&wq->waiters);
}

/** Wait until @cond holds: evaluated with the lock held. Gives the error of the wait, or 0. */
#define sched_wait_event(wq, cond, deadline, flags)                                                \
	({                                                                                         \
		err_t err_ = 0;                                                                    \
		irqflags_t irq_ = spin_lock_irqsave(&(wq)->lock);                                  \
		while (!(cond) && !err_)                                                           \
			err_ = sched_waitq_wait((wq), &irq_, (deadline), (flags), 0);              \
		if (cond)                                                                          \
			err_ = 0;                                                                  \
		spin_unlock_irqrestore(&(wq)->lock, irq_);                                         \
		err_;                                                                              \
	})
