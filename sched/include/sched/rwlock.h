// SPDX-License-Identifier: MIT
// Sleeping reader-writer lock: many readers or one writer; a waiting writer stops new readers.
#pragma once

#include <sched/waitq.h>

struct sched_rwlock {
	_Atomic uint32_t state; // readers << 2 | writer << 1 | waiters
	struct sched_waitq readers, writers;
};
void sched_rwlock_init(struct sched_rwlock *lock);
/** Context: thread, may sleep. */
void sched_read_lock(struct sched_rwlock *lock);
bool sched_read_trylock(struct sched_rwlock *lock);
void sched_read_unlock(struct sched_rwlock *lock);
void sched_write_lock(struct sched_rwlock *lock);
void sched_write_unlock(struct sched_rwlock *lock);
