// SPDX-License-Identifier: MIT
// The hand-over of a thread to a CPU that idles and polls.
//
// A CPU that idles and polls runs a thread of the user kind without its queue:
//
//   waker                                        idle CPU
//                                                is_polling = 1; look at `handed`
//   lock; is_polling, nobody queued:
//     thread RUNNING, handed = thread; unlock
//                                                is_polling = 0
//                                                lock; take `handed`: current; unlock
//
// One that comes too late for the lock finds is_polling 0. Between the two the thread is RUNNING and not yet current:
// who wants something of it kicks the CPU, whose resched word stays set until it is on the way to user mode.
#include "fair.h"

struct runq *sched_hand_over_begin(struct thread *next)
{
	struct runq *rq = cpu_runq(load_relaxed(&next->sched.cpu));
	if (rq->cpu == this_cpu() || !load_relaxed(&rq->is_polling))
		return NULL;
	spin_lock(&rq->lock);
	bool is_free = load_relaxed(&rq->is_polling) && !load_relaxed(&rq->handed) &&
		       !load_relaxed(&rq->ready_bands) && !rq->is_out;
	bool is_there = load_relaxed(&next->sched.cpu) == rq->cpu && load_relaxed(&next->state) == THREAD_BLOCKED &&
			!load_acquire(&next->on_cpu);
	if (likely(is_free && is_there && next->sched.band >= BAND_SYSTEM && !sched_keeps_timer))
		return rq;
	spin_unlock(&rq->lock);
	return NULL;
}

void sched_hand_over_cancel(struct runq *rq)
{
	spin_unlock(&rq->lock);
}

void sched_hand_over(struct runq *rq, struct thread *next)
{
	struct sched_part *part = &next->sched;
	struct fair_queue *queue = &rq->fair[part->band];
	uint64_t now = hal_clock_read();
	runq_charge(rq, rq->idle, now);
	count_time(rq, rq->idle, now);
	count_switch(rq, rq->idle, SWITCH_PREEMPT);
	// As fair_enqueue() does it with one that slept.
	if (unlikely(part->vruntime_home != queue->home))
		fair_arrive(queue, part);
	uint64_t least = queue->vtime - fair_bonus_ticks;
	if ((int64_t)(part->vruntime - least) < 0)
		part->vruntime = least;
	fair_renew(part);
	part->stamp = now;
	store_relaxed(&next->on_cpu, 1);
	store_relaxed(&next->state, THREAD_RUNNING);
	store_relaxed(&rq->handed, next);
	spin_unlock(&rq->lock);
}

bool sched_take_handed(struct runq *rq)
{
	struct hal_percpu *self = hal_percpu();
	struct thread *idle = rq->idle;
	spin_lock(&rq->lock);
	struct thread *next = load_relaxed(&rq->handed);
	if (!next) {
		spin_unlock(&rq->lock);
		return false;
	}
	store_relaxed(&rq->handed, NULL);
	rq->prev = idle;
	hal_explore_point(&self->current);
	__atomic_store_n(&self->current, next, __ATOMIC_RELEASE);
	// As in switch_begin(). What was set since stays set.
	if (unlikely(load_relaxed(&next->pending) || load_relaxed(&sched_rt_waiting)))
		store_relaxed(&self->resched, SCHED_PENDING | SCHED_RESCHED);
	struct thread *other = runq_first(rq);
	spin_unlock(&rq->lock);
	idle_set_remove(rq->cpu);
	fence_seq_cst(); // is_polling was 0 before the last look at resched, on the way to user mode
	cpuid_t cpu;
	// Queued since, by one who took the CPU for idle: let another one that idles come for it.
	if (unlikely(other) && idle_set_find(other, rq, &cpu))
		sched_kick(cpu_runq(cpu));
	hal_context_set_entry_stack(next->stack_top);
	if (next->mm.space)
		upcall_activate_space(next->mm.space);
	if (self->has_fpu | (uintptr_t)next->fpu)
		sched_switch_fpu(idle, next);
	hal_context_switch(&idle->context, &next->context, next->stack_top);
	upcall_finish_switch();
	return true;
}
