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
#include <hal/upcall.h>
#include <sched/sched.h>

struct runq;
void sched_switch_fpu(struct thread *prev, struct thread *next);
bool sched_may_run_on(struct thread *thread, cpuid_t cpu);

/** Whether @next, blocked and taken off its endpoint by the caller, may run on @cpu, here and now, in
 *  place of @self, which is current. Interrupts off; if they were on since user mode, the caller has
 *  looked at @cpu->resched: before, only another CPU can have set it, whose interrupt comes at once after
 *  the switch. */
static inline bool sched_direct_ok(struct hal_percpu *cpu, struct thread *self, struct thread *next)
{
	if (unlikely(load_acquire(&next->on_cpu)))
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

/** The same of one that is blocked, but perhaps the caller's no more when it comes to claim it, and then may be anywhere
 *  and anything: nothing of it is changed, nor followed. So only for one that ran last on this CPU. */
static inline bool sched_direct_is_here(struct hal_percpu *cpu, struct thread *self, struct thread *next)
{
	return !load_acquire(&next->on_cpu) &&
	       load_relaxed(&next->sched.rank) >= load_relaxed(&self->sched.rank) &&
	       load_relaxed(&next->sched.cpu) == cpu->cpu;
}

/** Wake @next, blocked in the user kind with its operation complete; current's is complete, too. If @next
 *  preempts current at once (real time over a fair thread, with nobody as good in this CPU's queue), it
 *  runs here, wherever it ran last if it may, and current stays ready, of the user kind from here on. What
 *  entry code is to do, all work for user mode done: the last call of a fast-path function, which keeps
 *  no registers (halcyon_free_registers()). Interrupts off since user mode, no lock held. */
struct upcall_resume sched_wake_direct(struct hal_percpu *cpu, struct thread *next);

/** For @next, blocked and perhaps the caller's to complete, whose CPU is another one, idles and polls: hand it over
 *  without its run queue. NULL: it is to be woken the ordinary way. Else one of the other two follows, with the
 *  run queue locked meanwhile. Interrupts off. */
struct runq *sched_hand_over_begin(struct thread *next);
void sched_hand_over_cancel(struct runq *rq);
/** @next is the caller's: it runs from here on. Its operation is complete, and IDLE. */
void sched_hand_over(struct runq *rq, struct thread *next);

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
