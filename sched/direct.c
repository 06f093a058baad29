// SPDX-License-Identifier: MIT
// Waking a thread that preempts who wakes it, and the switch to it, in one step on this CPU: what a signal
// and a one-way message do that a real-time thread waits for. The outcome is that of a wake and of a
// preemption on the way to user mode, which is what happens in all other cases.
//
// Unlike in a call, current stays ready. It is queued as one that was preempted, with its time charged, under
// the run-queue lock; while its on_cpu is set no other CPU takes it, and entry code clears that when it
// is off the stack.
#include "fair.h"

/** Nobody in the queue goes before real time, or is as good. */
static inline bool is_first(struct runq *rq)
{
	return !(load_relaxed(&rq->ready_bands) & (1u << BAND_DEADLINE | 1u << BAND_REALTIME)) &&
	       !rq->is_rt_throttled;
}

/** @self, current and of a fair band, has run until @now and is ready from now on. Locked. It is not offered to
 *  an idle CPU at once, as one is that a longer piece of work preempts. */
static inline void put_back(struct runq *rq, struct thread *self, uint32_t band, uint64_t now)
{
	struct sched_part *part = &self->sched;
	struct fair_queue *queue = &rq->fair[band];
	int64_t ran = (int64_t)(now - rq->charge_stamp);
	int64_t left = part->slice_left;
	if (unlikely(part->vruntime_home != queue->home))
		fair_arrive(queue, part);
	if (likely(ran >= 0)) { // as in runq_charge()
		rq->charge_stamp = now;
		part->slice_left = left -= ran;
		part->vruntime += (uint64_t)ran * part->inverse_weight >> 16;
	}
	part->run_ticks += now - part->stamp;
	part->stamp = now;
	part->switches_involuntary++;
	rq->switches_involuntary++;
	if (unlikely(left <= 0))
		fair_renew(part);
	part->is_queued = 1;
	store_relaxed(&self->state, THREAD_READY);
	if (likely(rbtree_is_empty(&queue->tree))) {
		fair_advance(queue, part->vruntime);
		rbtree_insert_only(&queue->tree, &part->fair_node);
	} else {
		fair_insert(queue, part);
	}
	store_relaxed(&rq->ready_bands, load_relaxed(&rq->ready_bands) | 1u << band);
	store_relaxed(&rq->ready_count, load_relaxed(&rq->ready_count) + 1);
}

static no_inline struct upcall_resume wake(struct thread *next)
{
	struct trapframe *tf = current_thread()->tf;
	(void)!sched_wake(next);
	exit_user_work(tf);
	return (struct upcall_resume){tf, NULL};
}

/** Let @next, blocked on another CPU, be one of this CPU's from now on, if it may run here. */
static bool bring(struct hal_percpu *cpu, struct thread *next)
{
	struct runq *home = runq_lock_of(next);
	bool can_come = sched_may_run_on(next, cpu->cpu) && !load_acquire(&next->on_cpu) &&
			online_runq(cpu->cpu);
	if (can_come) {
		fair_depart(home, next);
		home->migrations++;
		next->sched.migrations++;
		store_release(&next->sched.cpu, cpu->cpu);
	}
	spin_unlock(&home->lock);
	return can_come;
}

static no_inline struct upcall_resume wake_from_elsewhere(struct hal_percpu *cpu, struct thread *next)
{
	return bring(cpu, next) ? sched_wake_direct(cpu, next) : wake(next);
}

struct upcall_resume sched_wake_direct(struct hal_percpu *cpu, struct thread *next)
{
	struct runq *rq = this_cpu_ptr(runq);
	struct thread *self = cpu->current;
	uint32_t band = self->sched.band;
	// The rank of one below the user band depends on more.
	if (unlikely(next->sched.band != BAND_REALTIME || band < BAND_SYSTEM ||
		     self->sched.base_band > BAND_USER || !spin_trylock(&rq->lock)))
		return wake(next);
	if (unlikely(load_relaxed(&next->sched.cpu) != rq->cpu)) {
		spin_unlock(&rq->lock);
		return wake_from_elsewhere(cpu, next);
	}
	// `pending` under the lock: who sets it takes the lock next, and finds the thread RUNNING.
	if (unlikely(!is_first(rq) || load_relaxed(&next->pending))) {
		spin_unlock(&rq->lock);
		return wake(next);
	}
	assert(!load_relaxed(&next->on_cpu)); // this CPU, where it was, has left it
	uint64_t now = hal_clock_read_unordered(); // of what this CPU did
	put_back(rq, self, band, now);
	next->sched.stamp = now;
	store_relaxed(&next->state, THREAD_RUNNING);
	store_relaxed(&next->on_cpu, 1);
	hal_explore_point(&cpu->current);
	__atomic_store_n(&cpu->current, next, __ATOMIC_RELEASE);
	if (unlikely(!rq->is_slice_soon))
		runq_arm_soon(rq);
	spin_unlock(&rq->lock);
	hal_context_set_entry_stack(next->stack_top);
	if (unlikely(cpu->has_fpu | (uintptr_t)next->fpu))
		sched_switch_fpu(self, next);
	return upcall_ipc_leave(cpu, self, next);
}
