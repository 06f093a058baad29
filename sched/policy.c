// SPDX-License-Identifier: MIT
// Policy, nice and affinity of any thread. A change is made under the run-queue lock of the thread's
// CPU, with the thread out of the queue; a thread on its way between two queues is waited for.
#include <hal/cpu.h>
#include <lib/bitmap.h>
#include <uapi/errno.h>

#include <sched/mutex.h>

#include "fair.h"

struct sched_mutex affinity_mutex = SCHED_MUTEX_INIT(affinity_mutex);

struct runq *thread_lock_settled(struct thread *thread, irqflags_t *flags)
{
	for (;;) {
		*flags = hal_irq_save();
		struct runq *rq = runq_lock_of(thread);
		if (load_relaxed(&thread->state) != THREAD_READY || thread->sched.is_queued)
			return rq;
		spin_unlock(&rq->lock);
		hal_irq_restore(*flags);
		hal_cpu_relax();
	}
}

static void unlock(struct runq *rq, irqflags_t flags)
{
	spin_unlock(&rq->lock);
	hal_irq_restore(flags);
}

bool thread_unsettle(struct runq *rq, struct thread *thread)
{
	bool was_queued = thread->sched.is_queued;
	if (was_queued)
		runq_dequeue(rq, thread);
	else if (runq_current(rq) == thread)
		runq_charge(rq, thread, hal_clock_read());
	return was_queued;
}

void thread_settle(struct runq *rq, struct thread *thread, bool was_queued)
{
	struct thread *curr = runq_current(rq);
	thread_update_rank(thread);
	if (was_queued) {
		runq_enqueue(rq, thread, ENQUEUE_MOVE);
		if (runq_must_kick(rq, thread, curr))
			sched_kick(rq);
	} else if (curr == thread && load_relaxed(&rq->ready_count)) {
		sched_kick(rq);
	}
}

void policy_set_class(struct thread *thread, enum sched_policy policy, unsigned rt_priority)
{
	struct sched_part *part = &thread->sched;
	static const uint8_t bands[] = {
		[SCHED_NORMAL] = BAND_USER,   [SCHED_FIFO] = BAND_REALTIME,
		[SCHED_RR] = BAND_REALTIME,   [SCHED_BATCH] = BAND_BATCH,
		[SCHED_IDLE] = BAND_IDLE,     [SCHED_DEADLINE] = BAND_DEADLINE,
	};
	part->policy = policy;
	part->rt_priority = rt_priority;
	part->base_band = bands[policy];
	if (part->base_band == BAND_USER && load_relaxed(&part->is_system))
		part->base_band = BAND_SYSTEM;
}

static bool is_valid(enum sched_policy policy, unsigned rt_priority)
{
	switch (policy) {
	case SCHED_FIFO:
	case SCHED_RR:
		return rt_priority >= 1 && rt_priority < RT_PRIORITIES;
	case SCHED_NORMAL:
	case SCHED_BATCH:
	case SCHED_IDLE:
		return rt_priority == 0;
	default:
		return false;
	}
}

/** Give @thread a class other than the deadline class, which it leaves only if @may_leave (affinity_mutex is held then).
 *  False: it is in that class and stays there. */
static bool change_policy(struct thread *thread, enum sched_policy policy, unsigned rt_priority, bool may_leave)
{
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(thread, &flags);
	bool may_change = may_leave || thread->sched.policy != SCHED_DEADLINE;
	if (may_change) {
		bool was_queued = thread_unsettle(rq, thread);
		policy_set_class(thread, policy, rt_priority);
		thread->sched.slice_left = (int64_t)sched_slice_ticks;
		thread_settle(rq, thread, was_queued);
	}
	unlock(rq, flags);
	return may_change;
}

/** What @thread has reserved is given back with its class. */
static void leave_deadline(struct thread *thread, enum sched_policy policy, unsigned rt_priority)
{
	sched_mutex_lock(&affinity_mutex);
	bool had_reservation = thread->sched.policy == SCHED_DEADLINE;
	change_policy(thread, policy, rt_priority, true);
	if (had_reservation)
		deadline_leave(thread);
	sched_mutex_unlock(&affinity_mutex);
}

err_t sched_set_policy(struct thread *thread, enum sched_policy policy, unsigned rt_priority)
{
	if (!is_valid(policy, rt_priority))
		return -EINVAL;
	// Mostly without the mutex: who makes itself the least important here must not hold what all others wait for.
	if (!change_policy(thread, policy, rt_priority, false))
		leave_deadline(thread, policy, rt_priority);
	pi_rank_changed(thread);
	sched_preempt_point();
	return 0;
}

const struct sched_priority sched_priorities[SCHED_PRIORITIES] = {
	[SCHED_REALTIME_HIGH] = {"RealTimeHigh", SCHED_FIFO, 80, 0, false},
	[SCHED_REALTIME_NORMAL] = {"RealTimeNormal", SCHED_FIFO, 50, 0, false},
	[SCHED_REALTIME_LOW] = {"RealTimeLow", SCHED_FIFO, 20, 0, false},
	[SCHED_SYSTEM_HIGH] = {"SystemHigh", SCHED_NORMAL, 0, -10, true},
	[SCHED_SYSTEM_NORMAL] = {"SystemNormal", SCHED_NORMAL, 0, 0, true},
	[SCHED_USER_HIGH] = {"UserHigh", SCHED_NORMAL, 0, -10, false},
	[SCHED_USER_NORMAL] = {"UserNormal", SCHED_NORMAL, 0, 0, false},
	[SCHED_USER_LOW] = {"UserLow", SCHED_BATCH, 0, 0, false},
	[SCHED_PRIORITY_IDLE] = {"Idle", SCHED_IDLE, 0, 0, false},
};

err_t sched_set_priority(struct thread *thread, enum sched_priority_name name)
{
	const struct sched_priority *priority = &sched_priorities[name];
	store_relaxed(&thread->sched.is_system, priority->is_system);
	err_t err = sched_set_policy(thread, priority->policy, priority->rt_priority);
	return err ? err : sched_set_nice(thread, priority->nice);
}

err_t sched_set_nice(struct thread *thread, int nice)
{
	if (nice < -20 || nice > 19)
		return -EINVAL;
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(thread, &flags);
	bool was_queued = thread_unsettle(rq, thread);
	thread->sched.nice = nice;
	fair_set_weight(&thread->sched);
	fair_renew(&thread->sched);
	thread_settle(rq, thread, was_queued);
	unlock(rq, flags);
	sched_preempt_point();
	return 0;
}

nsec_t sched_get_slice(struct thread *thread)
{
	uint32_t policy = thread->sched.policy;
	bool has_slice = policy != SCHED_FIFO && policy != SCHED_DEADLINE;
	return has_slice ? time_from_ticks(sched_slice_ticks) : 0;
}

void sched_set_system(struct thread *thread)
{
	verify(load_relaxed(&thread->state) == THREAD_NEW);
	store_relaxed(&thread->sched.is_system, 1);
	policy_set_class(thread, SCHED_NORMAL, 0);
	thread_update_rank(thread);
}

err_t affinity_copy(const struct cpuset *cpus, struct cpuset **copy)
{
	struct cpuset all = {{0}};
	*copy = NULL;
	bitmap_set_range(all.bits, 0, sched_cpus);
	if (bitmap_is_subset(all.bits, cpus->bits, CPUS_MAX))
		return 0;
	*copy = affinity_create(cpus);
	return *copy ? 0 : -ENOMEM;
}

/** Move @thread, ready on @rq (locked; unlocked here), to a CPU that it may run on. */
static void move_ready(struct runq *rq, struct thread *thread)
{
	struct runq *to = sched_choose(thread, rq);
	if (to == rq) {
		spin_unlock(&rq->lock);
		return;
	}
	runq_take_away(rq, thread, to);
	spin_unlock(&rq->lock);
	runq_push(to, thread, ENQUEUE_MOVE);
}

static cpuid_t first_allowed(struct thread *thread)
{
	cpuid_t cpu = 0;
	while (cpu + 1 < sched_cpus && !(online_runq(cpu) && sched_may_run_on(thread, cpu)))
		cpu++;
	return cpu;
}

/** One look at @thread: true if its CPU is one that it may use; else see to that. */
static bool is_obeyed(struct thread *thread)
{
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(thread, &flags);
	uint32_t state = load_relaxed(&thread->state);
	bool is_allowed = sched_may_run_on(thread, rq->cpu);
	if (!is_allowed && state == THREAD_RUNNING)
		sched_kick(rq);
	// One that has not left its stack belongs to the CPU that it is leaving until then.
	if (is_allowed || load_acquire(&thread->on_cpu)) {
		unlock(rq, flags);
		return is_allowed;
	}
	if (state == THREAD_READY) {
		move_ready(rq, thread);
	} else {
		// Blocked: a direct switch takes it for allowed on the CPU where it ran last.
		fair_depart(rq, thread);
		store_release(&thread->sched.cpu, first_allowed(thread));
		spin_unlock(&rq->lock);
	}
	hal_irq_restore(flags);
	return true;
}

static void obey(struct thread *thread)
{
	while (!is_obeyed(thread)) {
		sched_preempt_point(); // it may be ourselves
		hal_cpu_relax();
	}
}

void affinity_set(struct thread *thread, struct cpuset *fresh)
{
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(thread, &flags);
	struct cpuset *old = load_relaxed(&thread->sched.affinity);
	store_release(&thread->sched.affinity, fresh);
	unlock(rq, flags);
	affinity_free_later(old);
	obey(thread);
	// A direct switch looks without the lock: after a grace period none is under way that has
	// seen the old set or the old CPU.
	if (load_acquire(&thread->ipc.state) != IPC_IDLE) {
		quiesce_wait();
		obey(thread);
	}
}

err_t sched_set_affinity(struct thread *thread, const struct cpuset *cpus)
{
	struct cpuset *fresh;
	err_t err = affinity_copy(cpus, &fresh);
	if (err)
		return err;
	sched_mutex_lock(&affinity_mutex);
	if (!bitmap_intersects(cpus->bits, cpus_online.bits, CPUS_MAX))
		err = -EINVAL;
	else if (thread->sched.policy == SCHED_DEADLINE)
		err = deadline_set_affinity(thread, cpus, fresh);
	else
		affinity_set(thread, fresh);
	sched_mutex_unlock(&affinity_mutex);
	if (err)
		affinity_free_later(fresh);
	return err;
}

void sched_get_affinity(struct thread *thread, struct cpuset *cpus)
{
	irqflags_t flags = hal_irq_save(); // keeps the set from being freed
	struct cpuset *affinity = thread->sched.policy == SCHED_DEADLINE ?
					  load_acquire(&thread->sched.deadline->wanted) :
					  load_acquire(&thread->sched.affinity);
	if (affinity) {
		*cpus = *affinity;
	} else {
		bitmap_zero(cpus->bits, CPUS_MAX);
		bitmap_set_range(cpus->bits, 0, sched_cpus);
	}
	hal_irq_restore(flags);
}

err_t sched_copy_params(struct thread *child, struct thread *parent)
{
	struct cpuset cpus;
	struct cpuset *copy;
	verify(load_relaxed(&child->state) == THREAD_NEW);
	bool is_reset = load_relaxed(&parent->sched.resets_on_fork);
	if (parent->sched.policy == SCHED_DEADLINE && !is_reset)
		return -EAGAIN;
	if (load_relaxed(&parent->sched.affinity)) {
		sched_mutex_lock(&affinity_mutex);
		sched_get_affinity(parent, &cpus);
		copy = affinity_create(&cpus);
		store_release(&child->sched.affinity, copy);
		sched_mutex_unlock(&affinity_mutex);
		if (!copy)
			return -ENOMEM;
	}
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(parent, &flags);
	enum sched_policy policy = parent->sched.policy;
	unsigned rt_priority = parent->sched.rt_priority;
	int nice = parent->sched.nice;
	unlock(rq, flags);
	if (is_reset) {
		policy = SCHED_NORMAL;
		rt_priority = 0;
		nice = max(nice, 0);
	}
	policy_set_class(child, policy, rt_priority);
	child->sched.nice = nice;
	fair_set_weight(&child->sched);
	fair_renew(&child->sched);
	thread_update_rank(child);
	return 0;
}
