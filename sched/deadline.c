// SPDX-License-Identifier: MIT
// The deadline class: earliest deadline first among reservations of `runtime` in every `period`, each
// kept by a constant-bandwidth server. Who uses its runtime up is throttled until the next period, so
// an overrun harms nobody else; who wakes with more budget than its bandwidth allows until its
// deadline begins a new period.
//
// Reservations are partitioned: each is admitted on one CPU, where it stays, so that EDF keeps every
// deadline as long as a CPU's bandwidth is at most its share. (A global order would admit sets that
// miss deadlines.) While it holds one, the thread's affinity is that CPU; the affinity it was given is
// kept beside and put back afterwards.
//
// A throttled thread is READY, is_queued, and in no tree; a timer brings it back. A thread that
// inherits this band without a reservation runs by the deadline of whom it inherits from and is not
// charged.
#include <kernel/param.h>
#include <lib/bitmap.h>
#include <mm/slab.h>
#include <sched/mutex.h>
#include <uapi/errno.h>

#include "fair.h"

#define PERIOD_MIN (100 * NSEC_PER_USEC)
#define PERIOD_MAX (4 * NSEC_PER_SEC) // below 2^32: bandwidths are exact in 64 bits
#define RUNTIME_MIN 1024u
#define SHARE_DEFAULT 95

// ---- the server, in made-up time too ----------------------------------------------------------------

static void begin_period(struct deadline *deadline, uint64_t now)
{
	deadline->budget = (int64_t)deadline->runtime;
	deadline->absolute = now + deadline->relative;
	deadline->next = now + deadline->period;
}

void deadline_wake(struct deadline *deadline, uint64_t now)
{
	int64_t left = (int64_t)(deadline->absolute - now);
	if (deadline->budget <= 0 && (int64_t)(deadline->next - now) > 0)
		return; // throttled, asleep or not
	unsigned __int128 wants = (unsigned __int128)(uint64_t)max(deadline->budget, (int64_t)0) *
				  deadline->relative;
	unsigned __int128 may = (unsigned __int128)(uint64_t)max(left, (int64_t)0) * deadline->runtime;
	if (left <= 0 || wants > may)
		begin_period(deadline, now);
}

void deadline_charge(struct deadline *deadline, uint64_t ran)
{
	deadline->budget -= (int64_t)ran;
}

bool deadline_replenish(struct deadline *deadline, uint64_t now)
{
	if (deadline->budget > 0)
		return true;
	if ((int64_t)(deadline->next - now) > 0)
		return false;
	int64_t owed = deadline->budget;
	uint64_t start = deadline->next;
	if (now - start >= deadline->period)
		start = now;
	begin_period(deadline, start);
	// What was overrun is owed: the bandwidth holds over many periods.
	deadline->budget += owed;
	return deadline->budget > 0;
}

// ---- run queue ----------------------------------------------------------------------------------------

static bool has_reservation(const struct thread *thread)
{
	return thread->sched.policy == SCHED_DEADLINE;
}

/** It inherits the band: its own budget does not count meanwhile. */
static bool is_raised(const struct thread *thread)
{
	return thread->sched.inherited >= sched_rank(BAND_DEADLINE, 0);
}

static bool node_goes_before(const struct rbnode *a, const struct rbnode *b)
{
	return deadline_goes_before(rb_entry(a, struct thread, sched.fair_node),
				    rb_entry(b, struct thread, sched.fair_node));
}

static void await_next(struct deadline *deadline, uint64_t now)
{
	int64_t left = max((int64_t)(deadline->next - now), (int64_t)0);
	timer_set(&deadline->timer, time_now() + time_from_ticks((uint64_t)left) + NSEC_PER_USEC);
}

bool deadline_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	struct sched_part *part = &thread->sched;
	uint64_t now = hal_clock_read();
	if (has_reservation(thread)) {
		struct deadline *deadline = part->deadline;
		if (reason == ENQUEUE_WAKE || reason == ENQUEUE_NEW)
			deadline_wake(deadline, now);
		if (!deadline_replenish(deadline, now) && !is_raised(thread)) {
			deadline->is_throttled = true;
			await_next(deadline, now);
			return false;
		}
		part->deadline_key = is_raised(thread) &&
					     (int64_t)(part->inherited_key - deadline->absolute) < 0 ?
					     part->inherited_key : deadline->absolute;
	} else {
		part->deadline_key = part->inherited_key;
	}
	rbtree_insert(&rq->deadlines, &part->fair_node, node_goes_before);
	return true;
}

bool deadline_dequeue(struct runq *rq, struct thread *thread)
{
	struct deadline *deadline = thread->sched.deadline;
	if (has_reservation(thread) && deadline->is_throttled) {
		deadline->is_throttled = false;
		timer_cancel(&deadline->timer); // if it has fired already it finds nothing to do
		return false;
	}
	rbtree_remove(&rq->deadlines, &thread->sched.fair_node);
	return true;
}

struct thread *deadline_first(struct runq *rq)
{
	return rbtree_first_entry(&rq->deadlines, struct thread, sched.fair_node);
}

void deadline_charge_current(struct thread *curr, uint64_t ran)
{
	if (has_reservation(curr) && !is_raised(curr))
		deadline_charge(curr->sched.deadline, ran);
}

bool deadline_leaves(struct runq *rq, struct thread *prev)
{
	if (prev == rq->idle || !has_reservation(prev) || is_raised(prev) ||
	    deadline_replenish(prev->sched.deadline, hal_clock_read()))
		return false;
	store_relaxed(&prev->state, THREAD_READY);
	runq_enqueue_throttled(rq, prev);
	return true;
}

void deadline_yield(struct thread *curr)
{
	if (has_reservation(curr))
		curr->sched.deadline->budget = min(curr->sched.deadline->budget, (int64_t)0);
}

/** thread's period begins: back into the tree. */
static void unthrottle(struct timer *timer)
{
	struct deadline *deadline = container_of(timer, struct deadline, timer);
	struct thread *thread = deadline->thread;
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(thread, &flags);
	if (deadline->is_throttled && deadline_replenish(deadline, hal_clock_read())) {
		thread_unsettle(rq, thread);
		runq_charge_now(rq);
		thread_settle(rq, thread, true);
	} else if (deadline->is_throttled && !timer_is_queued(timer)) {
		await_next(deadline, hal_clock_read()); // it is owing still
	}
	spin_unlock(&rq->lock);
	hal_irq_restore(flags);
}

static void overrun_fired(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, overrun_timer);
	spin_lock(&rq->lock);
	runq_charge_now(rq);
	struct thread *curr = current_thread();
	if (curr->sched.band == BAND_DEADLINE && curr != rq->idle)
		deadline_arm(rq, curr);
	spin_unlock(&rq->lock);
}

void deadline_arm(struct runq *rq, struct thread *curr)
{
	if (curr == rq->idle || !has_reservation(curr) || is_raised(curr))
		return;
	int64_t left = curr->sched.deadline->budget;
	if (left <= 0) {
		store_relaxed(&hal_percpu()->resched, SCHED_RESCHED);
		return;
	}
	timer_cancel(&rq->overrun_timer);
	timer_set(&rq->overrun_timer, time_now() + time_from_ticks((uint64_t)left));
}

void deadline_init_queue(struct runq *rq)
{
	timer_init(&rq->overrun_timer, overrun_fired);
}

// ---- admission ------------------------------------------------------------------------------------------

static uint64_t share_of_a_cpu(void)
{
	uint64_t percent = param_get_u64("rt.share", SHARE_DEFAULT);
	if (percent < 1 || percent > 100)
		percent = SHARE_DEFAULT;
	return (percent << DEADLINE_BANDWIDTH_SHIFT) / 100;
}

static uint64_t bandwidth_of(const struct sched_deadline *wanted)
{
	return (wanted->runtime << DEADLINE_BANDWIDTH_SHIFT) / wanted->period;
}

static bool is_valid(const struct sched_deadline *wanted)
{
	return wanted->runtime >= RUNTIME_MIN && wanted->runtime <= wanted->deadline &&
	       wanted->deadline <= wanted->period && wanted->period >= PERIOD_MIN &&
	       wanted->period <= PERIOD_MAX;
}

/** @bandwidth fits on @rq's CPU beside the others. @thread's own reservation does not count. */
static bool fits(struct runq *rq, struct thread *thread, uint64_t bandwidth)
{
	uint64_t used = load_relaxed(&rq->deadline_bandwidth);
	struct deadline *own = thread->sched.deadline;
	if (has_reservation(thread) && own->reserved_on == rq)
		used -= own->bandwidth;
	return bandwidth <= share_of_a_cpu() && used <= share_of_a_cpu() - bandwidth;
}

/** The affinity that @thread was given. */
static struct cpuset *wanted_affinity(struct thread *thread)
{
	return has_reservation(thread) ? load_relaxed(&thread->sched.deadline->wanted) :
					 load_relaxed(&thread->sched.affinity);
}

/** A CPU for @bandwidth: the thread's present one if it can, else the first (leaves room for large
 *  ones on the others). NULL: none has so much left. */
static struct runq *find_cpu(struct thread *thread, uint64_t bandwidth)
{
	struct cpuset *affinity = wanted_affinity(thread);
	cpuid_t home = load_relaxed(&thread->sched.cpu);
	for (unsigned i = 0; i <= sched_cpus; i++) {
		cpuid_t cpu = i == 0 ? home : i - 1;
		struct runq *rq = online_runq(cpu);
		if (rq && (!affinity || bitmap_test(affinity->bits, cpu)) && fits(rq, thread, bandwidth))
			return rq;
	}
	return NULL;
}

static void unreserve(struct deadline *deadline)
{
	fetch_sub_release(&deadline->reserved_on->deadline_bandwidth, deadline->bandwidth);
	deadline->reserved_on = NULL;
	deadline->bandwidth = 0;
}

static struct deadline *create(struct thread *thread)
{
	struct deadline *deadline = kzalloc(sizeof(*deadline));
	if (!deadline)
		return NULL;
	deadline->thread = thread;
	timer_init(&deadline->timer, unthrottle);
	return deadline;
}

/** Make @thread's class what @wanted says; it is on @rq's CPU, or goes there when it wakes. */
static void set_class(struct thread *thread, const struct sched_deadline *wanted)
{
	struct deadline *deadline = thread->sched.deadline;
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(thread, &flags);
	bool was_queued = thread_unsettle(rq, thread);
	deadline->runtime = time_to_ticks(wanted->runtime);
	deadline->relative = time_to_ticks(wanted->deadline);
	deadline->period = time_to_ticks(wanted->period);
	begin_period(deadline, hal_clock_read());
	policy_set_class(thread, SCHED_DEADLINE, 0);
	thread_settle(rq, thread, was_queued);
	if (runq_current(rq) == thread)
		sched_kick(rq); // starts the timer of its overrun
	spin_unlock(&rq->lock);
	hal_irq_restore(flags);
}

static err_t reserve(struct thread *thread, const struct sched_deadline *wanted)
{
	uint64_t bandwidth = bandwidth_of(wanted);
	struct runq *rq = find_cpu(thread, bandwidth);
	if (!rq)
		return -EBUSY;
	struct cpuset one = {{0}}, given;
	bitmap_set(one.bits, rq->cpu);
	struct cpuset *here = affinity_create(&one), *keep = wanted_affinity(thread);
	if (!thread->sched.deadline)
		thread->sched.deadline = create(thread);
	if (keep && !has_reservation(thread)) {
		given = *keep;
		keep = affinity_create(&given);
	}
	struct deadline *deadline = thread->sched.deadline;
	bool had_affinity = wanted_affinity(thread);
	if (!here || !deadline || (had_affinity && !keep)) {
		kfree(here);
		return -ENOMEM;
	}
	if (deadline->reserved_on)
		unreserve(deadline);
	fetch_add_relaxed(&rq->deadline_bandwidth, bandwidth);
	deadline->reserved_on = rq;
	deadline->bandwidth = bandwidth;
	store_release(&deadline->wanted, keep);
	deadline->as_set = *wanted;
	affinity_set(thread, here);
	set_class(thread, wanted);
	return 0;
}

err_t sched_set_deadline(struct thread *thread, const struct sched_deadline *wanted)
{
	struct sched_deadline full = *wanted;
	if (!full.period)
		full.period = full.deadline;
	if (!is_valid(&full))
		return -EINVAL;
	sched_mutex_lock(&affinity_mutex);
	err_t err = reserve(thread, &full);
	sched_mutex_unlock(&affinity_mutex);
	if (err)
		return err;
	pi_rank_changed(thread);
	sched_preempt_point();
	return 0;
}

void sched_get_deadline(struct thread *thread, struct sched_deadline *params)
{
	sched_mutex_lock(&affinity_mutex);
	*params = has_reservation(thread) ? thread->sched.deadline->as_set : (struct sched_deadline){0};
	sched_mutex_unlock(&affinity_mutex);
}

void deadline_leave(struct thread *thread)
{
	struct deadline *deadline = thread->sched.deadline;
	unreserve(deadline);
	affinity_set(thread, load_relaxed(&deadline->wanted));
	store_relaxed(&deadline->wanted, NULL);
}

err_t deadline_set_affinity(struct thread *thread, const struct cpuset *cpus, struct cpuset *fresh)
{
	struct deadline *deadline = thread->sched.deadline;
	if (!bitmap_test(cpus->bits, deadline->reserved_on->cpu))
		return -EBUSY;
	struct cpuset *old = load_relaxed(&deadline->wanted);
	store_release(&deadline->wanted, fresh);
	affinity_free_later(old);
	return 0;
}

void deadline_thread_exit(struct thread *thread)
{
	if (has_reservation(thread) && thread->sched.deadline->reserved_on)
		unreserve(thread->sched.deadline);
}
