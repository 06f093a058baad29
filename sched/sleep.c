// SPDX-License-Identifier: MIT
// Sleeping with a deadline and with signals. Both only make the thread run; it finds out why itself.
//
//   sleeper                                   timer, or sched_interrupt()
//   state = BLOCKED / SLEEPING                wake_reason = ETIMEDOUT / pending was set
//   full fence                                full fence
//   look at wake_reason and pending           look at state: blocked? wake
//
// One of the two sees the other's store, so nobody sleeps on. A sleep never ends before its timer is
// known not to fire any more: a late firing cannot end the next sleep.
#include <uapi/errno.h>

#include "runq.h"
#include "sleep.h"

void sleep_timer_fired(struct timer *timer)
{
	struct thread *thread = container_of(timer, struct thread, sleep_timer);
	store_relaxed(&thread->wake_reason, ETIMEDOUT);
	fence_seq_cst();
	sched_wake(thread);
}

void sleep_begin(struct thread *thread, nsec_t deadline)
{
	if (deadline == NSEC_NEVER)
		return;
	store_relaxed(&thread->wake_reason, 0);
	timer_set(&thread->sleep_timer, deadline);
}

void sleep_end(struct thread *thread, nsec_t deadline)
{
	// Even if it has fired: its function may be about to wake.
	if (deadline != NSEC_NEVER)
		timer_cancel_sync(&thread->sleep_timer);
}

enum sleep_outcome sleep_prepare(struct thread *thread, nsec_t deadline, bool is_interruptible)
{
	enum sleep_outcome outcome = SLEEP_GO_ON;
	store_relaxed(&thread->state, is_interruptible ? THREAD_SLEEPING : THREAD_BLOCKED);
	if (!is_interruptible && deadline == NSEC_NEVER)
		return SLEEP_GO_ON;
	fence_seq_cst();
	if (deadline != NSEC_NEVER && load_acquire(&thread->wake_reason))
		outcome = SLEEP_TIMED_OUT;
	else if (is_interruptible && load_acquire(&thread->pending))
		outcome = SLEEP_INTERRUPTED;
	if (outcome != SLEEP_GO_ON)
		store_relaxed(&thread->state, THREAD_RUNNING);
	return outcome;
}

err_t sched_sleep_until(nsec_t deadline, bool is_interruptible)
{
	struct thread *thread = current_thread();
	enum sleep_outcome outcome;
	assert_may_sleep();
	irqflags_t flags = hal_irq_save();
	sleep_begin(thread, deadline);
	while ((outcome = sleep_prepare(thread, deadline, is_interruptible)) == SLEEP_GO_ON)
		sched_switch(SWITCH_BLOCK);
	sleep_end(thread, deadline);
	hal_irq_restore(flags);
	return outcome == SLEEP_INTERRUPTED ? -EINTR : 0;
}

// The reclaim thread: it sleeps until a callback is queued.

static struct thread *reclaim;
static _Atomic uint32_t is_reclaim_wanted;

void sched_set_reclaim(struct thread *thread)
{
	sched_set_system(thread);
	reclaim = thread;
}

void upcall_wake_reclaim(void)
{
	if (!reclaim)
		return;
	store_relaxed(&is_reclaim_wanted, 1);
	fence_seq_cst();
	sched_wake(reclaim);
}

void upcall_sleep_until(nsec_t deadline)
{
	struct thread *thread = current_thread();
	if (thread != reclaim) {
		(void)!sched_sleep_until(deadline, false);
		return;
	}
	irqflags_t flags = hal_irq_save();
	sleep_begin(thread, deadline);
	// A wake that is not for this sleep only makes it shorter; the caller looks again anyway.
	if (sleep_prepare(thread, deadline, false) == SLEEP_GO_ON) {
		fence_seq_cst();
		if (exchange_acq_rel(&is_reclaim_wanted, 0))
			store_relaxed(&thread->state, THREAD_RUNNING);
		else
			sched_switch(SWITCH_BLOCK);
	}
	sleep_end(thread, deadline);
	hal_irq_restore(flags);
}
