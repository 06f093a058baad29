// SPDX-License-Identifier: MIT
// The switch from one thread to another.
//
// The run-queue lock is let go before the stacks are switched; what keeps a thread that is being
// left from running elsewhere meanwhile is on_cpu:
//
//   CPU A, leaving P                          CPU B
//   P.state = BLOCKED (waker's lock)
//   lock A; current = N; unlock A             sched_wake(P): lock A (P.cpu), P is blocked
//   ...still on P's stack...                  current of A is not P; P.on_cpu == 1:
//   hal_context_switch(P, N)                    P is queued on A, no other CPU takes it (is_movable)
//   on N: P.on_cpu = 0 (release)              had on_cpu been 0 (acquire): P is queued anywhere
//
// A picks P again only in a later switch, after the store. Waiting for on_cpu on B was rejected: B
// would spin with interrupts off, and two CPUs that exchange threads would wait for each other.
// If current of A is still P, A has not taken its lock yet: P becomes RUNNING and does not leave.
#include <hal/fpu.h>

#include "fair.h"

void sched_switch_fpu(struct thread *prev, struct thread *next)
{
	struct hal_percpu *self = hal_percpu();
	if (self->has_fpu && next->fpu) {
		hal_fpu_switch(prev->fpu, next->fpu);
		return;
	}
	if (self->has_fpu)
		hal_fpu_save(prev->fpu);
	if (next->fpu) {
		hal_fpu_restore(next->fpu);
		self->has_fpu = 1;
	} else if (self->has_fpu) {
		hal_fpu_disable();
		self->has_fpu = 0;
	}
}

/** Current must leave its CPU because of its affinity. */
static no_inline bool leave_for_affinity(struct runq *rq, struct thread *prev)
{
	if (sched_may_run_on(prev, rq->cpu))
		return false;
	store_relaxed(&prev->state, THREAD_READY);
	fair_depart(rq, prev);
	rq->migrations++;
	prev->sched.migrations++;
	rq->prev_action = PREV_MIGRATE;
	return true;
}

/** @prev, put back into the queue, could run on a CPU that idles: let that one come for it. */
static no_inline void offer_to_idle(struct runq *rq, struct thread *prev)
{
	cpuid_t cpu;
	if (idle_set_find(prev, rq, &cpu))
		sched_kick(cpu_runq(cpu));
}

/** Take @first, the best ready thread, or the idle one if there is none. */
static inline struct thread *take(struct runq *rq, struct thread *first)
{
	if (!first)
		return rq->idle;
	runq_take(rq, first);
	return first;
}

/** @prev is blocked, dead, throttled, or must leave its CPU. */
static inline bool is_leaving(struct runq *rq, struct thread *prev)
{
	uint32_t state = load_relaxed(&prev->state);
	if (state != THREAD_RUNNING) {
		if (unlikely(state == THREAD_DEAD))
			rq->prev_action = PREV_DEAD;
		return true;
	}
	if (unlikely(is_deadline(prev)) && deadline_leaves(rq, prev))
		return true;
	return unlikely(load_relaxed(&prev->sched.affinity)) && leave_for_affinity(rq, prev);
}

/** @first replaces @prev, which could go on. */
static inline bool must_switch(struct runq *rq, struct thread *prev, struct thread *first,
			       enum switch_reason reason)
{
	// Only below the user band does the rank depend on the locks that the thread holds.
	if (unlikely(prev->sched.base_band > BAND_USER))
		thread_update_rank(prev);
	uint32_t rank = load_relaxed(&first->sched.rank);
	uint32_t prev_rank = load_relaxed(&prev->sched.rank);
	if (rank != prev_rank)
		return rank > prev_rank || rt_makes_way(rq, prev, first);
	return reason == SWITCH_YIELD || runq_must_switch(prev, first);
}

/** Who runs next, and put current where it belongs. NULL: current goes on. */
static inline struct thread *choose_next(struct runq *rq, struct thread *prev,
					 enum switch_reason reason)
{
	struct thread *first = runq_first(rq);
	if (is_leaving(rq, prev))
		return take(rq, first);
	// A thread that was to block has been woken before it got here.
	if (reason == SWITCH_BLOCK || !first || !must_switch(rq, prev, first, reason))
		return NULL;
	// first is taken before prev is queued: it makes way for nobody, not even for prev.
	runq_take(rq, first);
	if (prev != rq->idle) {
		store_relaxed(&prev->state, THREAD_READY);
		runq_enqueue(rq, prev, reason == SWITCH_YIELD ? ENQUEUE_YIELD : ENQUEUE_PREEMPTED);
		if (unlikely(idle_set_suits(prev)))
			offer_to_idle(rq, prev);
	}
	return first;
}

/** Everything of a switch but the change of stacks. NULL: current goes on. */
static struct thread *switch_begin(struct thread *prev, enum switch_reason reason)
{
	struct hal_percpu *self = hal_percpu();
	struct runq *rq = this_cpu_ptr(runq);
	assert_irqs_off();
	lockdep_check_switch();
	quiesce_report();
	if (unlikely(load_relaxed(&sched_rt_waiting)))
		balance_pull_rt(rq);
	store_relaxed(&self->resched, 0);
	spin_lock(&rq->lock);
	uint64_t now = hal_clock_read();
	runq_charge(rq, prev, now);
	if (reason == SWITCH_YIELD && unlikely(is_deadline(prev)))
		deadline_yield(prev);
	if (unlikely(now >= rq->event_next))
		runq_event(rq, now);
	count_time(rq, prev, now);
	struct thread *next = choose_next(rq, prev, reason);
	if (next) {
		count_switch(rq, prev, reason);
		next->sched.stamp = now;
		assert(!load_relaxed(&next->on_cpu));
		store_relaxed(&next->state, THREAD_RUNNING);
		store_relaxed(&next->on_cpu, 1);
		rq->prev = prev;
		hal_explore_point(&self->current);
		__atomic_store_n(&self->current, next, __ATOMIC_RELEASE);
	}
	struct thread *current = next ? next : prev;
	if (unlikely(is_deadline(current)))
		deadline_arm(rq, current);
	if (!rq->is_slice_armed &&
	    (load_relaxed(&rq->ready_bands) || current->sched.band == BAND_REALTIME ||
	     sched_keeps_timer))
		runq_arm_slice(rq, current);
	// Under the lock: sched_interrupt() sets `pending` before it takes it.
	if (unlikely(load_relaxed(&current->pending)))
		store_relaxed(&self->resched, SCHED_PENDING);
	spin_unlock(&rq->lock);
	if (!next)
		return NULL;
	hal_context_set_entry_stack(next->stack_top);
	if (next->mm.space && next->mm.space != prev->mm.space)
		upcall_activate_space(next->mm.space);
	if (self->has_fpu | (uintptr_t)next->fpu)
		sched_switch_fpu(prev, next);
	return next;
}

/** @prev may not run on this CPU any more: send it where it may. */
static void migrate(struct runq *rq, struct thread *prev)
{
	struct runq *to = sched_choose(prev, rq);
	// Under the lock: who holds it may rely on the thread's CPU.
	spin_lock(&rq->lock);
	store_release(&prev->sched.cpu, to->cpu);
	spin_unlock(&rq->lock);
	runq_push(to, prev, ENQUEUE_MOVE);
}

static no_inline void finish_slow(struct runq *rq, struct thread *prev)
{
	uint32_t action = rq->prev_action;
	rq->prev_action = PREV_NONE;
	if (action == PREV_DEAD)
		thread_reap(prev);
	else
		migrate(rq, prev);
}

no_inline void upcall_finish_switch(void)
{
	struct runq *rq = this_cpu_ptr(runq);
	struct thread *prev = rq->prev;
	hal_explore_point(prev);
	store_release(&prev->on_cpu, 0);
	if (unlikely(rq->prev_action != PREV_NONE))
		finish_slow(rq, prev);
}

void upcall_thread_start(void)
{
	upcall_finish_switch();
	hal_irq_enable();
}

void sched_switch(enum switch_reason reason)
{
	struct thread *prev = current_thread();
	struct thread *next = switch_begin(prev, reason);
	if (!next)
		return;
	hal_context_switch(&prev->context, &next->context, next->stack_top);
	upcall_finish_switch();
}

void upcall_reschedule(void)
{
	// By exchange: a word that is set between a look and a store would be lost.
	if (exchange_acq_rel(&hal_percpu()->resched, 0) & SCHED_RESCHED)
		sched_switch(SWITCH_PREEMPT);
}

struct trapframe *upcall_current_frame(void)
{
	return current_thread()->tf;
}

bool upcall_has_pending_work(void)
{
	return load_relaxed(&current_thread()->pending) != 0;
}

void sched_preempt_slow(void)
{
	irqflags_t flags = hal_irq_save();
	sched_switch(SWITCH_PREEMPT);
	hal_irq_restore(flags);
}

void sched_yield(void)
{
	irqflags_t flags = hal_irq_save();
	sched_switch(SWITCH_YIELD);
	hal_irq_restore(flags);
}

void sched_prepare_block(void)
{
	store_relaxed(&current_thread()->state, THREAD_BLOCKED);
}

void sched_cancel_block(void)
{
	store_relaxed(&current_thread()->state, THREAD_RUNNING);
}

void sched_block(void)
{
	irqflags_t flags = hal_irq_save();
	sched_switch(SWITCH_BLOCK);
	hal_irq_restore(flags);
}

void sched_block_user(void)
{
	struct thread *prev = current_thread();
	this_cpu_ptr(runq)->ipc_blocks++;
	struct thread *next = switch_begin(prev, SWITCH_BLOCK);
	if (next)
		hal_context_leave(&prev->context, &next->context, next->stack_top);
	exit_user_work(prev->tf);
	hal_context_enter_user(prev->tf);
}

void sched_exit(void)
{
	hal_irq_disable();
	struct thread *prev = current_thread();
	store_relaxed(&prev->state, THREAD_DEAD);
	deadline_thread_exit(prev);
	struct thread *next = switch_begin(prev, SWITCH_BLOCK);
	hal_context_leave(&prev->context, &next->context, next->stack_top);
}
