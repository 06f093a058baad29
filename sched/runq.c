// SPDX-License-Identifier: MIT
// The run queue of a CPU: which thread is best, when the running one must make way, and the slice
// timer. The timer is armed only while somebody of the running thread's own rank waits, and is left
// armed over switches: when it fires it looks at the slice of whoever runs then.
#include "runq.h"

DEFINE_PERCPU(struct runq, runq);

static void slice_fired(struct timer *timer);

void runq_init(struct runq *rq, cpuid_t cpu, struct thread *idle)
{
	spin_init(&rq->lock);
	rq->cpu = cpu;
	rq->idle = idle;
	rq->prev = idle;
	timer_init(&rq->slice_timer, slice_fired);
	for (unsigned i = 0; i < RT_PRIORITIES; i++)
		list_init(&rq->rt[i]);
	for (unsigned i = 0; i < BANDS; i++)
		rbtree_init(&rq->fair[i].tree);
	rq->charge_stamp = rq->start_ticks = rq->load_next = hal_clock_read();
}

void thread_update_rank(struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	uint32_t band = part->base_band;
	if (band > BAND_USER && part->lock_depth)
		band = BAND_USER;
	part->band = band;
	store_relaxed(&part->rank, sched_rank(band, part->rt_priority));
}

void runq_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	struct sched_part *part = &thread->sched;
	assert(!part->is_queued);
	// Only below the user band does the rank depend on the locks that the thread holds.
	if (unlikely(part->base_band > BAND_USER))
		thread_update_rank(thread);
	part->is_queued = 1;
	store_relaxed(&part->cpu, rq->cpu);
	if (likely(part->band >= BAND_SYSTEM))
		fair_enqueue(rq, thread, reason);
	else
		rt_enqueue(rq, thread, reason);
	store_relaxed(&rq->ready_bands, load_relaxed(&rq->ready_bands) | 1u << part->band);
	store_relaxed(&rq->ready_count, load_relaxed(&rq->ready_count) + 1);
}

static bool band_is_empty(struct runq *rq, uint32_t band)
{
	return band >= BAND_SYSTEM ? rbtree_is_empty(&rq->fair[band].tree) :
				     (rq->rt_bits[0] | rq->rt_bits[1]) == 0;
}

void runq_dequeue(struct runq *rq, struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	assert(part->is_queued && load_relaxed(&part->cpu) == rq->cpu);
	if (likely(part->band >= BAND_SYSTEM))
		fair_dequeue(rq, thread);
	else
		rt_dequeue(rq, thread);
	part->is_queued = 0;
	if (band_is_empty(rq, part->band))
		store_relaxed(&rq->ready_bands, load_relaxed(&rq->ready_bands) & ~(1u << part->band));
	store_relaxed(&rq->ready_count, load_relaxed(&rq->ready_count) - 1);
}

struct thread *runq_first(struct runq *rq)
{
	uint32_t bands = load_relaxed(&rq->ready_bands);
	if (!bands)
		return NULL;
	uint32_t band = (uint32_t)__builtin_ctz(bands);
	return band >= BAND_SYSTEM ? fair_first(rq, band) : rt_first(rq);
}

bool runq_must_kick(struct runq *rq, struct thread *thread, struct thread *curr)
{
	uint32_t rank = load_relaxed(&thread->sched.rank);
	uint32_t curr_rank = load_relaxed(&curr->sched.rank);
	if (rank != curr_rank)
		return rank > curr_rank;
	if (rank_is_fair(rank) ? fair_preempts(thread, curr) : false)
		return true;
	if (rq->is_slice_armed || (!rank_is_fair(rank) && curr->sched.policy == SCHED_FIFO))
		return false;
	if (rq->cpu != this_cpu())
		return true; // timers are set on their own CPU only
	runq_arm_slice(rq, curr);
	return false;
}

bool runq_must_switch(struct runq *rq, struct thread *curr, enum switch_reason reason)
{
	struct thread *first = runq_first(rq);
	if (!first)
		return false;
	struct sched_part *part = &curr->sched;
	if (unlikely(part->base_band > BAND_USER))
		thread_update_rank(curr);
	uint32_t rank = load_relaxed(&first->sched.rank);
	uint32_t curr_rank = load_relaxed(&part->rank);
	if (rank != curr_rank)
		return rank > curr_rank;
	if (reason == SWITCH_YIELD)
		return true;
	if (!rank_is_fair(rank))
		return part->policy == SCHED_RR && part->slice_left <= 0;
	if (part->slice_left > 0)
		return fair_preempts(first, curr);
	fair_renew(part);
	return (int64_t)(first->sched.vdeadline - part->vdeadline) < 0;
}

/** Somebody waits for the end of @curr's slice. */
static bool has_rival(struct runq *rq, struct thread *curr)
{
	struct sched_part *part = &curr->sched;
	if (!(load_relaxed(&rq->ready_bands) >> part->band & 1))
		return false;
	return part->band >= BAND_SYSTEM ||
	       (part->policy == SCHED_RR && !list_is_empty(&rq->rt[part->rt_priority]));
}

void runq_arm_slice(struct runq *rq, struct thread *curr)
{
	if (rq->is_slice_armed || curr == rq->idle)
		return;
	if (!has_rival(rq, curr) && likely(!sched_keeps_timer))
		return;
	int64_t ticks = curr->sched.slice_left;
	int64_t least = (int64_t)(sched_slice_ticks >> 4);
	rq->is_slice_armed = true;
	timer_set(&rq->slice_timer, time_now() + time_from_ticks((uint64_t)max(ticks, least)));
}

void runq_disarm_slice(struct runq *rq)
{
	if (!rq->is_slice_armed)
		return;
	// Not queued any more: it fires as soon as interrupts are on, and finds nothing to do.
	if (timer_cancel(&rq->slice_timer))
		rq->is_slice_armed = false;
}

static void slice_fired(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, slice_timer);
	struct thread *curr = current_thread();
	spin_lock(&rq->lock);
	rq->is_slice_armed = false;
	runq_charge(rq, curr, hal_clock_read());
	bool is_over = curr->sched.slice_left <= 0 && has_rival(rq, curr);
	if (is_over)
		store_relaxed(&hal_percpu()->resched, SCHED_RESCHED);
	else
		runq_arm_slice(rq, curr);
	spin_unlock(&rq->lock);
	balance_push(rq);
}

static bool is_movable(struct thread *thread, cpuid_t cpu)
{
	// One that has not left its stack can be resumed by the CPU that it is leaving only.
	return !load_acquire(&thread->on_cpu) && sched_may_run_on(thread, cpu);
}

static struct thread *first_movable_rt(struct runq *rq, cpuid_t cpu)
{
	unsigned scanned = 0;
	for (unsigned priority = RT_PRIORITIES; priority-- > 1;) {
		struct thread *thread;
		if (!(rq->rt_bits[priority / 64] >> priority % 64 & 1))
			continue;
		list_for_each_entry(thread, &rq->rt[priority], sched.rt_node) {
			if (is_movable(thread, cpu))
				return thread;
			if (++scanned == STEAL_SCAN)
				return NULL;
		}
	}
	return NULL;
}

struct thread *runq_first_movable(struct runq *rq, cpuid_t cpu)
{
	if (load_relaxed(&rq->ready_bands) & 1u << BAND_REALTIME) {
		struct thread *thread = first_movable_rt(rq, cpu);
		if (thread)
			return thread;
	}
	for (uint32_t band = BAND_SYSTEM; band < BANDS; band++) {
		struct thread *thread = fair_first(rq, band);
		for (unsigned i = 0; thread && i < STEAL_SCAN; i++) {
			if (is_movable(thread, cpu))
				return thread;
			thread = rbtree_next_entry(thread, sched.fair_node);
		}
	}
	return NULL;
}

struct thread *runq_last_movable(struct runq *rq, cpuid_t cpu)
{
	for (uint32_t band = BANDS; band-- > BAND_SYSTEM;) {
		struct thread *thread = rbtree_last_entry(&rq->fair[band].tree, struct thread,
							  sched.fair_node);
		for (unsigned i = 0; thread && i < STEAL_SCAN; i++) {
			if (is_movable(thread, cpu))
				return thread;
			thread = rbtree_prev_entry(thread, sched.fair_node);
		}
	}
	return NULL;
}

void runq_take_away(struct runq *rq, struct thread *thread, struct runq *to)
{
	runq_dequeue(rq, thread);
	fair_depart(rq, thread);
	rq->migrations++;
	thread->sched.migrations++;
	store_relaxed(&thread->sched.cpu, to->cpu);
}
