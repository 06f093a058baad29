// SPDX-License-Identifier: MIT
// Inside the scheduler: what every switch and wake does to a run queue, inline. fair.c tells how the
// fair bands work.
#pragma once

#include "deadline.h"
#include "runq.h"

extern uint64_t fair_bonus_ticks; // what a sleeper may be behind, and what makes it preempt

/** vruntime of @part is not of this queue. */
void fair_arrive(struct fair_queue *queue, struct sched_part *part);
void fair_go_last(struct fair_queue *queue, struct sched_part *part);
void fair_insert(struct fair_queue *queue, struct sched_part *part);

/** Give @part a new slice and deadline from where it stands. */
static inline void fair_renew(struct sched_part *part)
{
	part->slice_left = (int64_t)sched_slice_ticks;
	part->vdeadline = part->vruntime + (sched_slice_ticks * part->inverse_weight >> 16);
}

static inline void fair_advance(struct fair_queue *queue, uint64_t vruntime)
{
	if ((int64_t)(vruntime - queue->vtime) > 0)
		queue->vtime = vruntime;
}

/** @curr, fair and charged, has had so much more than @thread that it must make way at once. */
static inline bool fair_preempts(const struct thread *thread, const struct thread *curr)
{
	return (int64_t)(thread->sched.vruntime + fair_bonus_ticks - curr->sched.vruntime) < 0;
}

static inline void fair_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	struct sched_part *part = &thread->sched;
	struct fair_queue *queue = &rq->fair[part->band];
	if (unlikely(part->vruntime_home != queue->home))
		fair_arrive(queue, part);
	if (reason == ENQUEUE_WAKE) {
		uint64_t least = queue->vtime - fair_bonus_ticks;
		if ((int64_t)(part->vruntime - least) < 0)
			part->vruntime = least;
		fair_renew(part);
	} else if (part->slice_left <= 0) {
		fair_renew(part);
	}
	if (likely(rbtree_is_empty(&queue->tree))) {
		rbtree_insert_only(&queue->tree, &part->fair_node);
		return;
	}
	if (reason == ENQUEUE_YIELD)
		fair_go_last(queue, part);
	fair_insert(queue, part);
}

/** True: the band is empty now. */
static inline bool fair_dequeue(struct runq *rq, struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	struct fair_queue *queue = &rq->fair[part->band];
	if (likely(rbtree_is_only(&queue->tree, &part->fair_node))) {
		rbtree_remove_only(&queue->tree, &part->fair_node);
		return true;
	}
	rbtree_remove(&queue->tree, &part->fair_node);
	return false;
}

/** Charge virtual time and slice up to @now to @curr, who runs on @rq's CPU. Locked. */
static inline void runq_charge(struct runq *rq, struct thread *curr, uint64_t now)
{
	struct sched_part *part = &curr->sched;
	int64_t ran = (int64_t)(now - rq->charge_stamp);
	// A CPU's counter may be read a little early by an unserialised instruction.
	if (unlikely(ran < 0))
		return;
	rq->charge_stamp = now;
	part->slice_left -= ran;
	if (unlikely(part->band < BAND_SYSTEM)) {
		if (curr != rq->idle)
			runq_charge_special(rq, curr, (uint64_t)ran, now);
		return;
	}
	struct fair_queue *queue = &rq->fair[part->band];
	if (unlikely(part->vruntime_home != queue->home))
		fair_arrive(queue, part);
	part->vruntime += (uint64_t)ran * part->inverse_weight >> 16;
	if (rbtree_is_empty(&queue->tree))
		fair_advance(queue, part->vruntime);
}

/** @prev has run until @now. Before it is queued again: the stamp means something else there. */
static inline void count_time(struct runq *rq, struct thread *prev, uint64_t now)
{
	uint64_t ran = now - prev->sched.stamp;
	prev->sched.run_ticks += ran;
	prev->sched.stamp = now;
	if (!prev->mm.space)
		rq->kernel_ticks += ran;
}

static inline void count_switch(struct runq *rq, struct thread *prev, enum switch_reason reason)
{
	if (reason == SWITCH_PREEMPT) {
		rq->switches_involuntary++;
		prev->sched.switches_involuntary++;
	} else {
		rq->switches_voluntary++;
		prev->sched.switches_voluntary++;
	}
}

/** The best ready thread; NULL = none. Locked. */
static inline struct thread *runq_first(struct runq *rq)
{
	uint32_t bands = load_relaxed(&rq->ready_bands);
	if (!bands)
		return NULL;
	uint32_t band = (uint32_t)__builtin_ctz(bands);
	if (unlikely(band < BAND_SYSTEM))
		return runq_first_special(rq);
	return rb_entry(rbtree_first(&rq->fair[band].tree), struct thread, sched.fair_node);
}

/** Put @thread in state READY, not queued, into @rq, which becomes its CPU's. Locked. */
static inline void runq_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	struct sched_part *part = &thread->sched;
	assert(!part->is_queued);
	// Only below the user band does the rank depend on the locks that the thread holds.
	if (unlikely(part->base_band > BAND_USER))
		thread_update_rank(thread);
	part->is_queued = 1;
	if (reason != ENQUEUE_MOVE)
		part->stamp = rq->charge_stamp;
	store_relaxed(&part->cpu, rq->cpu);
	if (likely(part->band >= BAND_SYSTEM))
		fair_enqueue(rq, thread, reason);
	else if (part->band == BAND_REALTIME)
		rt_enqueue(rq, thread, reason);
	else if (!deadline_enqueue(rq, thread, reason))
		return; // throttled
	store_relaxed(&rq->ready_bands, load_relaxed(&rq->ready_bands) | 1u << part->band);
	store_relaxed(&rq->ready_count, load_relaxed(&rq->ready_count) + 1);
}

static inline void runq_dequeue(struct runq *rq, struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	bool is_empty;
	assert(part->is_queued && load_relaxed(&part->cpu) == rq->cpu);
	if (likely(part->band >= BAND_SYSTEM)) {
		is_empty = fair_dequeue(rq, thread);
	} else if (part->band == BAND_REALTIME) {
		rt_dequeue(rq, thread);
		is_empty = (rq->rt_bits[0] | rq->rt_bits[1]) == 0;
	} else if (deadline_dequeue(rq, thread)) {
		is_empty = rbtree_is_empty(&rq->deadlines);
	} else {
		part->is_queued = 0;
		return; // it was throttled
	}
	part->is_queued = 0;
	if (is_empty)
		store_relaxed(&rq->ready_bands, load_relaxed(&rq->ready_bands) & ~(1u << part->band));
	store_relaxed(&rq->ready_count, load_relaxed(&rq->ready_count) - 1);
}

/** Take @thread off the queue in order to run it. */
static inline void runq_take(struct runq *rq, struct thread *thread)
{
	runq_dequeue(rq, thread);
	uint64_t units = (rq->charge_stamp - thread->sched.stamp) >> latency_shift;
	if (likely(units < SCHED_LATENCY_LINEAR))
		rq->latency[units]++;
	else
		latency_count_long(rq, units);
	if (likely(thread->sched.band >= BAND_SYSTEM))
		fair_advance(&rq->fair[thread->sched.band], thread->sched.vruntime);
}

/** @thread has just been queued: must the CPU's current thread, charged until now, make way, or its
 *  CPU at least start a slice timer that only it can start? Locked. */
static inline bool runq_must_kick(struct runq *rq, struct thread *thread, struct thread *curr)
{
	uint32_t rank = load_relaxed(&thread->sched.rank);
	if (likely(rank == load_relaxed(&curr->sched.rank)) && rank_is_fair(rank)) {
		if (fair_preempts(thread, curr))
			return true;
		if (rq->is_slice_armed)
			return false;
	}
	return runq_must_kick_slow(rq, thread, curr);
}
