// SPDX-License-Identifier: MIT
// CPUs that leave and come back while threads are woken, sleep and start: whoever was on the CPU, or was about to
// be sent there, runs on the other one.
#include "threads.h"

#include <kernel/smp.h>
#include <kernel/time.h>
#include <lib/bitmap.h>
#include <sched/hotplug.h>
#include <sched/sched.h>
#include <sched/thread.h>
#include <uapi/errno.h>

static struct thread *_Atomic sleeper;
static _Atomic uint32_t turns;

static void setup(void)
{
	atomic_init(&sleeper, NULL);
	atomic_init(&turns, 0);
	explore_name(&sleeper, "sleeper");
	explore_name(&turns, "turns");
}

static void take_down(void)
{
	EXPLORE_EXPECT(sched_cpu_down(1) == 0);
	EXPLORE_EXPECT(!sched_cpu_is_up(1) && !cpu_is_online(1) && this_cpu() == 0);
}

static void block_once(void)
{
	sched_prepare_block();
	store_release(&sleeper, current_thread());
	sched_block();
	fetch_add_acq_rel(&turns, 1);
}

static void wake_it(void)
{
	struct thread *thread;

	while (!(thread = load_acquire(&sleeper)))
		hal_cpu_relax();
	EXPLORE_EXPECT(sched_wake(thread));
}

/** A thread blocks and is woken while CPU 1 leaves. */
static void wake_body(unsigned self)
{
	if (self == 0)
		take_down();
	else if (self == 1)
		block_once();
	else
		wake_it();
}

static void check_wake(void)
{
	EXPLORE_EXPECT(load_relaxed(&turns) == 1);
	EXPLORE_EXPECT(this_cpu() == 0 || sched_cpu_is_up(1));
}

EXPLORE(sched_S10_wake_while_a_cpu_leaves, .run = explore_run_free_threads, .cpus = 2, .bodies = 3,
	.setup = setup, .body = wake_body, .check = check_wake, .bound = 2);

/** One sleeps until a time: his timer goes with him, or fires before. */
static void timer_body(unsigned self)
{
	if (self == 0) {
		take_down();
	} else {
		EXPLORE_EXPECT(sched_sleep_until(time_now() + 20 * NSEC_PER_USEC, false) == 0);
		fetch_add_acq_rel(&turns, 1);
	}
}

EXPLORE(sched_S10_sleep_while_a_cpu_leaves, .run = explore_run_free_threads, .cpus = 2, .bodies = 2,
	.flags = EXPLORE_TIMERS, .setup = setup, .body = timer_body, .check = check_wake, .bound = 2);

static err_t bind_to(cpuid_t cpu)
{
	struct cpuset cpus = {{0}};
	bitmap_set(cpus.bits, cpu);
	return sched_set_affinity(current_thread(), &cpus);
}

static void unbind(void)
{
	struct cpuset all = {{0}};
	bitmap_set_range(all.bits, 0, 2);
	EXPLORE_EXPECT(sched_set_affinity(current_thread(), &all) == 0);
}

/** One sleeps on CPU 1 until a time when that is gone: nobody sets his timer off there. */
static void long_timer_body(unsigned self)
{
	if (self == 0) {
		EXPLORE_EXPECT(bind_to(0) == 0);
		while (!load_acquire(&sleeper))
			hal_cpu_relax();
		take_down();
		return;
	}
	EXPLORE_EXPECT(bind_to(1) == 0);
	unbind();
	nsec_t deadline = time_now() + NSEC_PER_SEC;
	store_release(&sleeper, current_thread());
	EXPLORE_EXPECT(sched_sleep_until(deadline, false) == 0 && time_now() >= deadline);
	fetch_add_acq_rel(&turns, 1);
}

EXPLORE(sched_S10_timer_outlives_its_cpu, .run = explore_run_free_threads, .cpus = 2, .bodies = 2,
	.setup = setup, .body = long_timer_body, .check = check_wake, .bound = 2);

static struct thread *beginner;

static void take_turn(void *unused)
{
	(void)unused;
	fetch_add_acq_rel(&turns, 1);
}

static void setup_beginner(void)
{
	setup();
	beginner = thread_create_kernel("beginner", take_turn, NULL);
	EXPLORE_EXPECT(beginner && sched_set_policy(beginner, SCHED_FIFO, 10) == 0);
}

/** Who starts a real-time thread beside a better one looks for a CPU with worse work, and has chosen CPU 1 when
 *  that leaves. */
static void chosen_body(unsigned self)
{
	if (self) {
		EXPLORE_EXPECT(sched_set_policy(current_thread(), SCHED_FIFO, 20) == 0);
		sched_start(beginner);
		return;
	}
	take_down();
	for (unsigned i = 0; i < 4 && !load_acquire(&turns); i++)
		EXPLORE_EXPECT(sched_sleep_until(time_now() + NSEC_PER_MSEC, false) == 0);
}

EXPLORE(sched_S10_chosen_while_it_leaves, .run = explore_run_free_threads, .cpus = 2, .bodies = 2,
	.setup = setup_beginner, .body = chosen_body, .check = check_wake, .bound = 2);

/** CPU 1 leaves and comes back, and takes threads again. */
static void return_body(unsigned self)
{
	if (self == 0) {
		take_down();
		EXPLORE_EXPECT(sched_cpu_up(1) == 0);
		EXPLORE_EXPECT(sched_cpu_is_up(1) && cpu_is_online(1));
		EXPLORE_EXPECT(bind_to(1) == 0 && this_cpu() == 1);
	} else {
		block_once();
	}
}

static void return_waker_body(unsigned self)
{
	if (self < 2)
		return_body(self);
	else
		wake_it();
}

EXPLORE(sched_S10_wake_while_a_cpu_returns, .run = explore_run_free_threads, .cpus = 2, .bodies = 3,
	.setup = setup, .body = return_waker_body, .check = check_wake, .bound = 2);

/** Two take CPUs down and up again at once: one after the other, and one CPU always stays. */
static void both_body(unsigned self)
{
	cpuid_t cpu = self;
	err_t err = sched_cpu_down(cpu);
	EXPLORE_EXPECT(err == 0 || err == -EBUSY); // the last one
	EXPLORE_EXPECT(cpus_online_count() > 0);
	EXPLORE_EXPECT(sched_cpu_up(cpu) == 0);
	fetch_add_acq_rel(&turns, 1);
}

static void check_both(void)
{
	EXPLORE_EXPECT(cpus_online_count() == 2);
}

EXPLORE(sched_S10_two_leave_at_once, .run = explore_run_free_threads, .cpus = 2, .bodies = 2, .setup = setup,
	.body = both_body, .check = check_both, .bound = 2);
