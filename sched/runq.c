// SPDX-License-Identifier: MIT
// The run queue of a CPU: which thread is best, when the running one must make way, and the slice
// timer. The timer is armed only while somebody of the running thread's own rank waits, or was left for one that
// he has woken (direct.c), and is left armed over switches: when it fires it looks at the slice of
// whoever runs then.
#include "fair.h"

DEFINE_PERCPU(struct runq, runq);
struct runq *sched_runqs[CPUS_MAX];
struct runq *sched_online[CPUS_MAX];

static void slice_fired(struct timer *timer);

void runq_init(struct runq *rq, cpuid_t cpu, struct thread *idle)
{
	spin_init(&rq->lock);
	rq->cpu = cpu;
	rq->percpu = hal_percpu();
	rq->idle = idle;
	rq->prev = idle;
	timer_init(&rq->slice_timer, slice_fired);
	deadline_init_queue(rq);
	sample_init(rq);
	for (unsigned i = 0; i < RT_PRIORITIES; i++)
		list_init(&rq->rt[i]);
	for (unsigned i = 0; i < BANDS; i++)
		rq->fair[i].home = cpu * BANDS + i;
	rq->charge_stamp = rq->start_ticks = rq->load_next = rq->event_next = hal_clock_read();
}

uint32_t thread_own_rank(const struct thread *thread)
{
	const struct sched_part *part = &thread->sched;
	uint32_t band = part->base_band;
	if (band > BAND_USER && load_relaxed(&part->lock_depth))
		band = BAND_USER;
	return sched_rank(band, part->rt_priority);
}

void thread_update_rank(struct thread *thread)
{
	struct sched_part *part = &thread->sched;
	uint32_t rank = max(thread_own_rank(thread), part->inherited);
	part->band = BANDS - (rank >> 8);
	part->queue_priority = rank & RANK_PRIORITY;
	store_relaxed(&part->rank, rank);
}

bool runq_must_kick_slow(struct runq *rq, struct thread *thread, struct thread *curr)
{
	uint32_t rank = load_relaxed(&thread->sched.rank);
	uint32_t curr_rank = load_relaxed(&curr->sched.rank);
	if (rank != curr_rank)
		return rank > curr_rank || rt_makes_way(rq, curr, thread);
	if (thread->sched.band == BAND_DEADLINE)
		return deadline_goes_before(thread, curr);
	if (rq->is_slice_armed || (!rank_is_fair(rank) && curr->sched.policy != SCHED_RR))
		return false;
	if (rq->cpu != this_cpu())
		return true; // timers are set on their own CPU only
	runq_arm_slice(rq, curr);
	return false;
}

bool runq_must_switch(struct thread *curr, struct thread *first)
{
	struct sched_part *part = &curr->sched;
	if (part->band == BAND_DEADLINE)
		return deadline_goes_before(first, curr);
	if (!rank_is_fair(load_relaxed(&first->sched.rank)))
		return part->policy == SCHED_RR && part->slice_left <= 0;
	if (part->slice_left > 0)
		return fair_preempts(first, curr);
	fair_renew(part);
	// Two equal ones are due at the same time, one or two slices each as timers happen to be late: who
	// has just had a slice lets the other go first if he is due that little later.
	return (int64_t)(first->sched.vdeadline - part->vdeadline) <= (int64_t)fair_bonus_ticks;
}

/** The best ready thread while real time has used up its share: a fair one, if there is one. */
static struct thread *first_throttled(struct runq *rq)
{
	struct thread *curr = runq_current(rq);
	uint32_t fair = load_relaxed(&rq->ready_bands) >> BAND_SYSTEM;
	rt_charge(rq, 0, rq->charge_stamp); // the window may be over
	if (!rq->is_rt_throttled)
		return rt_first(rq);
	if (fair) {
		uint32_t band = BAND_SYSTEM + (uint32_t)__builtin_ctz(fair);
		return rb_entry(rbtree_first(&rq->fair[band].tree), struct thread, sched.fair_node);
	}
	// One that runs goes on; only if there is none does real time have the CPU all the same.
	bool is_fair_running = load_relaxed(&curr->state) == THREAD_RUNNING &&
			       curr->sched.band >= BAND_SYSTEM;
	return is_fair_running ? NULL : rt_first(rq);
}

struct thread *runq_first_special(struct runq *rq)
{
	if (load_relaxed(&rq->ready_bands) & 1u << BAND_DEADLINE)
		return deadline_first(rq);
	return rq->is_rt_throttled ? first_throttled(rq) : rt_first(rq);
}

void runq_charge_special(struct runq *rq, struct thread *curr, uint64_t ran, uint64_t now)
{
	// Deadlines count against the share of both, but are never held back by it: they were admitted.
	rt_charge(rq, ran, now);
	if (curr->sched.band == BAND_DEADLINE)
		deadline_charge_current(curr, ran);
}

void runq_charge_now(struct runq *rq)
{
	runq_charge(rq, runq_current(rq), hal_clock_read());
}

void runq_enqueue_throttled(struct runq *rq, struct thread *thread)
{
	runq_enqueue(rq, thread, ENQUEUE_PREEMPTED);
}

/** Somebody waits for the end of @curr's slice. */
static bool has_rival(struct runq *rq, struct thread *curr)
{
	struct sched_part *part = &curr->sched;
	if (!(load_relaxed(&rq->ready_bands) >> part->band & 1))
		return false;
	return part->band >= BAND_SYSTEM ||
	       (part->policy == SCHED_RR && !list_is_empty(&rq->rt[part->queue_priority]));
}

static inline uint64_t soon_ticks(void)
{
	return sched_slice_ticks >> 4;
}

void runq_arm_slice(struct runq *rq, struct thread *curr)
{
	int64_t ticks = INT64_MAX;
	if (rq->is_slice_armed || curr == rq->idle)
		return;
	if (has_rival(rq, curr) || unlikely(sched_keeps_timer))
		ticks = curr->sched.slice_left;
	if (unlikely(curr->sched.band == BAND_REALTIME || rq->is_rt_throttled))
		ticks = min(ticks, rt_ticks_left(rq, curr));
	if (ticks == INT64_MAX)
		return;
	ticks = max(ticks, (int64_t)soon_ticks());
	rq->is_slice_armed = true;
	timer_set(&rq->slice_timer, time_now() + time_from_ticks((uint64_t)ticks));
}

void runq_arm_soon(struct runq *rq)
{
	if (rq->is_slice_armed && !timer_cancel(&rq->slice_timer))
		return; // it fires as soon as interrupts are on
	rq->is_slice_armed = rq->is_slice_soon = true;
	timer_set(&rq->slice_timer, time_now() + time_from_ticks(soon_ticks()));
}

void runq_disarm_slice(struct runq *rq)
{
	// Not queued any more: it fires as soon as interrupts are on, and finds nothing to do.
	if (timer_cancel(&rq->slice_timer))
		rq->is_slice_armed = rq->is_slice_soon = false;
}

static void slice_fired(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, slice_timer);
	struct thread *curr = current_thread();
	spin_lock(&rq->lock);
	uint64_t now = hal_clock_read();
	bool was_throttled = rq->is_rt_throttled;
	rq->is_slice_armed = rq->is_slice_soon = false;
	runq_charge(rq, curr, now);
	if (was_throttled)
		rt_charge(rq, 0, now);
	bool is_over = curr->sched.slice_left <= 0 && has_rival(rq, curr);
	if (is_over || was_throttled != rq->is_rt_throttled)
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
		struct thread *thread = rbtree_first_entry(&rq->fair[band].tree, struct thread,
							   sched.fair_node);
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
	store_release(&thread->sched.cpu, to->cpu);
}
