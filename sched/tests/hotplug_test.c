// SPDX-License-Identifier: MIT
// CPUs leave service and come back while threads of every kind live on them.
#include <sched/hotplug.h>
#include <uapi/errno.h>

#include "../runq.h"
#include "threads.h"

#define ROUNDS 10

struct life {
	_Atomic uint32_t stop;
	_Atomic uint32_t wrong; // ran where no thread may
	_Atomic uint64_t turns;
	struct sched_mutex mutex;
};

static void look(struct life *life)
{
	irqflags_t flags = hal_irq_save();
	// Whoever runs on a CPU that is_out came there after its last thread had left.
	if (this_cpu_ptr(runq)->is_out)
		fetch_add_relaxed(&life->wrong, 1);
	hal_irq_restore(flags);
}

static void compute(void *arg)
{
	struct life *life = arg;
	while (!load_acquire(&life->stop)) {
		look(life); // loads only: virtual time passes over nothing else
		sched_preempt_point();
		hal_cpu_relax();
	}
}

static void sleep_often(void *arg)
{
	struct life *life = arg;
	while (!load_acquire(&life->stop)) {
		sched_mutex_lock(&life->mutex);
		look(life);
		fetch_add_relaxed(&life->turns, 1);
		(void)!sched_sleep_until(time_now() + 50 * NSEC_PER_USEC, false);
		sched_mutex_unlock(&life->mutex);
	}
}

/** A CPU that is not this thread's and may leave. */
static cpuid_t other_cpu(unsigned round)
{
	return 1 + round % (cpus_possible_count() - 1);
}

TEST(sched, S10_cpus_leave_and_return_under_load)
{
	struct life life = {0};
	struct group hogs, sleepers;
	unsigned cpus = cpus_online_count();
	if (cpus < 2 || cpus != cpus_possible_count())
		return;
	sched_mutex_init(&life.mutex);
	group_init(&hogs, compute, &life);
	group_init(&sleepers, sleep_often, &life);
	group_start(&hogs, 2 * cpus, "hog");
	for (unsigned i = 0; i < 6; i++) {
		struct thread *thread = group_add(&sleepers, "sleeper");
		EXPECT_EQ(sched_set_policy(thread, i % 2 ? SCHED_NORMAL : SCHED_FIFO, i % 2 ? 0 : 30), 0);
		sched_start(thread);
	}
	for (unsigned round = 0; round < ROUNDS; round++) {
		cpuid_t cpu = other_cpu(round);
		EXPECT_EQ(sched_cpu_down(cpu), 0);
		EXPECT(!sched_cpu_is_up(cpu) && !cpu_is_online(cpu));
		EXPECT_EQ(cpus_online_count(), cpus - 1);
		EXPECT(this_cpu() != cpu);
		EXPECT_EQ(load_relaxed(&cpu_runq(cpu)->ready_bands), 0);
		struct cpuset one = cpuset_of(cpu);
		EXPECT_EQ(sched_set_affinity(current_thread(), &one), -EINVAL);
		uint64_t turns = load_relaxed(&life.turns);
		while (load_relaxed(&life.turns) < turns + 50)
			EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC / 4, false), 0);
		EXPECT_EQ(sched_cpu_up(cpu), 0);
		EXPECT(sched_cpu_is_up(cpu) && cpu_is_online(cpu));
	}
	store_release(&life.stop, 1);
	group_join(&hogs);
	group_join(&sleepers);
	EXPECT_EQ(load_relaxed(&life.wrong), 0);
	EXPECT_EQ(load_relaxed(&sched_rt_waiting), 0);
}

static void run_once(void *arg)
{
	store_release((_Atomic uint32_t *)arg, this_cpu() + 1);
}

TEST(sched, S10_bound_threads_keep_their_cpu_in_service)
{
	_Atomic uint32_t ran_on = 0;
	struct group group;
	unsigned cpus = cpus_online_count();
	EXPECT_EQ(sched_cpu_down(cpus_possible_count()), -EINVAL);
	EXPECT_EQ(sched_cpu_up(cpus_possible_count()), -EINVAL);
	if (cpus == 1)
		EXPECT_EQ(sched_cpu_down(0), -EBUSY);
	if (cpus < 2 || cpus != cpus_possible_count())
		return;
	struct cpuset one = cpuset_of(1);
	group_init(&group, run_once, &ran_on);
	struct thread *bound = group_add(&group, "bound");
	EXPECT_EQ(sched_set_affinity(bound, &one), 0);
	EXPECT_EQ(sched_cpu_down(1), -EBUSY);
	EXPECT(sched_cpu_is_up(1));
	sched_start(bound);
	group_join(&group);
	EXPECT_EQ(load_relaxed(&ran_on), 2);
	// The thread is gone once it is freed: then nothing keeps the CPU.
	err_t err;
	while ((err = sched_cpu_down(1)) == -EBUSY)
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
	EXPECT_EQ(err, 0);
	EXPECT_EQ(sched_cpu_down(1), 0);
	EXPECT_EQ(sched_cpu_up(1), 0);
	EXPECT_EQ(sched_cpu_up(1), 0);
}

static void note_fired(struct timer *timer)
{
	(void)timer;
}

static void set_timers(void *timers)
{
	for (unsigned i = 0; i < 100; i++)
		timer_set((struct timer *)timers + i, time_now() + NSEC_PER_SEC * 3600 + i);
}

TEST(sched, S10_timers_move_to_a_cpu_in_service)
{
	static struct timer timers[100];
	unsigned cpus = cpus_online_count();
	if (cpus < 2 || cpus != cpus_possible_count())
		return;
	for (unsigned i = 0; i < 100; i++)
		timer_init(&timers[i], note_fired);
	smp_call(1, set_timers, timers);
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(load_relaxed(&timers[i].cpu_plus_1), 2);
	EXPECT_EQ(sched_cpu_down(1), 0);
	for (unsigned i = 0; i < 100; i++) {
		EXPECT(load_relaxed(&timers[i].cpu_plus_1) != 2);
		EXPECT(timer_cancel_sync(&timers[i]));
	}
	EXPECT_EQ(sched_cpu_up(1), 0);
}
