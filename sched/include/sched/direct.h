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
#include <hal/fpu.h>
#include <sched/sched.h>

void sched_switch_fpu(struct thread *prev, struct thread *next);
bool sched_may_run_on(struct thread *thread, cpuid_t cpu);

/** Whether @next, blocked and taken off its endpoint by the caller, may run on @cpu, here and now, in
 *  place of @self, which is current. Interrupts off. */
static inline bool sched_direct_ok(struct hal_percpu *cpu, struct thread *self, struct thread *next)
{
	if (unlikely(load_relaxed(&cpu->resched) | load_acquire(&next->on_cpu)))
		return false;
	if (load_relaxed(&next->sched.rank) < load_relaxed(&self->sched.rank))
		return false;
	if (likely(load_relaxed(&next->sched.cpu) == cpu->cpu))
		return true; // where it ran last it may run: a change of affinity moves the thread
	if (!sched_may_run_on(next, cpu->cpu))
		return false;
	store_release(&next->sched.cpu, cpu->cpu);
	return true;
}

/** Wake @next, blocked in the user kind with its operation complete, and make it current in place of @self,
 *  which stays ready and is of the user kind from here on. True: then the address space, thread pointer and
 *  frame of @next, as after sched_direct_switch(). False: nothing has happened, @next is to be woken the
 *  ordinary way. Real time over a fair thread on its own CPU, with nobody as good in the queue: who would
 *  preempt at once. Interrupts off, no lock held. */
bool sched_give_way(struct hal_percpu *cpu, struct thread *self, struct thread *next);

/** Make @next current in place of @prev, which is blocked from here on. Call it before letting go of
 *  the lock under which @prev can be found and completed. Then the address space, thread pointer and
 *  frame of @next; entry code clears @prev->on_cpu (release) when it has left the stack. */
static inline void sched_direct_switch(struct hal_percpu *cpu, struct thread *prev, struct thread *next)
{
	uint64_t now = hal_clock_read_unordered();
	prev->sched.run_ticks += now - prev->sched.stamp;
	prev->sched.switches_voluntary++;
	next->sched.stamp = now;
	store_relaxed(&next->on_cpu, 1);
	store_relaxed(&next->state, THREAD_RUNNING);
	*(struct thread *volatile *)&cpu->current = next; // before prev's state, by its release
	hal_context_set_entry_stack(next->stack_top);
	store_release(&prev->state, THREAD_BLOCKED);
	if (likely(!((uintptr_t)prev->fpu | (uintptr_t)next->fpu)))
		return;
	if (likely(prev->fpu && next->fpu)) // current has a state: the unit is on
		hal_fpu_switch(prev->fpu, next->fpu);
	else
		sched_switch_fpu(prev, next);
}
