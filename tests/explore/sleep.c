// SPDX-License-Identifier: MIT
// Who of several sleepers is woken, and by what: first in, first out; a wake for the one that stays
// when another gives up; and no timer of one sleep that ends the next.
#include "threads.h"

#include <kernel/time.h>
#include <lib/bitmap.h>
#include <sched/sched.h>
#include <sched/waitq.h>
#include <uapi/errno.h>

static struct sched_waitq wq;
static unsigned items, taken, timeouts, queued, left; // wq.lock
static struct sched_waitq reply; // the waker waits there until who it chose has said so

static void setup(void)
{
	sched_waitq_init(&wq);
	sched_waitq_init(&reply);
	items = taken = timeouts = queued = left = 0;
	explore_name(&wq.lock, "wq.lock");
	explore_name(&reply.lock, "reply.lock");
}

/** Sleeps once; who came first leaves first. */
static void queue_up(void)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);
	unsigned ticket = queued++;

	EXPLORE_EXPECT(sched_waitq_wait(&wq, &flags, NSEC_NEVER, 0, 0) == 0);
	EXPLORE_EXPECT(left == ticket);
	left++;
	sched_waitq_wake_one(&reply);
	spin_unlock_irqrestore(&wq.lock, flags);
}

/** Wakes one after the other, each when the one before has left. */
static void serve(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		while (!sched_waitq_wake_one(&wq))
			hal_cpu_relax();
		EXPLORE_EXPECT(sched_wait_event(&reply, left == i + 1, NSEC_NEVER, 0) == 0);
	}
}

static void fifo_body(unsigned self)
{
	if (self == 0)
		serve(2);
	else
		queue_up();
}

EXPLORE(sched_W7_first_in_first_out, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = setup, .body = fifo_body);

static void put_one(void)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);

	items++;
	sched_waitq_wake_one_locked(&wq);
	spin_unlock_irqrestore(&wq.lock, flags);
}

/** Takes an item; 0 or the error of the wait. */
static err_t take_one(nsec_t deadline)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);
	err_t err = 0;

	while (!items && !err)
		err = sched_waitq_wait(&wq, &flags, deadline, 0, 0);
	if (!err)
		items--;
	spin_unlock_irqrestore(&wq.lock, flags);
	return err;
}

/** One item, a sleeper that may give up and one that may not: it never stays in the queue while the
 *  patient one sleeps. */
static void one_item_body(unsigned self)
{
	switch (self) {
	case 0:
		if (!take_one(time_now() + 10 * NSEC_PER_USEC))
			put_one(); // it is the patient one's now
		break;
	case 1:
		put_one();
		break;
	case 2:
		EXPLORE_EXPECT(take_one(NSEC_NEVER) == 0);
		taken++;
		break;
	}
}

static void check_one_item(void)
{
	EXPLORE_EXPECT(taken == 1 && items == 0);
	EXPLORE_EXPECT(sched_waitq_is_empty(&wq));
}

EXPLORE(sched_W3_one_item_for_two, .run = explore_run_threads, .cpus = 2, .bodies = 3, .bound = 2,
	.flags = EXPLORE_TIMERS, .setup = setup, .body = one_item_body, .check = check_one_item);

/** A wake ends a sleep on another CPU while its timer fires on the CPU where it began: the next sleep
 *  ends by its own deadline, not before. */
static struct thread *_Atomic sleeper;

static void two_sleeps_setup(void)
{
	setup();
	atomic_init(&sleeper, NULL);
	explore_name(&sleeper, "sleeper");
}

static void move_and_wake(void)
{
	struct cpuset cpus = {{0}};
	struct thread *thread;

	while (!(thread = load_acquire(&sleeper)))
		hal_cpu_relax();
	bitmap_set(cpus.bits, 1);
	EXPLORE_EXPECT(sched_set_affinity(thread, &cpus) == 0);
	put_one();
}

static void two_sleeps_body(unsigned self)
{
	nsec_t deadline;

	if (self == 1) {
		move_and_wake();
		return;
	}
	store_release(&sleeper, current_thread());
	take_one(time_now() + 10 * NSEC_PER_USEC);
	deadline = time_now() + NSEC_PER_MSEC;
	while (take_one(deadline) == 0)
		;
	EXPLORE_EXPECT(time_now() >= deadline);
}

EXPLORE(sched_W4_each_sleep_has_its_own_timer, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 2, .flags = EXPLORE_TIMERS, .setup = two_sleeps_setup, .body = two_sleeps_body);
