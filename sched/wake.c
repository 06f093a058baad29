// SPDX-License-Identifier: MIT
// Waking: on which CPU a thread becomes ready, and whether that CPU must be told.
//
// A wake takes the run-queue lock of the thread's last CPU, under which its state is decided, and a
// second one, after it, only if the thread goes elsewhere. No idle CPU sleeps while a thread that it
// may run is ready elsewhere:
//
//   waker                                     idle CPU
//   look for an idle CPU: none                add itself to idle_set
//   queue the thread on a busy CPU            full fence
//   full fence                                look for ready threads to steal
//   look at idle_set again: kick              none: wait for an interrupt
//
// An idle CPU polls a little before it waits, and needs no IPI meanwhile:
//
//   waker                                     idle CPU
//   resched = 1                               is_polling = 0
//   full fence                                full fence
//   is_polling? done : IPI                    resched? work : wait for an interrupt
#include <hal/cpu.h>

#include "fair.h"

#define SCAN_MAX 8 // CPUs compared when none idles

_Atomic uint64_t idle_set[(CPUS_MAX + 63) / 64];
unsigned idle_set_words = 1;

void idle_set_add(cpuid_t cpu)
{
	fetch_or_acq_rel(&idle_set[cpu / 64], 1ull << cpu % 64);
}

void idle_set_remove(cpuid_t cpu)
{
	fetch_and_acq_rel(&idle_set[cpu / 64], ~(1ull << cpu % 64));
}

bool sched_may_run_on(struct thread *thread, cpuid_t cpu)
{
	struct cpuset *affinity = load_acquire(&thread->sched.affinity);
	return !affinity || bitmap_test(affinity->bits, cpu);
}

static bool is_core_idle(cpuid_t cpu)
{
	struct cpu_span core = cpu_runq(cpu)->core;
	for (cpuid_t i = core.first; i < core.end; i++) {
		if (!(load_relaxed(&idle_set[i / 64]) >> i % 64 & 1))
			return false;
	}
	return true;
}

/** The first idle CPU of @first to @end - 1 where @thread may run; @is_whole: of an idle core. */
static bool find_between(struct thread *thread, unsigned first, unsigned end, bool is_whole,
			 cpuid_t *cpu)
{
	for (unsigned word = first / 64; first < end; word++, first = word * 64) {
		uint64_t set = idle_set_for(thread, word) & ~0ull << first % 64;
		if (end - word * 64 < 64)
			set &= (1ull << end % 64) - 1;
		for (; set; set &= set - 1) {
			*cpu = word * 64 + (unsigned)__builtin_ctzll(set);
			if (!is_whole || is_core_idle(*cpu))
				return true;
		}
	}
	return false;
}

/** The same of @span, from CPU @near on. Who shares a core with a busy CPU has only a part of it. */
static bool find_in_span(struct thread *thread, struct cpu_span span, cpuid_t near, cpuid_t *cpu)
{
	cpuid_t from = near >= span.first && near < span.end ? near : span.first;
	for (int is_whole = sched_has_smt; is_whole >= 0; is_whole--) {
		if (find_between(thread, from, span.end, is_whole, cpu) ||
		    find_between(thread, span.first, from, is_whole, cpu))
			return true;
	}
	return false;
}

bool idle_set_find(struct thread *thread, const struct runq *rq, cpuid_t *cpu)
{
	for (unsigned i = rq->near_from; i <= sched_nodes; i++) {
		if (find_in_span(thread, near_span(rq, i), rq->cpu, cpu))
			return true;
	}
	return false;
}

/** A CPU that runs worse work than @thread: the worst, of equal ones the nearest to @home. */
static struct runq *find_preemptible(struct thread *thread, struct runq *home)
{
	struct runq *best = NULL;
	uint32_t best_rank = load_relaxed(&thread->sched.rank);
	for (unsigned i = 0; i < sched_cpus; i++) {
		cpuid_t cpu = cpu_near(home, i);
		struct runq *rq = online_runq(cpu);
		if (!rq || !sched_may_run_on(thread, cpu))
			continue;
		uint32_t rank = load_relaxed(&runq_current(rq)->sched.rank);
		if (rank < best_rank) {
			best = rq;
			best_rank = rank;
		}
	}
	return best;
}

/** The least loaded of at most @max allowed CPUs of the nearest @count; @home only if it is allowed. */
static struct runq *find_least_loaded(struct thread *thread, struct runq *home, unsigned count,
				      unsigned max)
{
	struct runq *best = NULL;
	for (unsigned i = 0, seen = 0; i < count && seen < max; i++) {
		cpuid_t cpu = cpu_near(home, i);
		struct runq *rq = online_runq(cpu);
		if (rq && sched_may_run_on(thread, cpu)) {
			seen++;
			// Home wins a tie, and against one that is better by one only.
			if (!best || runq_load(rq) + (best == home) < runq_load(best))
				best = rq;
		}
	}
	return best ? best : home;
}

no_inline struct runq *sched_choose_elsewhere(struct thread *thread, struct runq *home)
{
	cpuid_t cpu;
	if (idle_set_find(thread, home, &cpu)) {
		idle_set_remove(cpu); // so that the next waker takes another one
		return cpu_runq(cpu);
	}
	if (!rank_is_fair(load_relaxed(&thread->sched.rank))) {
		struct runq *rq = find_preemptible(thread, home);
		if (rq)
			return rq;
	}
	if (!sched_may_run_on(thread, home->cpu) || !online_runq(home->cpu))
		return find_least_loaded(thread, home, sched_cpus, sched_cpus);
	if (load_relaxed(&home->ready_count) < 2)
		return home;
	// It may wait a little, but not so long that it pays to leave the node.
	return find_least_loaded(thread, home, home->nodes->end - home->nodes->first, SCAN_MAX);
}

/** The usual cases of sched_choose(), for a thread without affinity. */
static inline bool is_home_good(struct thread *thread, struct runq *home, struct thread *curr)
{
	uint32_t rank = load_relaxed(&thread->sched.rank);
	// It runs there at once: the CPU does worse work and nobody as good waits.
	uint32_t better = (2u << thread->sched.band) - 1;
	if (load_relaxed(&curr->sched.rank) < rank && !(load_relaxed(&home->ready_bands) & better))
		return true;
	// It cannot run at once anywhere, and home is not crowded.
	return !idle_set_is_used() && rank_is_fair(rank) && load_relaxed(&home->ready_count) < 2;
}

struct runq *sched_choose(struct thread *thread, struct runq *home)
{
	if (sched_may_run_on(thread, home->cpu) && is_home_good(thread, home, runq_current(home)))
		return home;
	return sched_choose_elsewhere(thread, home);
}

void sched_kick(struct runq *rq)
{
	// Who has it set already will look at the queue after this: it clears the word first.
	if (load_relaxed(&rq->percpu->resched) & SCHED_RESCHED)
		return;
	if (rq->cpu == this_cpu()) {
		store_relaxed(&rq->percpu->resched, SCHED_RESCHED);
		return;
	}
	if (load_relaxed(&rq->is_polling)) {
		store_release(&rq->percpu->resched, SCHED_RESCHED);
		fence_seq_cst();
		if (load_relaxed(&rq->is_polling))
			return;
	}
	fetch_add_relaxed(&this_cpu_ptr(runq)->ipis, 1);
	smp_kick(rq->cpu);
}

/** @thread was queued behind the current work of @rq's CPU and an idle CPU has appeared. */
static no_inline void offer_again(struct runq *rq, struct thread *thread)
{
	cpuid_t cpu;
	if (idle_set_find(thread, rq, &cpu))
		sched_kick(cpu_runq(cpu));
}

/** Queue @thread on @rq, which is locked, and see to it that it is run. */
static always_inline void add(struct runq *rq, struct thread *thread, struct thread *curr,
			      enum enqueue_reason reason)
{
	runq_charge(rq, curr, hal_clock_read());
	runq_enqueue(rq, thread, reason);
	if (runq_must_kick(rq, thread, curr))
		sched_kick(rq);
	if (curr == rq->idle)
		return;
	fence_seq_cst();
	if (unlikely(idle_set_suits(thread)))
		offer_again(rq, thread);
}

void runq_push(struct runq *rq, struct thread *thread, enum enqueue_reason reason)
{
	spin_lock(&rq->lock);
	add(rq, thread, runq_current(rq), reason);
	spin_unlock(&rq->lock);
}

static no_inline void wake_elsewhere(struct thread *thread, struct runq *home, struct runq *to)
{
	fair_depart(home, thread);
	home->migrations++;
	thread->sched.migrations++;
	store_release(&thread->sched.cpu, to->cpu);
	spin_unlock(&home->lock);
	runq_push(to, thread, ENQUEUE_WAKE);
}

/** @thread is still on its stack. False: it goes on where it is. True: it may not, so it was waited for;
 *  the CPU that it was leaving is in the middle of a switch and needs no lock to finish. */
static no_inline bool has_left_slow(struct thread *thread, struct runq *home)
{
	if (home->cpu == this_cpu() || sched_may_run_on(thread, home->cpu))
		return false;
	while (load_acquire(&thread->on_cpu))
		hal_cpu_relax();
	return true;
}

static always_inline void wake_locked(struct thread *thread, struct runq *rq)
{
	struct thread *curr = runq_current(rq);
	if (curr == thread) {
		// It has not left yet, and now it need not.
		store_relaxed(&thread->state, THREAD_RUNNING);
		spin_unlock(&rq->lock);
		return;
	}
	store_relaxed(&thread->state, THREAD_READY);
	bool has_left = !load_acquire(&thread->on_cpu) || has_left_slow(thread, rq);
	if (likely(has_left) &&
	    unlikely(load_relaxed(&thread->sched.affinity) || !is_home_good(thread, rq, curr))) {
		struct runq *to = sched_choose(thread, rq);
		if (to != rq) {
			wake_elsewhere(thread, rq, to);
			return;
		}
	}
	add(rq, thread, curr, ENQUEUE_WAKE);
	spin_unlock(&rq->lock);
}

void sched_wake_locked(struct thread *thread, struct runq *rq)
{
	wake_locked(thread, rq);
}

bool sched_wake_irqs_off(struct thread *thread)
{
	struct runq *rq = runq_lock_of(thread);
	bool is_blocked = thread_is_blocked(thread);
	if (likely(is_blocked))
		wake_locked(thread, rq);
	else
		spin_unlock(&rq->lock);
	return is_blocked;
}

bool sched_wake(struct thread *thread)
{
	hal_explore_point(thread);
	if (!thread_is_blocked(thread))
		return false;
	irqflags_t flags = hal_irq_save();
	bool is_woken = sched_wake_irqs_off(thread);
	hal_irq_restore(flags);
	return is_woken;
}

void sched_start(struct thread *thread)
{
	irqflags_t flags = hal_irq_save();
	struct runq *to = sched_choose(thread, this_cpu_ptr(runq));
	struct runq *old = runq_lock_of(thread);
	verify(load_relaxed(&thread->state) == THREAD_NEW);
	store_release(&thread->sched.cpu, to->cpu);
	store_relaxed(&thread->state, THREAD_READY);
	spin_unlock(&old->lock);
	runq_push(to, thread, ENQUEUE_NEW);
	hal_irq_restore(flags);
}

/** The same for the running thread: no lock, no switch. */
static bool interrupt_self(struct thread *thread)
{
	uint32_t none = 0;
	irqflags_t flags = hal_irq_save();
	bool is_self = thread == current_thread() &&
		       load_relaxed(&thread->state) == THREAD_RUNNING;
	if (is_self) // a word that is set already leads to a look at `pending`, too
		cas_acq_rel(&hal_percpu()->resched, &none, SCHED_PENDING);
	hal_irq_restore(flags);
	return is_self;
}

void sched_interrupt(struct thread *thread)
{
	if (interrupt_self(thread))
		return;
	// `pending` before what the thread does: it sets SLEEPING, or its ipc state, before it looks.
	fence_seq_cst();
	if (load_acquire(&thread->ipc.state) != IPC_IDLE)
		upcall_ipc_interrupt(thread);
	irqflags_t flags = hal_irq_save();
	struct runq *rq = runq_lock_of(thread);
	uint32_t state = load_relaxed(&thread->state);
	if (state == THREAD_SLEEPING) {
		sched_wake_locked(thread, rq);
	} else {
		// READY: the switch to it looks at `pending` under this lock.
		if (state == THREAD_RUNNING)
			sched_kick(rq);
		spin_unlock(&rq->lock);
	}
	hal_irq_restore(flags);
}
