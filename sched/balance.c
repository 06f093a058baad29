// SPDX-License-Identifier: MIT
// Moving ready threads between CPUs: an idle CPU takes one from the CPU that has most, of those that
// share its cache, else of its node, else of the next nearest node; a CPU whose slice timer runs, which
// means that threads wait, gives half of what it has more than the least loaded; a CPU that would go on
// to worse work takes real-time threads that wait elsewhere. Of equal CPUs the nearest is taken. A moved
// thread is never out of sight: it is READY with sched.cpu naming the queue that it goes to.
#include "fair.h"

#define PUSH_MAX 8 // threads moved at once: bounds the time with interrupts off

/** Take one ready thread from @victim to @rq. */
static bool steal_from(struct runq *victim, struct runq *rq)
{
	spin_lock(&victim->lock);
	struct thread *thread = runq_first_movable(victim, rq->cpu);
	if (thread)
		runq_take_away(victim, thread, rq);
	spin_unlock(&victim->lock);
	if (!thread)
		return false;
	spin_lock(&rq->lock);
	runq_enqueue(rq, thread, ENQUEUE_MOVE);
	rq->steals++;
	spin_unlock(&rq->lock);
	return true;
}

static bool steal_in(struct runq *rq, struct cpu_span span)
{
	struct runq *best = NULL;
	uint32_t most = 0;
	for (cpuid_t cpu = span.first; cpu < span.end; cpu++) {
		struct runq *victim = cpu == rq->cpu ? NULL : online_runq(cpu);
		uint32_t ready = victim ? load_relaxed(&victim->ready_count) : 0;
		if (ready > most) {
			best = victim;
			most = ready;
		}
	}
	if (!best)
		return false;
	if (steal_from(best, rq))
		return true;
	// All of the best's are bound to it: try the others.
	for (cpuid_t cpu = span.first; cpu < span.end; cpu++) {
		struct runq *victim = cpu == rq->cpu ? NULL : online_runq(cpu);
		if (victim && victim != best && load_relaxed(&victim->ready_count) &&
		    steal_from(victim, rq))
			return true;
	}
	return false;
}

bool balance_steal(struct runq *rq)
{
	for (unsigned i = rq->near_from; i <= sched_nodes; i++) {
		if (steal_in(rq, near_span(rq, i)))
			return true;
	}
	return false;
}

static struct runq *least_loaded(struct runq *rq)
{
	struct runq *best = rq;
	uint32_t least = runq_load(rq);
	for (unsigned i = 1; i < sched_cpus; i++) {
		struct runq *other = online_runq(cpu_near(rq, i));
		uint32_t load = other ? runq_load(other) : UINT32_MAX;
		if (load < least) {
			best = other;
			least = load;
		}
	}
	return best;
}

void balance_push(struct runq *rq)
{
	struct thread *moved[PUSH_MAX];
	unsigned count = 0;
	if (load_relaxed(&rq->ready_count) == 0)
		return;
	struct runq *to = least_loaded(rq);
	uint32_t mine = runq_load(rq), theirs = runq_load(to);
	if (to == rq || mine < theirs + 2)
		return;
	unsigned wanted = min((mine - theirs) / 2, (uint32_t)PUSH_MAX);
	spin_lock(&rq->lock);
	while (count < wanted) {
		struct thread *thread = runq_last_movable(rq, to->cpu);
		if (!thread)
			break;
		runq_take_away(rq, thread, to);
		moved[count++] = thread;
	}
	spin_unlock(&rq->lock);
	for (unsigned i = 0; i < count; i++)
		runq_push(to, moved[i], ENQUEUE_MOVE);
}

/** The best that @rq's CPU, which is this one, would run if it were left alone. */
static bool has_rt(struct runq *rq)
{
	struct thread *curr = current_thread();
	return load_relaxed(&rq->ready_bands) & 1u << BAND_REALTIME ||
	       (load_relaxed(&curr->state) == THREAD_RUNNING &&
		!rank_is_fair(load_relaxed(&curr->sched.rank)));
}

void balance_pull_rt(struct runq *rq)
{
	if (has_rt(rq))
		return;
	for (unsigned i = 1; i < sched_cpus; i++) {
		struct runq *victim = online_runq(cpu_near(rq, i));
		if (!victim || !(load_relaxed(&victim->ready_bands) & 1u << BAND_REALTIME))
			continue;
		// One that is about to run at home is better left there.
		if (rank_is_fair(load_relaxed(&runq_current(victim)->sched.rank)))
			continue;
		if (steal_from(victim, rq))
			return;
	}
}
