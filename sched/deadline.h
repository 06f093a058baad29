// SPDX-License-Identifier: MIT
// Inside the scheduler: the deadline class. deadline.c tells how it works.
#pragma once

#include "runq.h"

#define DEADLINE_BANDWIDTH_SHIFT 32 // a whole CPU is 1 << this

/** A thread's reservation. rq = lock of the thread's run queue. Times in ticks of hal_clock_read(). */
struct deadline {
	struct thread *thread;
	uint64_t runtime, relative, period; // (rq)
	uint64_t absolute; // deadline of the present period (rq)
	uint64_t next; // when the next period may begin (rq)
	int64_t budget; // left of runtime (rq)
	bool is_throttled; // ready, in no tree until `next` (rq)
	struct timer timer; // of `next`, while throttled
	uint64_t bandwidth; // what it holds of reserved_on's CPU (affinity_mutex)
	struct runq *reserved_on; // (affinity_mutex)
	_Atomic(struct cpuset *) wanted; // affinity that it was given, as sched_part.affinity (affinity_mutex)
	struct sched_deadline as_set; // (affinity_mutex)
};

/** The present budget holds no longer, or would be too much for the time left: begin a period at @now
 *  (the rule of the constant-bandwidth server for who wakes). */
void deadline_wake(struct deadline *deadline, uint64_t now);
/** It has run @ran ticks. */
void deadline_charge(struct deadline *deadline, uint64_t ran);
/** The budget is used up. At @now: begin the next period if it is time. False: it must wait. */
bool deadline_replenish(struct deadline *deadline, uint64_t now);

/** Into the tree of @rq (locked), or throttled. False: throttled. */
bool deadline_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason);
/** False: it was throttled, in no tree. */
bool deadline_dequeue(struct runq *rq, struct thread *thread);
struct thread *deadline_first(struct runq *rq);
static inline bool deadline_goes_before(const struct thread *a, const struct thread *b)
{
	return (int64_t)(a->sched.deadline_key - b->sched.deadline_key) < 0;
}
/** Of that band, and no idle thread. */
static inline bool is_deadline(const struct thread *thread)
{
	return load_relaxed(&thread->sched.rank) >= sched_rank(BAND_DEADLINE, 0);
}
/** Charge @curr, of the deadline band, by policy or by inheritance. Locked. */
void deadline_charge_current(struct thread *curr, uint64_t ran);
/** @prev, current and of the deadline band, has no budget left: it is throttled. Locked. */
bool deadline_leaves(struct runq *rq, struct thread *prev);
/** @curr goes on: see that its overrun is noticed. Own CPU, locked. */
void deadline_arm(struct runq *rq, struct thread *curr);
/** sched_yield() of a deadline thread: the rest of its budget is void. Locked. */
void deadline_yield(struct thread *curr);
void deadline_init_queue(struct runq *rq);
/** @thread is of no deadline policy any more; its affinity is again what it was given. affinity_mutex
 *  held. */
void deadline_leave(struct thread *thread);
/** @thread, which has a reservation, is given the affinity @cpus, copied as @fresh: -EBUSY if its CPU is
 *  not one of them. affinity_mutex held. */
must_check err_t deadline_set_affinity(struct thread *thread, const struct cpuset *cpus,
				       struct cpuset *fresh);
/** Current ends: give back its reservation. Interrupts off. */
void deadline_thread_exit(struct thread *thread);
