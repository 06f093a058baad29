// SPDX-License-Identifier: MIT
// Sleeping locks. Uncontended: one atomic to take, one to release.
#pragma once

#include <sched/pi.h>
#include <sched/waitq.h>

/** Its owner inherits the priority of who waits. */
struct sched_mutex {
	_Atomic uintptr_t owner; // struct thread * | 1 when somebody waits
	struct sched_waitq waiters;
	struct sched_pi pi; // the same waiters (waiters.lock, pi)
};
#define SCHED_MUTEX_INIT(name) \
	{.waiters = SCHED_WAITQ_INIT((name).waiters), .pi = SCHED_PI_INIT((name).pi)}
void sched_mutex_init(struct sched_mutex *mutex);
/** Context: thread, may sleep. */
void sched_mutex_lock(struct sched_mutex *mutex);
must_check err_t sched_mutex_lock_interruptible(struct sched_mutex *mutex); // 0, -EINTR
bool sched_mutex_trylock(struct sched_mutex *mutex);
void sched_mutex_unlock(struct sched_mutex *mutex);
bool sched_mutex_is_held(struct sched_mutex *mutex); // by the current thread

/** Condition variable used with a mutex. */
struct sched_cond {
	struct sched_waitq waiters;
};
void sched_cond_init(struct sched_cond *cond);
/** Returns 0, -ETIMEDOUT, -EINTR with @mutex held again. */
err_t sched_cond_wait(struct sched_cond *cond, struct sched_mutex *mutex, nsec_t deadline, unsigned flags);
void sched_cond_signal(struct sched_cond *cond);
void sched_cond_broadcast(struct sched_cond *cond);

/** Counting semaphore and one-way completion. */
struct sched_semaphore {
	uint32_t count; // waiters.lock
	struct sched_waitq waiters;
};
void sched_semaphore_init(struct sched_semaphore *sem, uint32_t count);
err_t sched_semaphore_down(struct sched_semaphore *sem, nsec_t deadline, unsigned flags);
void sched_semaphore_up(struct sched_semaphore *sem);

struct sched_completion {
	uint32_t is_done; // waiters.lock
	struct sched_waitq waiters;
};
void sched_completion_init(struct sched_completion *completion);
void sched_completion_wait(struct sched_completion *completion);
err_t sched_completion_wait_interruptible(struct sched_completion *completion);
void sched_completion_finish(struct sched_completion *completion);
