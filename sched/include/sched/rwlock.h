// SPDX-License-Identifier: MIT
// Sleeping reader-writer lock: many readers or one writer. Whoever must wait does so in one queue in
// order of arrival, and nobody overtakes a queue that is not empty: neither side starves. A reader
// must not take the lock a second time.
#pragma once

#include <sched/waitq.h>

struct sched_rwlock {
	_Atomic uint32_t state; // readers << 2 | writer << 1 | waiters
	struct sched_waitq waiters;
};
void sched_rwlock_init(struct sched_rwlock *lock);
/** Context: thread, may sleep. */
void sched_read_lock(struct sched_rwlock *lock);
bool sched_read_trylock(struct sched_rwlock *lock);
void sched_read_unlock(struct sched_rwlock *lock);
void sched_write_lock(struct sched_rwlock *lock);
bool sched_write_trylock(struct sched_rwlock *lock);
void sched_write_unlock(struct sched_rwlock *lock);
/** Let readers in without letting go: the caller becomes one of them. */
void sched_write_downgrade(struct sched_rwlock *lock);
