// SPDX-License-Identifier: MIT
// The scheduler as the rest of the kernel sees it.
#pragma once

#include <hal/percpu.h>
#include <sched/thread.h>

/** Make a NEW thread ready. It inherits nothing here; callers set policy and affinity before. */
void sched_start(struct thread *thread);
/** Give the CPU away, staying ready: behind the others of its priority. */
void sched_yield(void);
/** The one place where the kernel is preempted. Interrupts on, no spinning lock held. */
static inline void sched_preempt_point(void);
/** The current thread ends: state DEAD, its reference dropped by another context. */
noreturn_fn void sched_exit(void);

/** Block the current thread until sched_wake(): the caller has made itself findable, under a lock
 *  that wakers take, and called sched_prepare_block() under that lock. Returns when woken (at once if
 *  that happened meanwhile). Interrupts on or off (kept). */
void sched_prepare_block(void); // state = BLOCKED; before dropping the lock
/** Undo sched_prepare_block(), before dropping the lock. */
void sched_cancel_block(void);
void sched_block(void);
/** The same, but the thread keeps no kernel stack: it is of the user kind from here on and continues
 *  at upcall_user_resume(). Never returns. Interrupts off. */
noreturn_fn void sched_block_user(void);
/** Make a BLOCKED thread ready (O(1); an IPI at most). True: it was blocked and this call woke it.
 *  No effect on any other state. Any context, any lock held but run-queue locks. */
bool sched_wake(struct thread *thread);
/** End @thread's interruptible sleep with -EINTR, or kick it out of user mode, so that it looks at
 *  its `pending` word, which the caller has set before. Any context. */
void sched_interrupt(struct thread *thread);

/** One kernel thread of the system's own goes before all fair user threads. Before sched_start(). */
void sched_set_system(struct thread *thread);

/** Sleep until @deadline (absolute): 0, or -EINTR if @is_interruptible and pending. */
err_t sched_sleep_until(nsec_t deadline, bool is_interruptible);

/** Policy, priority, nice and affinity of any thread; in force on return. -EINVAL, -ENOMEM; affinity also
 *  -EBUSY: the thread has a reservation on another CPU. Context: thread, may sleep. */
must_check err_t sched_set_policy(struct thread *thread, enum sched_policy policy, unsigned rt_priority);
must_check err_t sched_set_nice(struct thread *thread, int nice);
/** The nine named priorities, best first, each with its own place: the one table of what they are. */
enum sched_priority_name {
	SCHED_REALTIME_HIGH, SCHED_REALTIME_NORMAL, SCHED_REALTIME_LOW, SCHED_SYSTEM_HIGH,
	SCHED_SYSTEM_NORMAL, SCHED_USER_HIGH, SCHED_USER_NORMAL, SCHED_USER_LOW, SCHED_PRIORITY_IDLE,
	SCHED_PRIORITIES
};
struct sched_priority {
	const char *name;
	enum sched_policy policy;
	unsigned rt_priority;
	int nice;
	bool is_system; // above all fair threads of programs
};
extern const struct sched_priority sched_priorities[SCHED_PRIORITIES];
must_check err_t sched_set_priority(struct thread *thread, enum sched_priority_name name);

/** A reservation of the deadline class: @runtime in every @period, to be had before @deadline of it. */
struct sched_deadline {
	nsec_t runtime, deadline, period; // 1024 ns <= runtime <= deadline <= period; 100 us..4 s
};
/** The same for the deadline class (period 0: the deadline). The thread stays on one CPU while it has
 *  the reservation. -EINVAL; -EBUSY: no CPU it may run on has so much left; -ENOMEM.
 *  Context: thread, may sleep. */
must_check err_t sched_set_deadline(struct thread *thread, const struct sched_deadline *wanted);
/** All 0 for a thread of another class. May sleep. */
void sched_get_deadline(struct thread *thread, struct sched_deadline *params);
/** How long @thread runs before one of its priority does; 0 = until it blocks. */
nsec_t sched_get_slice(struct thread *thread);
must_check err_t sched_set_affinity(struct thread *thread, const struct cpuset *cpus);
void sched_get_affinity(struct thread *thread, struct cpuset *cpus);
/** fork and clone: policy, nice, affinity. -ENOMEM; -EAGAIN: reservations are not inherited. */
must_check err_t sched_copy_params(struct thread *child, struct thread *parent);
/** CPU time of a thread so far, running or not. */
nsec_t sched_cpu_time(struct thread *thread);
/** From now on samples tell how much of programs' time the kernel took; before, it all counts as theirs.
 *  Once, before the first program starts. */
void sched_start_samples(void);
/** Divide @total as @samples say; *@shown is the result of the last time for the same thread or process
 *  and becomes this one's: neither part ever shrinks. */
void sched_divide_time(nsec_t total, const struct sched_samples *samples, struct sched_times *shown);
/** User and system time of @thread. */
struct sched_times sched_cpu_times(struct thread *thread);
void sched_add_samples(struct sched_samples *sum, const struct sched_samples *more);

#define SCHED_LATENCY_LINEAR 16u // buckets of one unit each; then one for each power of two
#define SCHED_LATENCY_BUCKETS 32u
struct sched_cpu_stats {
	/** Direct switches of IPC calls are not in it: sched_direct_switches(). */
	uint64_t switches_voluntary, switches_involuntary, migrations, steals, ipis, ipc_blocks;
	nsec_t idle_time, user_time, system_time;
	uint32_t ready;
	/** How often a thread waited in the queue for a time of each bucket before it ran. */
	uint64_t latency[SCHED_LATENCY_BUCKETS];
};
void sched_get_cpu_stats(cpuid_t cpu, struct sched_cpu_stats *stats);
/** Bucket @bucket holds waits shorter than this, in ns (the last one: any). */
nsec_t sched_latency_limit(unsigned bucket);
/** Switches from a caller straight to its server or back, on all CPUs so far. */
uint64_t sched_direct_switches(void);
/** Runnable threads over all CPUs, and load averages in 1/2048. */
unsigned sched_runnable_count(void);
void sched_get_load(uint64_t load[3]);

/** The bit of hal_percpu.resched that asks for a switch; other bits say that `pending` is not 0. */
#define SCHED_RESCHED 1u
#define SCHED_PENDING 2u

void sched_preempt_slow(void);
static inline void sched_preempt_point(void)
{
	if (unlikely(load_relaxed(&hal_percpu()->resched) & SCHED_RESCHED))
		sched_preempt_slow();
}
