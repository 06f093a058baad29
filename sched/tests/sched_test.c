// SPDX-License-Identifier: MIT
// The scheduler on the CPUs of this machine: placement, affinity, policies, lifetimes, accounting.
#include <kernel/quiesce.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#include "../runq.h"
#include "threads.h"

struct spinner {
	_Atomic uint32_t stop;
	_Atomic uint32_t wrong; // current or CPU were not what they must be
	_Atomic uint64_t turns[GROUP_MAX]; // by CPU
};

static void spin(void *arg)
{
	struct spinner *spinner = arg;
	struct thread *self = current_thread();
	cpuid_t last = CPUS_MAX;
	while (!load_acquire(&spinner->stop)) {
		irqflags_t flags = hal_irq_save();
		cpuid_t cpu = this_cpu();
		if (current_thread() != self || load_relaxed(&self->sched.cpu) != cpu)
			fetch_add_relaxed(&spinner->wrong, 1);
		hal_irq_restore(flags);
		// Only loads in most turns: virtual time passes only over those.
		if (cpu != last)
			fetch_add_relaxed(&spinner->turns[cpu % GROUP_MAX], 1);
		last = cpu;
		sched_preempt_point();
		hal_cpu_relax();
	}
}

static void stop(struct spinner *spinner, struct group *group)
{
	store_release(&spinner->stop, 1);
	group_join(group);
	EXPECT_EQ(load_relaxed(&spinner->wrong), 0);
}

TEST(sched, S9_idle_cpus_take_work)
{
	struct spinner spinner = {0};
	struct group group;
	unsigned cpus = min(cpus_online_count(), (unsigned)GROUP_MAX);
	group_init(&group, spin, &spinner);
	group_start(&group, 2 * min(cpus, GROUP_MAX / 2u), "spin");
	for (bool is_spread = false; !is_spread;) {
		is_spread = true;
		for (cpuid_t cpu = 0; cpu < cpus; cpu++)
			is_spread &= load_relaxed(&spinner.turns[cpu]) > 0;
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
	}
	stop(&spinner, &group);
}

/** The most and the least loaded CPU differ by one thread at most. */
static bool is_even(void)
{
	uint32_t most = 0, least = UINT32_MAX;
	irqflags_t flags = hal_irq_save();
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++) {
		struct runq *rq = online_runq(cpu);
		// This thread is not one of those that are counted.
		uint32_t load = rq ? runq_load(rq) - (cpu == this_cpu()) : 0;
		most = rq ? max(most, load) : most;
		least = rq ? min(least, load) : least;
	}
	hal_irq_restore(flags);
	return most <= least + 1;
}

TEST(sched, S9_threads_of_one_cpu_spread)
{
	struct spinner spinner = {0};
	struct group group;
	struct cpuset one = cpuset_of(0), all;
	sched_get_affinity(current_thread(), &all);
	EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
	group_init(&group, spin, &spinner);
	for (unsigned i = 0; i < 6 * min(cpus_online_count(), 8u); i++) {
		struct thread *thread = group_add(&group, "spin");
		EXPECT_EQ(sched_set_affinity(thread, &one), 0);
		sched_start(thread);
	}
	for (unsigned i = 0; i < group.count; i++)
		EXPECT_EQ(sched_set_affinity(group.threads[i], &all), 0);
	while (!is_even())
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
	stop(&spinner, &group);
	EXPECT_EQ(sched_set_affinity(current_thread(), &all), 0);
}

TEST(sched, S7_affinity_is_in_force_on_return)
{
	struct spinner spinner = {0};
	struct group group;
	unsigned cpus = cpus_online_count();
	group_init(&group, spin, &spinner);
	group_start(&group, cpus + 2, "spin");
	for (unsigned i = 0; i < 8 * cpus; i++) {
		struct thread *thread = group.threads[i % group.count];
		struct cpuset one = cpuset_of(i % cpus), got;
		EXPECT_EQ(sched_set_affinity(thread, &one), 0);
		EXPECT_EQ(load_relaxed(&thread->sched.cpu), i % cpus);
		sched_get_affinity(thread, &got);
		EXPECT(bitmap_equal(got.bits, one.bits, CPUS_MAX));
	}
	stop(&spinner, &group);
}

TEST(sched, S7_affinity_of_current_and_of_a_blocked_thread)
{
	struct cpuset all = {{0}}, none = {{0}};
	unsigned cpus = cpus_online_count();
	bitmap_set_range(all.bits, 0, cpus);
	for (cpuid_t cpu = 0; cpu < cpus; cpu++) {
		struct cpuset one = cpuset_of(cpu);
		EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
		EXPECT_EQ(this_cpu(), cpu);
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC / 4, false), 0);
		EXPECT_EQ(this_cpu(), cpu);
	}
	EXPECT_EQ(sched_set_affinity(current_thread(), &none), -EINVAL);
	bitmap_set(none.bits, CPUS_MAX - 1);
	EXPECT_EQ(sched_set_affinity(current_thread(), &none), -EINVAL);
	EXPECT_EQ(sched_set_affinity(current_thread(), &all), 0);
}

TEST(sched, S7_affinity_is_inherited)
{
	struct cpuset one = cpuset_of(0), got;
	struct cpuset all;
	struct thread *child = thread_create("child");
	sched_get_affinity(current_thread(), &all);
	EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
	EXPECT_EQ(sched_set_nice(current_thread(), 3), 0);
	EXPECT_EQ(sched_copy_params(child, current_thread()), 0);
	sched_get_affinity(child, &got);
	EXPECT(cpus_online_count() == 1 || bitmap_equal(got.bits, one.bits, CPUS_MAX));
	EXPECT_EQ(child->sched.nice, 3);
	EXPECT_EQ(sched_set_nice(current_thread(), 0), 0);
	EXPECT_EQ(sched_set_affinity(current_thread(), &all), 0);
	thread_put(child);
}

TEST(sched, S1_policies_are_checked)
{
	struct thread *thread = thread_create("policy");
	EXPECT_EQ(sched_set_policy(thread, SCHED_FIFO, 0), -EINVAL);
	EXPECT_EQ(sched_set_policy(thread, SCHED_RR, 100), -EINVAL);
	EXPECT_EQ(sched_set_policy(thread, SCHED_NORMAL, 1), -EINVAL);
	EXPECT_EQ(sched_set_policy(thread, (enum sched_policy)4, 0), -EINVAL);
	EXPECT_EQ(sched_set_nice(thread, 20), -EINVAL);
	EXPECT_EQ(sched_set_policy(thread, SCHED_RR, 99), 0);
	EXPECT_EQ(load_relaxed(&thread->sched.rank), sched_rank(BAND_REALTIME, 99));
	EXPECT_EQ(sched_set_policy(thread, SCHED_NORMAL, 0), 0);
	EXPECT_EQ(load_relaxed(&thread->sched.rank), sched_rank(BAND_USER, 0));
	thread_put(thread);
}

// Of many that make themselves idle in turn, one would be put off with the mutex in its hand.
TEST(sched, S1_policies_change_beside_a_change_of_affinity)
{
	struct thread *thread = thread_create("policy");
	sched_mutex_lock(&affinity_mutex);
	EXPECT_EQ(sched_set_policy(thread, SCHED_IDLE, 0), 0);
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_FIFO, 1), 0);
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_NORMAL, 0), 0);
	sched_mutex_unlock(&affinity_mutex);
	EXPECT_EQ(load_relaxed(&thread->sched.rank), sched_rank(BAND_IDLE, 0));
	thread_put(thread);
}

struct order {
	_Atomic uint32_t next;
	uint32_t ran[3];
};

static void note_order(void *arg)
{
	struct order *order = arg;
	order->ran[fetch_add_relaxed(&order->next, 1)] = (uint32_t)current_thread()->name[0];
}

TEST(sched, S1_policy_of_ready_threads_decides_who_runs)
{
	struct order order = {0};
	struct group group;
	struct cpuset one = cpuset_of(this_cpu()), all;
	sched_get_affinity(current_thread(), &all);
	EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_FIFO, 50), 0);
	group_init(&group, note_order, &order);
	for (const char *name = "abc"; *name; name++) {
		struct thread *thread = group_add(&group, name);
		EXPECT_EQ(sched_set_affinity(thread, &one), 0);
		sched_start(thread);
	}
	// All three are ready behind us: now c goes first, then a, then b.
	EXPECT_EQ(sched_set_policy(group.threads[1], SCHED_IDLE, 0), 0);
	EXPECT_EQ(sched_set_policy(group.threads[2], SCHED_RR, 10), 0);
	EXPECT_EQ(load_relaxed(&order.next), 0);
	group_join(&group);
	EXPECT_EQ(order.ran[0], 'c');
	EXPECT_EQ(order.ran[1], 'a');
	EXPECT_EQ(order.ran[2], 'b');
	EXPECT_EQ(sched_set_policy(current_thread(), SCHED_NORMAL, 0), 0);
	EXPECT_EQ(sched_set_affinity(current_thread(), &all), 0);
}

TEST(sched, S1_fair_threads_live_beside_a_real_time_hog)
{
	struct spinner spinner = {0};
	struct group group;
	struct cpuset one = cpuset_of(this_cpu()), all;
	sched_get_affinity(current_thread(), &all);
	EXPECT_EQ(sched_set_affinity(current_thread(), &one), 0);
	group_init(&group, spin, &spinner);
	struct thread *hog = group_add(&group, "hog");
	EXPECT_EQ(sched_set_affinity(hog, &one), 0);
	EXPECT_EQ(sched_set_policy(hog, SCHED_FIFO, 50), 0);
	sched_start(hog);
	sched_preempt_point(); // the hog runs until its share of the second is used up
	EXPECT(load_relaxed(&hog->state) != THREAD_NEW);
	stop(&spinner, &group);
	// Leave no CPU with a share that is used up.
	struct runq *rq = online_runq(bitmap_find_first_set(one.bits, CPUS_MAX));
	for (bool is_throttled = true; is_throttled;) {
		irqflags_t flags = spin_lock_irqsave(&rq->lock);
		rt_charge(rq, 0, hal_clock_read());
		is_throttled = rq->is_rt_throttled;
		spin_unlock_irqrestore(&rq->lock, flags);
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
	}
	EXPECT_EQ(sched_set_affinity(current_thread(), &all), 0);
}

static void yield_often(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 500; i++)
		sched_yield();
}

TEST(sched, S5_yields_between_many_threads)
{
	struct group group;
	group_init(&group, yield_often, NULL);
	group_start(&group, 16, "yielder");
	group_join(&group);
}

/** Everything at once: sleeps, yields, policies, affinities. */
static void live(void *arg)
{
	struct spinner *spinner = arg;
	struct thread *self = current_thread();
	uint32_t random = (uint32_t)(uintptr_t)self | 1;
	unsigned cpus = cpus_online_count();
	for (unsigned i = 0; i < 150; i++) {
		random = random * 1664525 + 1013904223;
		struct cpuset one = cpuset_of((random >> 8) % cpus);
		switch (random >> 16 & 7) {
		case 0:
			(void)!sched_sleep_until(time_now() + (random >> 20 & 63) * 1000, false);
			break;
		case 1:
			(void)!sched_set_policy(self, SCHED_RR, 1 + (random >> 24) % 99);
			break;
		case 2:
			(void)!sched_set_policy(self, SCHED_NORMAL, 0);
			break;
		case 3:
			(void)!sched_set_policy(self, SCHED_IDLE, 0);
			break;
		case 4:
			(void)!sched_set_affinity(self, &one);
			if (this_cpu() != (random >> 8) % cpus)
				fetch_add_relaxed(&spinner->wrong, 1);
			break;
		case 5:
			(void)!sched_set_nice(self, (int)(random >> 24) % 40 - 20);
			break;
		default:
			sched_yield();
		}
		if (current_thread() != self)
			fetch_add_relaxed(&spinner->wrong, 1);
	}
	(void)!sched_set_policy(self, SCHED_NORMAL, 0);
}

TEST(sched, S2_no_thread_is_lost_or_doubled)
{
	struct spinner spinner = {0};
	struct group group;
	group_init(&group, live, &spinner);
	group_start(&group, 24, "live");
	group_join(&group);
	EXPECT_EQ(load_relaxed(&spinner.wrong), 0);
	EXPECT_EQ(load_relaxed(&sched_rt_waiting), 0);
}

static void nothing(void *arg)
{
	(void)arg;
}

TEST(sched, S15_threads_leave_nothing_behind)
{
	quiesce_wait();
	uint64_t before = thread_count();
	for (unsigned round = 0; round < 10; round++) {
		struct group group;
		group_init(&group, nothing, NULL);
		group_start(&group, 20, "brief");
		group_join(&group);
	}
	// The last ones may still be on their stacks: let them leave, then be freed.
	for (unsigned i = 0; i < 1000 && thread_count() != before; i++)
		quiesce_wait();
	EXPECT_EQ(thread_count(), before);
}

TEST(sched, S14_cpu_time_grows_only_by_running)
{
	nsec_t start = time_now(), cpu_start = sched_cpu_time(current_thread());
	EXPECT_EQ(sched_sleep_until(start + 4 * NSEC_PER_MSEC, false), 0);
	nsec_t slept = sched_cpu_time(current_thread()) - cpu_start;
	EXPECT(slept <= time_now() - start);
	nsec_t spin_start = time_now(), cpu_spin = sched_cpu_time(current_thread());
	while (time_now() < spin_start + 2 * NSEC_PER_MSEC)
		hal_cpu_relax();
	nsec_t spun = sched_cpu_time(current_thread()) - cpu_spin;
	EXPECT(spun > 0 && spun <= time_now() - spin_start);
}

TEST(sched, S14_counters_add_up)
{
	struct sched_cpu_stats before = {0}, after = {0}, stats;
	uint64_t load[3];
	for (cpuid_t cpu = 0; cpu < cpus_online_count(); cpu++) {
		sched_get_cpu_stats(cpu, &stats);
		before.switches_voluntary += stats.switches_voluntary;
	}
	for (unsigned i = 0; i < 5; i++)
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC / 4, false), 0);
	for (cpuid_t cpu = 0; cpu < cpus_online_count(); cpu++) {
		sched_get_cpu_stats(cpu, &stats);
		after.switches_voluntary += stats.switches_voluntary;
	}
	EXPECT(after.switches_voluntary >= before.switches_voluntary + 5);
	EXPECT(sched_runnable_count() >= 1);
	sched_get_load(load);
}

static void note_threads(void *places, const struct slab_info *info)
{
	if (strcmp(info->name, "thread") == 0)
		*(uint64_t *)places = info->total;
}

/** Or a hint to one that has ended, of which ipc keeps some, would lead into another's memory. */
TEST(sched, S15_memory_of_threads_stays_theirs)
{
	static struct thread *made[64];
	uint64_t before = thread_count(), most = 0, left = 0;
	for (unsigned i = 0; i < array_len(made); i++)
		made[i] = thread_create("made");
	slab_for_each(note_threads, &most);
	for (unsigned i = 0; i < array_len(made); i++) {
		EXPECT(made[i] != NULL);
		if (made[i])
			thread_put(made[i]);
	}
	while (thread_count() > before)
		EXPECT_EQ(sched_sleep_until(time_now() + NSEC_PER_MSEC, false), 0);
	frame_drain_all();
	slab_for_each(note_threads, &left);
	EXPECT(left >= array_len(made));
	EXPECT_EQ(left, most);
}
