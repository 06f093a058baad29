// SPDX-License-Identifier: MIT
// Wait queues.
//
// All is decided under the queue's lock: the sleeper links its entry and becomes BLOCKED under it; a
// waker unlinks the entry and wakes under it. So a sleeper that finds its entry unlinked was chosen,
// and one that finds it linked was not, whatever made it run:
//
//   sleeper S                      waker                          timer or signal
//   lock; link; BLOCKED; unlock
//   sched_block()                                                 wake S (still linked)
//                                  lock; unlink S; wake S: no-op
//                                  unlock
//   lock: unlinked: 0              (had S locked first: it unlinks itself, -ETIMEDOUT, and the
//                                  waker takes the next entry)
//
// The entry lies on S's stack; a waker is done with it before it unlocks, and S returns only after
// it has locked.
#include <sched/waitq.h>
#include <uapi/errno.h>

#include "runq.h"
#include "sleep.h"

void sched_waitq_init(struct sched_waitq *wq)
{
	spin_init(&wq->lock);
	lockdep_init_at(&wq->lock, __builtin_return_address(0));
	list_init(&wq->waiters);
}

/** FIFO, but real-time threads stand before others, by priority. */
static void insert(struct sched_waitq *wq, struct sched_wait *wait, unsigned flags)
{
	uint32_t rank = load_relaxed(&wait->thread->sched.rank);
	struct sched_wait *other;
	if (flags & SCHED_WAIT_LIFO) {
		list_push_front(&wq->waiters, &wait->node);
		return;
	}
	if (unlikely(!rank_is_fair(rank))) {
		list_for_each_entry(other, &wq->waiters, node) {
			if (load_relaxed(&other->thread->sched.rank) < rank) {
				list_insert_before(&other->node, &wait->node);
				return;
			}
		}
	}
	list_push_back(&wq->waiters, &wait->node);
}

void sched_waitq_insert_locked(struct sched_waitq *wq, struct sched_wait *wait)
{
	assert_held(&wq->lock);
	insert(wq, wait, 0);
}

err_t sched_waitq_wait(struct sched_waitq *wq, irqflags_t *irqflags, nsec_t deadline, unsigned flags,
		       uint64_t key)
{
	struct thread *thread = current_thread();
	struct sched_wait wait = {.thread = thread, .key = key};
	bool is_interruptible = flags & SCHED_WAIT_INTERRUPTIBLE;
	enum sleep_outcome outcome;
	assert_held(&wq->lock);
	insert(wq, &wait, flags);
	if (unlikely(deadline != NSEC_NEVER))
		sleep_begin(thread, deadline);
	for (;;) {
		outcome = sleep_prepare(thread, deadline, is_interruptible);
		if (outcome != SLEEP_GO_ON)
			break;
		spin_unlock(&wq->lock);
		sched_switch(SWITCH_BLOCK);
		spin_lock(&wq->lock);
		if (!list_is_linked(&wait.node))
			break;
	}
	if (unlikely(deadline != NSEC_NEVER))
		sleep_end(thread, deadline);
	// Interrupts stay off throughout: the caller's flags are what to restore at the very end.
	(void)irqflags;
	if (!list_is_linked(&wait.node))
		return 0;
	list_remove(&wait.node);
	return outcome == SLEEP_TIMED_OUT ? -ETIMEDOUT : -EINTR;
}

void sched_waitq_wake_locked(struct sched_waitq *wq, struct sched_wait *wait)
{
	assert_held(&wq->lock);
	list_remove(&wait->node);
	sched_wake_irqs_off(wait->thread);
}

bool sched_waitq_wake_one_locked(struct sched_waitq *wq)
{
	assert_held(&wq->lock);
	struct sched_wait *wait = list_first_entry(&wq->waiters, struct sched_wait, node);
	if (!wait)
		return false;
	sched_waitq_wake_locked(wq, wait);
	return true;
}

void sched_waitq_unlink_locked(struct sched_waitq *wq, struct thread *thread)
{
	struct sched_wait *wait = list_first_entry(&wq->waiters, struct sched_wait, node);
	assert_held(&wq->lock);
	while (wait->thread != thread)
		wait = list_next_entry(&wq->waiters, wait, node);
	list_remove(&wait->node);
}

unsigned sched_waitq_wake_n_locked(struct sched_waitq *wq, unsigned n)
{
	unsigned woken = 0;
	while (woken < n && sched_waitq_wake_one_locked(wq))
		woken++;
	return woken;
}

bool sched_waitq_wake_one(struct sched_waitq *wq)
{
	irqflags_t flags = spin_lock_irqsave(&wq->lock);
	bool is_woken = sched_waitq_wake_one_locked(wq);
	spin_unlock_irqrestore(&wq->lock, flags);
	return is_woken;
}

unsigned sched_waitq_wake_all(struct sched_waitq *wq)
{
	irqflags_t flags = spin_lock_irqsave(&wq->lock);
	unsigned woken = sched_waitq_wake_n_locked(wq, UINT_MAX);
	spin_unlock_irqrestore(&wq->lock, flags);
	return woken;
}
