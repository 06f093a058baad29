// SPDX-License-Identifier: MIT
// The condition variable. The waiter holds the queue's lock before the mutex is free, so a signal
// sent by who takes the mutex next waits for that lock and finds it queued. A look at the queue
// without its lock would not.
#include <sched/mutex.h>

#include "runq.h"

void sched_cond_init(struct sched_cond *cond)
{
	sched_waitq_init(&cond->waiters);
}

err_t sched_cond_wait(struct sched_cond *cond, struct sched_mutex *mutex, nsec_t deadline,
		      unsigned flags)
{
	irqflags_t irqflags = spin_lock_irqsave(&cond->waiters.lock);
	sched_mutex_unlock(mutex);
	err_t err = sched_waitq_wait(&cond->waiters, &irqflags, deadline, flags, 0);
	spin_unlock_irqrestore(&cond->waiters.lock, irqflags);
	sched_mutex_lock(mutex);
	return err;
}

void sched_cond_signal(struct sched_cond *cond)
{
	sched_waitq_wake_one(&cond->waiters);
}

void sched_cond_broadcast(struct sched_cond *cond)
{
	sched_waitq_wake_all(&cond->waiters);
}
