// SPDX-License-Identifier: MIT
// Semaphore and completion. An up with a waiter goes to that waiter and is never counted, so nobody
// who comes later takes it.
#include <sched/mutex.h>

#include "runq.h"

void sched_semaphore_init(struct sched_semaphore *sem, uint32_t count)
{
	sem->count = count;
	sched_waitq_init(&sem->waiters);
}

err_t sched_semaphore_down(struct sched_semaphore *sem, nsec_t deadline, unsigned flags)
{
	err_t err = 0;
	irqflags_t irqflags = spin_lock_irqsave(&sem->waiters.lock);
	if (sem->count)
		sem->count--;
	else
		err = sched_waitq_wait(&sem->waiters, &irqflags, deadline, flags, 0);
	spin_unlock_irqrestore(&sem->waiters.lock, irqflags);
	return err;
}

void sched_semaphore_up(struct sched_semaphore *sem)
{
	irqflags_t irqflags = spin_lock_irqsave(&sem->waiters.lock);
	if (!sched_waitq_wake_one_locked(&sem->waiters))
		sem->count++;
	spin_unlock_irqrestore(&sem->waiters.lock, irqflags);
}

void sched_completion_init(struct sched_completion *completion)
{
	completion->is_done = 0;
	sched_waitq_init(&completion->waiters);
}

static err_t wait(struct sched_completion *completion, unsigned flags)
{
	return sched_wait_event(&completion->waiters, completion->is_done, NSEC_NEVER, flags);
}

void sched_completion_wait(struct sched_completion *completion)
{
	(void)!wait(completion, 0);
}

err_t sched_completion_wait_interruptible(struct sched_completion *completion)
{
	return wait(completion, SCHED_WAIT_INTERRUPTIBLE);
}

void sched_completion_finish(struct sched_completion *completion)
{
	// The waiter may free it as soon as the lock is free: nothing is touched after that.
	irqflags_t irqflags = spin_lock_irqsave(&completion->waiters.lock);
	completion->is_done = 1;
	sched_waitq_wake_n_locked(&completion->waiters, UINT_MAX);
	spin_unlock_irqrestore(&completion->waiters.lock, irqflags);
}
