// SPDX-License-Identifier: MIT
// The threads of a simulated workload: each repeats its group's steps for ever.
#include "workload.h"

#include <arch/sim.h>
#include <hal/bootinfo.h>
#include <kernel/panic.h>
#include <kernel/quiesce.h>
#include <lib/bitmap.h>
#include <math.h>
#include <sched/sched.h>
#include <stdlib.h>

#include "../../sched/runq.h"

bool workload_is_measured;

static uint64_t next_random(struct sim_thread *self)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return self->random;
}

static nsec_t draw(struct sim_thread *self, const struct duration *time)
{
	double unit = (double)(next_random(self) >> 11) * 0x1p-53;

	if (time->is_exponential)
		return (nsec_t)(-log1p(-unit) * (double)time->min);
	return time->min + (nsec_t)(unit * (double)(time->max - time->min + 1));
}

/** Compute for @ns, as user mode does: it is a quiescent state, and preempted at any moment. */
static void run(nsec_t ns)
{
	while (ns) {
		nsec_t passed = sim_busy(ns);

		ns -= min(ns, passed);
		hal_irq_disable();
		quiesce_report();
		hal_irq_enable();
		sched_preempt_point();
	}
}

static bool has_its_core_for_itself(cpuid_t cpu)
{
	struct cpu_span core = cpu_runq(cpu)->core;

	for (cpuid_t i = core.first; i < core.end; i++) {
		if (i != cpu && runq_load(cpu_runq(i)))
			return false;
	}
	return true;
}

static void count_wake(struct sim_thread *self, cpuid_t slept_on, nsec_t due)
{
	if (!workload_is_measured)
		return;
	self->group->wakes++;
	unsigned from = bootinfo.cpus[slept_on].node, to = bootinfo.cpus[this_cpu()].node;
	if (this_cpu() == slept_on)
		self->group->home_wakes++;
	else
		self->group->whole_wakes += has_its_core_for_itself(this_cpu());
	if (from != to) {
		self->group->far_wakes++;
		self->group->distance += bootinfo.nodes[from].distances[to];
	}
	latency_add(&self->group->latencies, time_now() - due);
}

static void sleep(struct sim_thread *self, nsec_t ns)
{
	cpuid_t cpu = this_cpu();
	nsec_t deadline = time_now() + ns;

	(void)!sched_sleep_until(deadline, false);
	count_wake(self, cpu, deadline);
}

static void wait(struct sim_thread *self)
{
	struct group *group = self->group;
	cpuid_t cpu = this_cpu();
	irqflags_t flags = spin_lock_irqsave(&group->waiters.lock);
	bool must_sleep = !group->wakes_pending;

	if (must_sleep)
		(void)!sched_waitq_wait(&group->waiters, &flags, NSEC_NEVER, 0, (uintptr_t)self);
	else
		group->wakes_pending--;
	spin_unlock_irqrestore(&group->waiters.lock, flags);
	if (must_sleep)
		count_wake(self, cpu, self->woken_at);
}

static void wake(struct group *group)
{
	irqflags_t flags = spin_lock_irqsave(&group->waiters.lock);
	struct sched_wait *first = list_first_entry(&group->waiters.waiters, struct sched_wait, node);

	if (first)
		((struct sim_thread *)first->key)->woken_at = time_now();
	if (!sched_waitq_wake_one_locked(&group->waiters))
		group->wakes_pending++;
	spin_unlock_irqrestore(&group->waiters.lock, flags);
}

static void do_step(struct sim_thread *self, const struct step *step)
{
	switch (step->kind) {
	case STEP_RUN:
		run(draw(self, &step->time));
		break;
	case STEP_SLEEP:
		sleep(self, draw(self, &step->time));
		break;
	case STEP_WAIT:
		wait(self);
		break;
	case STEP_WAKE:
		wake(&workload.groups[step->group]);
		break;
	case STEP_YIELD:
		sched_yield();
		break;
	}
}

static void thread_main(void *arg)
{
	struct sim_thread *self = arg;

	for (;;) {
		for (unsigned i = 0; i < self->group->step_count; i++)
			do_step(self, &self->group->steps[i]);
	}
}

static void bind_to(struct thread *thread, cpuid_t cpu)
{
	struct cpuset cpus = {{0}};

	bitmap_set(cpus.bits, cpu % workload.cpus);
	if (sched_set_affinity(thread, &cpus))
		panic("no memory for an affinity");
}

static void create(struct group *group, unsigned i)
{
	struct sim_thread *self = &group->threads[i];
	struct thread *thread = thread_create_kernel(group->name, thread_main, self);

	if (!thread)
		panic("no memory for thread %u of %s", i, group->name);
	*self = (struct sim_thread){.group = group, .thread = thread};
	self->random = (workload.seed + i + 1) * 0x9e3779b97f4a7c15ull | 1;
	if (sched_set_policy(thread, group->policy, group->rt_priority) ||
	    sched_set_nice(thread, group->nice))
		panic("group %s: its policy is refused", group->name);
	if (group->placement == PLACE_FROM || group->placement == PLACE_PINNED)
		bind_to(thread, group->cpu);
	else if (group->placement == PLACE_SPREAD)
		bind_to(thread, i);
	sched_start(thread);
}

/** Threads that were made to start on one CPU may go anywhere from now on. */
static void release(struct group *group)
{
	struct cpuset all = {{0}};

	bitmap_set_range(all.bits, 0, workload.cpus);
	for (unsigned i = 0; i < group->count; i++) {
		if (sched_set_affinity(group->threads[i].thread, &all))
			panic("no memory for an affinity");
	}
}

void workload_start(void)
{
	for (unsigned g = 0; g < workload.group_count; g++) {
		struct group *group = &workload.groups[g];

		sched_waitq_init(&group->waiters);
		group->threads = calloc(group->count, sizeof(*group->threads));
		if (!group->threads)
			panic("no memory for group %s", group->name);
		for (unsigned i = 0; i < group->count; i++)
			create(group, i);
	}
	for (unsigned g = 0; g < workload.group_count; g++) {
		if (workload.groups[g].placement == PLACE_FROM)
			release(&workload.groups[g]);
	}
}
