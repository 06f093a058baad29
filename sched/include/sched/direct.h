// SPDX-License-Identifier: MIT
// The switch of the IPC fast path: from the thread that calls to the thread that answers, on this
// CPU, without a run queue.
//
// Why no run-queue lock is needed. @next is BLOCKED and the caller is the one who may complete its
// wait (it took it off its endpoint), so nobody else wakes it. @prev becomes BLOCKED only after
// hal_percpu.current names @next: a waker that sees BLOCKED (acquire) therefore never takes @prev for
// the thread that still runs here and queues it, on this CPU while on_cpu is set. This CPU takes
// it from there only at its next real switch, and entry code has cleared on_cpu by then.
//
// CPU time (run_ticks) is exact. Virtual time and slice are charged at the next real scheduling
// event, to the thread that is current then.
#pragma once

#include <hal/clock.h>
#include <sched/sched.h>

void sched_switch_fpu(struct thread *prev, struct thread *next);
bool sched_may_run_on(struct thread *thread, cpuid_t cpu);

/** Whether @next, blocked and taken off its endpoint by the caller, may run here and now in place of
 *  current. Interrupts off. */
static inline bool sched_direct_ok(struct thread *next)
{
	struct hal_percpu *self = hal_percpu();
	if (unlikely(load_relaxed(&self->resched) | load_acquire(&next->on_cpu)))
		return false;
	if (load_relaxed(&next->sched.rank) < load_relaxed(&self->current->sched.rank))
		return false;
	// Where it ran last it may run: a change of affinity moves the thread.
	return likely(load_relaxed(&next->sched.cpu) == self->cpu) || sched_may_run_on(next, self->cpu);
}

/** Make @next current in place of @prev, which is blocked from here on. Call it before letting go of
 *  the lock under which @prev can be found and completed. Then the address space, thread pointer and
 *  frame of @next; entry code clears @prev->on_cpu (release) when it has left the stack. */
static inline void sched_direct_switch(struct thread *prev, struct thread *next)
{
	struct hal_percpu *self = hal_percpu();
	uint64_t now = hal_clock_read_unordered();
	prev->sched.run_ticks += now - prev->sched.stamp;
	prev->sched.switches_voluntary++;
	next->sched.stamp = now;
	store_relaxed(&next->sched.cpu, self->cpu);
	store_relaxed(&next->on_cpu, 1);
	store_relaxed(&next->state, THREAD_RUNNING);
	__atomic_store_n(&self->current, next, __ATOMIC_RELEASE);
	hal_context_set_entry_stack(next->stack_top);
	self->stack_left = &prev->on_cpu;
	store_release(&prev->state, THREAD_BLOCKED);
	if (unlikely(self->has_fpu | (uintptr_t)next->fpu))
		sched_switch_fpu(prev, next);
}
