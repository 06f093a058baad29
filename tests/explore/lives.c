// SPDX-License-Identifier: MIT
// Threads that move and threads that end: one that leaves its CPU by itself arrives where it may run,
// whoever runs after it; one that has ended keeps its memory while somebody may look at it.
#include "threads.h"

#include <kernel/panic.h>
#include <lib/bitmap.h>
#include <sched/sched.h>
#include <sched/thread.h>

static struct thread *_Atomic ending;
static _Atomic uint32_t moves;

static void setup(void)
{
	atomic_init(&ending, NULL);
	atomic_init(&moves, 0);
	explore_name(&ending, "ending");
	explore_name(&moves, "moves");
}

static void move_to(cpuid_t cpu)
{
	struct cpuset cpus = {{0}};

	bitmap_set(cpus.bits, cpu);
	EXPLORE_EXPECT(sched_set_affinity(current_thread(), &cpus) == 0);
	EXPLORE_EXPECT(this_cpu() == cpu);
	fetch_add_acq_rel(&moves, 1);
}

/** Body 0 leaves CPU 0, where body 2 has never run yet. */
static void move_body(unsigned self)
{
	if (self == 0)
		move_to(1);
	else
		fetch_add_acq_rel(&moves, 1);
}

static void check_moves(void)
{
	EXPLORE_EXPECT(load_relaxed(&moves) == 3);
}

EXPLORE(sched_S9_move_and_start, .run = explore_run_threads, .cpus = 2, .bodies = 3, .bound = 2,
	.setup = setup, .body = move_body, .check = check_moves);

static void swap_body(unsigned self)
{
	move_to(1 - self);
	move_to(self);
	fetch_sub_acq_rel(&moves, 1);
}

static void check_swaps(void)
{
	EXPLORE_EXPECT(load_relaxed(&moves) == 2);
}

EXPLORE(sched_S9_two_change_places, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup, .body = swap_body, .check = check_swaps);

static void end_at_once(void *unused)
{
	(void)unused;
	store_release(&ending, NULL);
}

/** A thread that runs and ends on CPU 1 while CPU 0 looks at it without a reference. */
static void ending_setup(void)
{
	struct cpuset cpus = {{0}};
	struct thread *thread = thread_create_kernel("ending", end_at_once, NULL);

	setup();
	bitmap_set(cpus.bits, 1);
	if (!thread || sched_set_affinity(thread, &cpus))
		panic("no memory for a scenario");
	explore_name(&thread->state, "ending.state");
	explore_name(&thread->on_cpu, "ending.on_cpu");
	store_release(&ending, thread);
	sched_start(thread);
}

static void look_body(unsigned self)
{
	struct thread *thread = load_acquire(&ending);

	if (self || !thread)
		return;
	// No preempt point from here on: what was found stays.
	EXPLORE_EXPECT(!sched_wake(thread) && load_acquire(&thread->state) <= THREAD_DEAD);
	EXPLORE_EXPECT(thread->name[0] == 'e');
}

EXPLORE(sched_S15_freed_after_the_last_look, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 2, .setup = ending_setup, .body = look_body);
