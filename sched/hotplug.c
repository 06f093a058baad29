// SPDX-License-Identifier: MIT
// CPUs leave service and come back. Who takes a CPU down does so as a thread on that very CPU:
//
//   thread on CPU X                                    others
//   sched_online[X] = NULL                             had read it before: may still send threads to X
//   grace period                                       nobody has the old value any more
//   interrupts off; X looks crowded, this thread is
//   of the highest rank: no wake stays on X
//   move all ready threads and X's device interrupts
//   away; leave to another CPU
//   idle thread of X: take what interrupts are left,
//   let go of the address space, go off                calls to X: kernel/cpu_state.c
//   (elsewhere) wait for that; take over X's timers
//
// The time off counts as idle time of X. Blocked threads keep X as their last CPU; who wakes them finds X crowded and chooses another.
// affinity_mutex is held all the time: no thread becomes bound to X meanwhile.
#include <kernel/irq.h>
#include <kernel/smp.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <sched/hotplug.h>
#include <sched/mutex.h>
#include <uapi/errno.h>

#include "fair.h"

bool sched_cpu_is_up(cpuid_t cpu)
{
	return cpu < sched_cpus && online_runq(cpu);
}

struct search {
	const struct cpuset *others;
	bool is_bound; // a thread was found that may run on none of them
};

static void look_whether_bound(void *arg, struct thread *thread)
{
	struct search *search = arg;
	struct cpuset *affinity = load_acquire(&thread->sched.affinity);
	bool is_alive = load_relaxed(&thread->refs) && load_relaxed(&thread->state) != THREAD_DEAD;
	if (affinity && is_alive)
		search->is_bound |= !bitmap_intersects(affinity->bits, search->others->bits, CPUS_MAX);
}

/** Every thread may run on one of @others. */
static bool can_do_without(const struct cpuset *others)
{
	struct search search = {.others = others};
	if (bitmap_is_empty(others->bits, CPUS_MAX))
		return false;
	thread_for_each(look_whether_bound, &search);
	return !search.is_bound;
}

static struct thread *first_queued(struct runq *rq)
{
	uint32_t bands = load_relaxed(&rq->ready_bands);
	if (!bands)
		return NULL;
	uint32_t band = (uint32_t)__builtin_ctz(bands);
	if (band < BAND_SYSTEM)
		return band == BAND_DEADLINE ? deadline_first(rq) : rt_first(rq);
	return rb_entry(rbtree_first(&rq->fair[band].tree), struct thread, sched.fair_node);
}

/** Send one ready thread away. False: none is left. */
static bool send_one_away(struct runq *rq)
{
	spin_lock(&rq->lock);
	struct thread *thread = first_queued(rq);
	struct runq *to = thread ? sched_choose_elsewhere(thread, rq) : NULL;
	if (thread) {
		verify(to != rq && !load_acquire(&thread->on_cpu));
		runq_take_away(rq, thread, to);
	}
	spin_unlock(&rq->lock);
	if (!thread)
		return false;
	runq_push(to, thread, ENQUEUE_MOVE);
	return true;
}

/** Leave @rq's CPU, on which we are, as its last thread. @elsewhere becomes our affinity. */
static void leave_last(struct runq *rq, struct cpuset *elsewhere)
{
	struct thread *self = current_thread();
	irqflags_t flags = hal_irq_save();
	verify(rq->cpu == this_cpu());
	spin_lock(&rq->lock);
	rq->is_out = true;
	fetch_add_relaxed(&rq->ready_count, OUT_OF_SERVICE);
	store_relaxed(&rq->idle->sched.rank, UINT32_MAX);
	store_relaxed(&self->sched.rank, UINT32_MAX);
	struct cpuset *here = load_relaxed(&self->sched.affinity);
	store_release(&self->sched.affinity, elsewhere);
	spin_unlock(&rq->lock);
	while (send_one_away(rq)) {
	}
	irq_route_away(rq->cpu, (cpuid_t)bitmap_find_first_set(elsewhere->bits, CPUS_MAX));
	sched_switch(SWITCH_PREEMPT);
	rq = this_cpu_ptr(runq);
	spin_lock(&rq->lock);
	thread_update_rank(self);
	spin_unlock(&rq->lock);
	hal_irq_restore(flags);
	affinity_free_later(here);
}

static err_t take_down(struct runq *rq, struct cpuset *here, struct cpuset *elsewhere,
		       struct cpuset *home)
{
	affinity_set(current_thread(), here);
	hal_explore_point(&sched_online[rq->cpu]);
	__atomic_store_n(&sched_online[rq->cpu], NULL, __ATOMIC_RELEASE);
	quiesce_wait();
	leave_last(rq, elsewhere);
	err_t err = smp_stop_wait(rq->cpu);
	timers_take_from(rq->cpu);
	affinity_set(current_thread(), home);
	return err;
}

static err_t try_take_down(struct runq *rq)
{
	struct cpuset one = {{0}}, others = cpus_online, mine;
	bitmap_set(one.bits, rq->cpu);
	bitmap_clear(others.bits, rq->cpu);
	if (!can_do_without(&others))
		return -EBUSY;
	sched_get_affinity(current_thread(), &mine);
	struct cpuset *here = affinity_create(&one), *elsewhere = affinity_create(&others), *home = NULL;
	if (!here || !elsewhere || affinity_copy(&mine, &home)) {
		kfree(here);
		kfree(elsewhere);
		return -ENOMEM;
	}
	return take_down(rq, here, elsewhere, home);
}

err_t sched_cpu_down(cpuid_t cpu)
{
	if (cpu >= sched_cpus || !cpu_runq(cpu))
		return -EINVAL;
	sched_mutex_lock(&affinity_mutex);
	err_t err = smp_can_stop(cpu);
	if (!err && online_runq(cpu))
		err = try_take_down(cpu_runq(cpu));
	sched_mutex_unlock(&affinity_mutex);
	return err;
}

err_t sched_cpu_up(cpuid_t cpu)
{
	if (cpu >= sched_cpus)
		return -EINVAL;
	sched_mutex_lock(&affinity_mutex);
	err_t err = smp_start(cpu);
	while (!err && !online_runq(cpu)) // it is online, and about to take threads
		(void)!sched_sleep_until(time_now() + NSEC_PER_MSEC / 4, false);
	sched_mutex_unlock(&affinity_mutex);
	return err;
}

noreturn_fn void hotplug_leave(struct runq *rq)
{
	spin_lock(&rq->lock);
	runq_disarm_slice(rq);
	sample_stop(rq);
	spin_unlock(&rq->lock);
	frame_drain_this_cpu();
	upcall_leave_space();
	quiesce_idle_enter();
	smp_stop_self();
}

void hotplug_return(struct runq *rq)
{
	quiesce_idle_exit();
	spin_lock(&rq->lock);
	rq->is_out = false;
	fetch_sub_release(&rq->ready_count, OUT_OF_SERVICE);
	store_relaxed(&rq->idle->sched.rank, 0);
	spin_unlock(&rq->lock);
	hal_explore_point(&sched_online[rq->cpu]);
	__atomic_store_n(&sched_online[rq->cpu], rq, __ATOMIC_RELEASE);
}
