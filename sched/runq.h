// SPDX-License-Identifier: MIT
// Inside the scheduler: the run queue of a CPU.
//
// Lock order: any lock of a caller > run queue > timer queue. Nobody holds two run-queue locks. All
// are taken with interrupts off. A thread on its way between two queues is READY and not is_queued;
// sched.cpu names the queue that it goes to, and changed under the lock of the one that it left.
#pragma once

#include <hal/clock.h>
#include <hal/percpu.h>
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <kernel/upcall.h>
#include <sched/direct.h>
#include <sched/sched.h>

#define RT_PRIORITIES 100
#define STEAL_SCAN 16 // ready threads that a thief looks at
#define WEIGHT_NORMAL 1024u // of nice 0
#define OUT_OF_SERVICE (1u << 30) // more than threads can be ready
#define HOME_NONE UINT32_MAX // vruntime is relative to no queue's virtual time

/** Threads of one fair band, by virtual deadline (fair.c). */
struct fair_queue {
	struct rbtree tree;
	uint64_t vtime; // vruntime of a thread that has had exactly its share
	uint32_t home; // what vruntime_home is for it
};

/** CPUs first to end - 1. */
struct cpu_span {
	uint16_t first, end;
};

struct runq {
	struct spinlock lock;
	cpuid_t cpu;
	struct hal_percpu *percpu; // the head of its CPU
	_Atomic uint32_t ready_count; // queued threads; read without the lock as a hint
	_Atomic uint32_t ready_bands; // bit b: a thread of band b is queued; likewise a hint
	/** The CPU is out of service or leaves it; then ready_count has OUT_OF_SERVICE added and idle's
	 *  rank is the highest, so that the first tests of a wake turn away from it without one of their
	 *  own. (lock) */
	bool is_out;
	_Atomic uint32_t is_polling; // idle, and looks at its resched word and `handed`: no IPI is needed (own CPU)
	/** Handed over to this CPU, which idles and polls: RUNNING, and current as soon as that looks (lock). */
	struct thread *_Atomic handed;
	struct thread *idle;
	struct thread *prev; // whom this CPU left last: finish_switch() (own CPU)
	uint32_t prev_action; // enum prev_action (own CPU)
	bool is_slice_armed;
	bool is_slice_soon; // and it fires soon
	uint64_t charge_stamp; // ticks up to which virtual time and slices are charged
	struct timer slice_timer;
	struct fair_queue fair[BANDS];
	struct rbtree deadlines; // of BAND_DEADLINE, by deadline_key (deadline.c)
	struct timer overrun_timer; // when the running thread's budget is used up (own CPU)
	_Atomic uint64_t deadline_bandwidth; // reserved here (affinity_mutex; an end gives back any time)
	struct list rt[RT_PRIORITIES];
	uint64_t rt_bits[2]; // bit p: rt[p] is not empty
	uint64_t rt_window; // ticks when the present window of real-time accounting began
	uint64_t rt_used; // ticks that real time has run in it
	bool is_rt_throttled; // it has had its share: fair threads go first until the window ends
	// Statistics: written under the lock.
	uint64_t switches_voluntary, switches_involuntary, migrations, steals;
	_Atomic uint64_t ipis; // sent by this CPU
	uint64_t ipc_blocks; // on the slow path (own CPU)
	uint64_t latency[SCHED_LATENCY_BUCKETS];
	uint64_t kernel_ticks; // of threads without a user address space, idle too
	uint64_t start_ticks;
	uint64_t event_next; // ticks when a switch has to call runq_event(): the least of the next two
	uint64_t load_next; // when the load is sampled next
	uint64_t sample_next; // when sample_timer is to be set; never while it is set for soon
	struct timer sample_timer;
	uint64_t sample_period, sample_switches; // sample.c
	struct sched_samples samples; // of threads with a user address space
	uint64_t load[3];
	// Who is near (near.c): constant.
	struct cpu_span core, cache; // CPUs that share them
	uint8_t near_from; // the first near_span() that is not in the next one
	const struct cpu_span *nodes; // all, nearest first
};
DECLARE_PERCPU(struct runq, runq);
extern unsigned sched_cpus; // numbers below this may be CPUs with a run queue

/** What is left to do for the thread that was left, once it is off its stack. */
enum prev_action { PREV_NONE, PREV_DEAD, PREV_MIGRATE };
enum switch_reason { SWITCH_PREEMPT, SWITCH_YIELD, SWITCH_BLOCK };
/** How a thread comes into a queue. */
enum enqueue_reason {
	ENQUEUE_WAKE, // it slept
	ENQUEUE_NEW,
	ENQUEUE_MOVE, // from another queue or class, its place kept
	ENQUEUE_PREEMPTED, // it ran here and has not finished
	ENQUEUE_YIELD, // behind its equals
};

extern struct runq *sched_runqs[CPUS_MAX]; // set when a CPU comes for the first time
extern struct runq *sched_online[CPUS_MAX]; // NULL while the CPU is out of service
static inline struct runq *cpu_runq(cpuid_t cpu)
{
	return __atomic_load_n(&sched_runqs[cpu], HAL_ORDER_DEPENDENT);
}

/** @self, current, has taken or let go of kernel sleeping locks. Others read the number. */
static inline void locks_held_add(struct thread *self, int change)
{
	uint32_t held = hal_atomic_load_relaxed(&self->sched.lock_depth);
	hal_atomic_store_relaxed(&self->sched.lock_depth, held + (uint32_t)change);
}

/** The thread on @rq's CPU. It may be replaced at any moment; interrupts off keeps its memory. */
static inline struct thread *runq_current(struct runq *rq)
{
	hal_explore_load(&rq->percpu->current);
	return __atomic_load_n(&rq->percpu->current, __ATOMIC_ACQUIRE);
}

/** A better band, then a better RT priority, is a higher rank; an idle thread's is 0. */
static inline uint32_t sched_rank(uint32_t band, uint32_t rt_priority)
{
	return (BANDS - band) << 8 | rt_priority;
}
#define RANK_PRIORITY 0xffu
static inline bool rank_is_fair(uint32_t rank)
{
	return rank <= (BANDS - BAND_SYSTEM) << 8;
}

/** The run queue of @cpu if it takes threads; else NULL. */
static inline struct runq *online_runq(cpuid_t cpu)
{
	hal_explore_load(&sched_online[cpu]);
	return __atomic_load_n(&sched_online[cpu], __ATOMIC_ACQUIRE);
}

/** Threads that want @rq's CPU, the running one included. */
static inline uint32_t runq_load(struct runq *rq)
{
	uint32_t running = load_relaxed(&runq_current(rq)->sched.rank) != 0;
	return load_relaxed(&rq->ready_count) + running;
}

/** Lock the queue of @thread's CPU. Interrupts off. */
static inline struct runq *runq_lock_of(struct thread *thread)
{
	for (;;) {
		cpuid_t cpu = load_relaxed(&thread->sched.cpu);
		struct runq *rq = cpu_runq(cpu);
		spin_lock(&rq->lock);
		// Who named this queue did so under the lock of another: what it wrote to the thread comes before.
		if (likely(load_acquire(&thread->sched.cpu) == cpu))
			return rq;
		spin_unlock(&rq->lock);
	}
}

// runq.c. All with the lock held.
void runq_init(struct runq *rq, cpuid_t cpu, struct thread *idle);
/** runq_must_kick() where @thread is of another rank than current, or a slice timer must be started. */
bool runq_must_kick_slow(struct runq *rq, struct thread *thread, struct thread *curr);
/** Whether @first, the best ready thread, replaces current, which has its rank. */
bool runq_must_switch(struct thread *curr, struct thread *first);
/** Start the slice timer if somebody waits for @curr's slice to end. Own CPU. */
void runq_arm_slice(struct runq *rq, struct thread *curr);
void runq_disarm_slice(struct runq *rq);
/** Let the slice timer fire soon: what still waits then is given to other CPUs. Own CPU. */
void runq_arm_soon(struct runq *rq);
/** The best ready thread when real time or a deadline is ready. */
struct thread *runq_first_special(struct runq *rq);
/** Queue @thread, READY and without budget. */
void runq_enqueue_throttled(struct runq *rq, struct thread *thread);
/** Charge whoever runs on @rq's CPU until now. */
void runq_charge_now(struct runq *rq);
/** Charge @curr, of no fair band, for @ran ticks until @now. */
void runq_charge_special(struct runq *rq, struct thread *curr, uint64_t ran, uint64_t now);
/** A ready thread that may move to @cpu: the first in order, or the last of the worst band. */
struct thread *runq_first_movable(struct runq *rq, cpuid_t cpu);
struct thread *runq_last_movable(struct runq *rq, cpuid_t cpu);
/** Take @thread off @rq on its way to @to (state stays READY). */
void runq_take_away(struct runq *rq, struct thread *thread, struct runq *to);
/** The rank that policy and locks held give @thread. */
uint32_t thread_own_rank(const struct thread *thread);
/** Recompute rank and band from policy, locks held and what is inherited. */
void thread_update_rank(struct thread *thread);

// fair.c; fair.h has what a switch needs, inline
extern uint64_t sched_slice_ticks; // length of a slice
extern bool sched_keeps_timer; // slice= was given: a busy CPU always has a timer
void fair_init(void);
void fair_set_weight(struct sched_part *part);
void fair_depart(struct runq *rq, struct thread *thread);

// rt.c
extern _Atomic uint32_t sched_rt_waiting; // RT threads that are ready and do not run, all CPUs
void rt_init(void);
/** Real time has run @ran ticks more at @now, or (0) time has passed: see to its share. */
void rt_charge(struct runq *rq, uint64_t ran, uint64_t now);
/** Ticks until rt_charge() should be called again though nobody switches, while @curr runs. */
int64_t rt_ticks_left(struct runq *rq, struct thread *curr);
/** Real time is throttled: @curr of it makes way for @thread. */
static inline bool rt_makes_way(struct runq *rq, struct thread *curr, struct thread *thread)
{
	return unlikely(rq->is_rt_throttled) && curr->sched.band == BAND_REALTIME &&
	       thread->sched.band >= BAND_SYSTEM;
}
void rt_enqueue(struct runq *rq, struct thread *thread, enum enqueue_reason reason);
void rt_dequeue(struct runq *rq, struct thread *thread);
struct thread *rt_first(struct runq *rq);

// near.c
extern unsigned sched_nodes; // that have CPUs
extern bool sched_has_smt; // some CPUs share a core
void near_init(void);
void near_init_cpu(struct runq *rq);
/** All CPUs, @i from 0 to sched_cpus - 1, those near @rq's first: its node's, from itself on, then the
 *  other nodes' by their distance. */
cpuid_t cpu_near(const struct runq *rq, unsigned i);
/** For @i from rq->near_from to sched_nodes: the CPUs of @rq's cache, of its node, of the others. */
static inline struct cpu_span near_span(const struct runq *rq, unsigned i)
{
	return i ? rq->nodes[i - 1] : rq->cache;
}

// wake.c
/** CPUs that wait in idle: set and cleared by themselves, cleared by who sends one work. */
extern _Atomic uint64_t idle_set[(CPUS_MAX + 63) / 64];
extern unsigned idle_set_words; // of those that this machine can use
static inline bool idle_set_is_used(void)
{
	if (likely(sched_cpus <= 64))
		return load_relaxed(&idle_set[0]) != 0;
	for (unsigned i = 0; i < idle_set_words; i++) {
		if (load_relaxed(&idle_set[i]))
			return true;
	}
	return false;
}
/** Word @word of it, less the CPUs where @thread may not run. */
static inline uint64_t idle_set_for(struct thread *thread, unsigned word)
{
	struct cpuset *affinity = load_acquire(&thread->sched.affinity);
	uint64_t idle = load_relaxed(&idle_set[word]);
	return affinity ? idle & affinity->bits[word] : idle;
}
/** False: no CPU idles where @thread may run. Quick, and never wrongly false. */
static inline bool idle_set_suits(struct thread *thread)
{
	return sched_cpus <= 64 ? idle_set_for(thread, 0) != 0 : idle_set_is_used();
}
void idle_set_add(cpuid_t cpu);
void idle_set_remove(cpuid_t cpu);
/** An idle CPU on which @thread may run, nearest to @rq's; false = none. Not claimed. */
bool idle_set_find(struct thread *thread, const struct runq *rq, cpuid_t *cpu);
/** Put @thread, READY and in no queue, with sched.cpu == @rq->cpu, into @rq; kick if needed. No
 *  run-queue lock held, interrupts off. */
void runq_push(struct runq *rq, struct thread *thread, enum enqueue_reason reason);
/** Where @thread should become ready; @home only if it cannot run at once elsewhere. */
struct runq *sched_choose_elsewhere(struct thread *thread, struct runq *home);
/** Where @thread, that last ran on @home, should become ready. */
struct runq *sched_choose(struct thread *thread, struct runq *home);
/** Wake a blocked @thread whose queue @rq is locked; unlocks it. */
void sched_wake_locked(struct thread *thread, struct runq *rq);
/** sched_wake() with interrupts off. */
bool sched_wake_irqs_off(struct thread *thread);
/** Make @rq's CPU schedule soon; counts the IPI. Interrupts off. */
void sched_kick(struct runq *rq);

// switch.c
/** Interrupts off, no locks. Returns when this thread runs again. */
void sched_switch(enum switch_reason reason);

// balance.c
/** Take a ready thread from the CPU that has most. True: @rq has one more. Interrupts off. */
bool balance_steal(struct runq *rq);
/** Give away what this CPU has too much of. Interrupts off. */
void balance_push(struct runq *rq);
/** Take an RT thread that waits elsewhere and is better than what is left here. Interrupts off. */
void balance_pull_rt(struct runq *rq);

// policy.c
/** The class that policy means, in the thread alone. */
void policy_set_class(struct thread *thread, enum sched_policy policy, unsigned rt_priority);
/** Lock @thread's run queue at a moment when it is not between two. */
struct runq *thread_lock_settled(struct thread *thread, irqflags_t *flags);
/** Before and after a change of @thread's class, weight or rank: take it off its queue, charged until
 *  now; put it back and let whoever is best now run. @rq, its queue, is locked. */
bool thread_unsettle(struct runq *rq, struct thread *thread);
void thread_settle(struct runq *rq, struct thread *thread, bool was_queued);
/** Set @thread's affinity to @cpus, of which one is in service, whose copy for it is @fresh. */
void affinity_set(struct thread *thread, struct cpuset *fresh);
/** NULL in *@copy for a set that holds every CPU there may be. -ENOMEM. */
must_check err_t affinity_copy(const struct cpuset *cpus, struct cpuset **copy);
/** Held while affinities change and while CPUs come and go: a CPU that has the last word for some
 *  thread stays. */
extern struct sched_mutex affinity_mutex;

// pi.c
/** @thread's rank has changed otherwise than by inheritance: whom it waits for inherits it, in
 *  a call, too. No spinning lock held. */
void pi_rank_changed(struct thread *thread);

// hotplug.c
/** Idle thread of a CPU that is_out: go off; and, once the CPU has started anew, take threads again.
 *  Interrupts off. */
noreturn_fn void hotplug_leave(struct runq *rq);
void hotplug_return(struct runq *rq);

// handover.c
/** Idle, which has stopped polling: leave for who was handed over, if anybody, and return true when idle runs
 *  again. Interrupts off. */
bool sched_take_handed(struct runq *rq);

// idle.c
/** How often an idle CPU looks for work before it waits for an interrupt. 0: not at all. */
extern unsigned sched_idle_polls;
noreturn_fn void idle_loop(void);

// sample.c
void sample_init(struct runq *rq);
/** Set the timer of the next sample. Own CPU, locked. */
void sample_arm(struct runq *rq, uint64_t now);
/** The CPU of @rq goes off. */
void sample_stop(struct runq *rq);

// stats.c
/** Whatever is due at rq->event_next, at a switch of @rq's own CPU. */
void runq_event(struct runq *rq, uint64_t now);
/** The same for the load alone; any CPU. */
void load_sample(struct runq *rq, uint64_t now);
extern unsigned latency_shift; // ticks of one unit of the latency histogram, as a power of two
void latency_init(void);
/** Count a wait of @units units, at least SCHED_LATENCY_LINEAR. */
void latency_count_long(struct runq *rq, uint64_t units);
/** @thread is no more: its switches stay counted. */
void stats_thread_gone(const struct thread *thread);

// thread.c
void thread_init(void);
/** The thread that the caller, which has no struct thread yet, is from now on: idle of this CPU. */
void thread_adopt_idle(struct thread *thread, cpuid_t cpu);
/** A copy of @cpus for sched_part.affinity; NULL = no memory. Freed after a grace period. */
struct cpuset *affinity_create(const struct cpuset *cpus);
void affinity_free_later(struct cpuset *cpus);
/** @thread has ended and is off its stack. */
void thread_reap(struct thread *thread);

// sleep.c
/** @thread, not started, is the one that upcall_sleep_until() and upcall_wake_reclaim() mean. */
void sched_set_reclaim(struct thread *thread);
