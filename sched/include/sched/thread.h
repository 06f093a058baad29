// SPDX-License-Identifier: MIT
// A thread: what the scheduler keeps of it, and the parts of the rooms above, which are pure data.
#pragma once

#include <fs/part.h>
#include <hal/atomic.h>
#include <hal/context.h>
#include <hal/trapframe.h>
#include <ipc/part.h>
#include <kernel/quiesce.h>
#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/list.h>
#include <lib/rbtree.h>
#include <mm/part.h>
#include <object/part.h>
#include <proc/part.h>

enum thread_state {
	THREAD_RUNNING, // current of a CPU
	THREAD_READY, // in a run queue, or on its way into one
	THREAD_NEW, // never ran
	THREAD_BLOCKED, // waits for sched_wake() or an ipc completion
	THREAD_SLEEPING, // the same, and sched_interrupt() may end it
	THREAD_DEAD, // will not run again
};

/** Strict bands, best first. */
enum sched_band { BAND_DEADLINE, BAND_REALTIME, BAND_SYSTEM, BAND_USER, BAND_BATCH, BAND_IDLE, BANDS };

/** Linux's policy numbers. */
enum sched_policy {
	SCHED_NORMAL = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5, SCHED_DEADLINE = 6
};

/** CPU time of which a sample says where it was spent: a weight in ns, not the time itself (sample.c). */
struct sched_samples {
	_Atomic uint64_t user, system;
};
struct sched_times {
	nsec_t user, system;
};

/** The scheduler's own part. rq = lock of the run queue of the thread's CPU; own = only the CPU that
 *  runs the thread. */
struct sched_part {
	// Hot: the direct switch of an IPC touches these and no run queue.
	_Atomic uint32_t cpu; // run queue it is on, or last ran on (rq; own at a direct switch)
	_Atomic uint32_t rank; // band and RT priority in one number, higher goes first (rq)
	uint64_t stamp; // ticks when it last became running (own); while queued, ready (rq)
	uint64_t run_ticks; // CPU time in ticks of hal_clock_read() (own)
	_Atomic(struct cpuset *) affinity; // NULL = every CPU (rq); old ones freed after a grace period
	uint64_t switches_voluntary, switches_involuntary, migrations; // (rq)

	uint32_t band; // enum sched_band in which it is queued, perhaps an inherited one (rq)
	uint32_t base_band; // the band of its policy (rq)
	uint32_t is_queued; // on a list or tree of its run queue (rq)
	_Atomic uint32_t is_system; // its fair class is BAND_SYSTEM instead of BAND_USER
	uint32_t rt_priority; // 1..99 in BAND_REALTIME (rq)
	uint32_t policy; // enum sched_policy as set (rq)
	_Atomic uint32_t resets_on_fork; // children are SCHED_NORMAL
	int32_t nice; // -20..19 as set (rq)
	uint32_t weight; // of nice (rq)
	struct list rt_node; // FIFO of its RT priority (rq)
	struct rbnode fair_node; // by virtual deadline (rq)
	uint64_t vruntime, vdeadline; // (rq)
	uint64_t inverse_weight; // virtual ticks per tick, << 16 (rq)
	uint32_t vruntime_home; // queue whose virtual time vruntime is measured in (rq)
	int64_t slice_left; // ticks, RR and fair (rq)
	_Atomic uint32_t lock_depth; // kernel sleeping locks held: at least user band meanwhile (own)
	// Priority inheritance (pi.c)
	uint32_t inherited; // rank of the best that waits for what it owns, 0 = nobody (pi, rq)
	uint32_t queue_priority; // list in BAND_REALTIME: rt_priority, or an inherited one (rq)
	struct list pi_held; // struct sched_pi that may raise it (pi)
	struct sched_pi *pi_blocked; // what it waits for (pi)
	struct list pi_node; // among the waiters of pi_blocked (pi)
	uint64_t inherited_key; // deadline of whom it inherits the deadline band from (pi, rq)
	// Deadline class (deadline.c)
	struct deadline *deadline; // NULL = never had a reservation
	uint64_t deadline_key; // its place in BAND_DEADLINE (rq)
	struct sched_samples samples; // of its CPU time (own)
	struct sched_times shown; // (rq)
};

struct thread {
	// Hot: switch and IPC fast path.
	struct hal_context context;
	struct trapframe *tf; // at the top of the kernel stack; never moves
	void *fpu; // state area, NULL until first use
	/** Set by proc (signals, stop, kill), by sched_interrupt() users: not 0 means work before user
	 *  mode, and no interruptible sleep begins. */
	_Atomic uint32_t pending;
	_Atomic uint32_t state; // enum thread_state
	/** A CPU still executes on the kernel stack. Set by who switches to the thread, cleared with
	 *  release order by who left it; nobody resumes a thread before. */
	_Atomic uint32_t on_cpu;
	vaddr_t stack_top;
	struct ipc_part ipc;
	struct mm_part mm;
	struct sched_part sched;
	struct object_part object;
	struct proc_part proc;
	struct fs_part fs;
	// Sleeping: see waitq.c.
	struct timer sleep_timer;
	_Atomic uint32_t wake_reason; // 0, or ETIMEDOUT: the timer of the present sleep has fired
	// Life.
	_Atomic uint32_t refs;
	struct quiesce quiesce;
	struct list all_node; // every thread but the idle ones, for debugging (threads lock)
	void (*entry)(void *); // kernel threads
	void *entry_arg;
#if CONFIG_DEBUG
	struct lock_stack locks; // sleeping ones that it holds (itself)
#endif
	char name[16];
};

/** Blocked in either way. */
static inline bool thread_is_blocked(struct thread *thread)
{
	return load_acquire(&thread->state) - THREAD_BLOCKED <= THREAD_SLEEPING - THREAD_BLOCKED;
}

/** A thread in state NEW with a kernel stack, fair class, all CPUs; refs 1. NULL = no memory. */
must_check struct thread *thread_create(const char *name);
/** A kernel thread that runs @entry(@arg) once sched_start() is called; exits when it returns. */
must_check struct thread *thread_create_kernel(const char *name, void (*entry)(void *), void *arg);
void thread_get(struct thread *thread);
/** The last reference frees the thread after a grace period; it must be DEAD or NEW. */
void thread_put(struct thread *thread);
/** How many threads exist, idle ones not counted; call @visit for each (threads lock held: short). */
uint64_t thread_count(void);
void thread_for_each(void (*visit)(void *arg, struct thread *thread), void *arg);
