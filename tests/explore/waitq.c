// SPDX-License-Identifier: MIT
// Wait queues: no wake is lost (W1), each wait ends once, by a wake or by its deadline (W3); and
// mutants with the classic faults.
#include "threads.h"

#include <kernel/time.h>
#include <sched/sched.h>
#include <sched/waitq.h>
#include <uapi/errno.h>

static struct sched_waitq wq;
static unsigned items; // wq.lock
static unsigned taken; // wq.lock
static unsigned timeouts; // wq.lock

static void setup(void)
{
	sched_waitq_init(&wq);
	explore_name(&wq.lock, "wq.lock");
	items = taken = timeouts = 0;
}

static void produce(void)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);

	items++;
	sched_waitq_wake_one_locked(&wq);
	spin_unlock_irqrestore(&wq.lock, flags);
}

static void consume(nsec_t deadline)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);
	err_t err = 0;

	while (!items && !err)
		err = sched_waitq_wait(&wq, &flags, deadline, 0, 0);
	if (err) {
		EXPLORE_EXPECT(err == -ETIMEDOUT);
		timeouts++;
	} else {
		items--;
		taken++;
	}
	spin_unlock_irqrestore(&wq.lock, flags);
}

static void two_consumers_body(unsigned self)
{
	if (self == 2) {
		produce();
		produce();
	} else {
		consume(NSEC_NEVER);
	}
}

static void check_two_taken(void)
{
	EXPLORE_EXPECT(taken == 2 && items == 0);
	EXPLORE_EXPECT(sched_waitq_is_empty(&wq));
}

EXPLORE(sched_W1_wake_one_is_not_lost, .run = explore_run_threads, .cpus = 3, .bodies = 3,
	.bound = 3, .setup = setup, .body = two_consumers_body, .check = check_two_taken);

static void one_consumer_body(unsigned self)
{
	if (self == 1)
		produce();
	else
		consume(NSEC_NEVER);
}

static void check_one_taken(void)
{
	EXPLORE_EXPECT(taken == 1 && items == 0);
	EXPLORE_EXPECT(sched_waitq_is_empty(&wq));
}

EXPLORE(sched_W1_block_and_wake, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = setup, .body = one_consumer_body, .check = check_one_taken);
EXPLORE(sched_W1_block_and_wake_one_cpu, .run = explore_run_threads, .cpus = 1, .bodies = 2,
	.bound = 3, .setup = setup, .body = one_consumer_body, .check = check_one_taken);

/** A consumer that may time out and one that may not: the item must reach one of them, so the
 *  patient one ends however the race between wake and deadline goes. */
static void timeout_body(unsigned self)
{
	switch (self) {
	case 0:
		consume(time_now() + 10 * NSEC_PER_USEC);
		break;
	case 1:
		produce();
		break;
	}
}

static void check_timeout(void)
{
	EXPLORE_EXPECT(taken + timeouts == 1);
	EXPLORE_EXPECT(items + taken == 1);
	EXPLORE_EXPECT(sched_waitq_is_empty(&wq));
}

EXPLORE(sched_W3_wake_or_timeout, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_TIMERS, .setup = setup, .body = timeout_body, .check = check_timeout);

/** One item for two sleepers of which one gives up: a wake that chose it after it gave up would
 *  leave the other asleep for ever. */
static void wake_not_spent_body(unsigned self)
{
	switch (self) {
	case 0:
		consume(time_now() + 10 * NSEC_PER_USEC);
		break;
	case 1:
		produce();
		produce();
		break;
	case 2:
		consume(NSEC_NEVER);
		break;
	}
}

static void check_not_spent(void)
{
	EXPLORE_EXPECT(taken + timeouts == 2);
	EXPLORE_EXPECT(items + taken == 2);
}

EXPLORE(sched_W3_wake_is_not_spent_on_a_leaver, .run = explore_run_threads, .cpus = 2, .bodies = 3,
	.bound = 2, .flags = EXPLORE_TIMERS, .setup = setup, .body = wake_not_spent_body,
	.check = check_not_spent);

/** Mutant: the condition is looked at, then the thread blocks, with the lock free in between. */
static struct thread *_Atomic sleeper;
static _Atomic uint32_t is_ready;

static void mutant_setup(void)
{
	setup();
	atomic_init(&sleeper, NULL);
	atomic_init(&is_ready, 0);
	explore_name(&sleeper, "sleeper");
	explore_name(&is_ready, "is_ready");
}

static void mutant_lost_wakeup_body(unsigned self)
{
	if (self == 0) {
		store_release(&sleeper, current_thread());
		if (!load_acquire(&is_ready)) {
			// The wake may come here, and finds nobody blocked.
			sched_prepare_block();
			sched_block();
		}
	} else {
		struct thread *thread;

		store_release(&is_ready, 1);
		thread = load_acquire(&sleeper);
		if (thread)
			sched_wake(thread);
	}
}

EXPLORE(mutant_lost_wakeup, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_MUTANT, .setup = mutant_setup, .body = mutant_lost_wakeup_body);

/** The same with the two steps in the right order is no mutant. */
static void prepared_body(unsigned self)
{
	if (self == 0) {
		store_release(&sleeper, current_thread());
		sched_prepare_block();
		fence_seq_cst();
		if (load_acquire(&is_ready))
			sched_cancel_block();
		else
			sched_block();
	} else {
		struct thread *thread;

		store_release(&is_ready, 1);
		fence_seq_cst();
		thread = load_acquire(&sleeper);
		if (thread)
			sched_wake(thread);
	}
}

EXPLORE(sched_W1_prepare_then_check, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = mutant_setup, .body = prepared_body);

/** Mutant: the queue's lock is let go before the waiter stands on it. */
static void mutant_unlock_first_consume(void)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);
	bool must_wait = !items;

	spin_unlock_irqrestore(&wq.lock, flags);
	flags = spin_lock_irqsave(&wq.lock);
	if (must_wait)
		sched_waitq_wait(&wq, &flags, NSEC_NEVER, 0, 0);
	items--;
	taken++;
	spin_unlock_irqrestore(&wq.lock, flags);
}

static void mutant_unlock_first_body(unsigned self)
{
	if (self == 1)
		produce();
	else
		mutant_unlock_first_consume();
}

EXPLORE(mutant_unlock_before_wait, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_MUTANT, .setup = setup, .body = mutant_unlock_first_body);

/** Mutant: a sleeper that was woken looks at the clock to learn whether it timed out, and leaves,
 *  though the waker chose it: the wake is spent on it, and the other sleeper stays. */
static void mutant_trust_clock_body(unsigned self)
{
	nsec_t deadline = time_now() + 10 * NSEC_PER_USEC;
	irqflags_t flags;

	if (self == 1) {
		produce();
		return;
	}
	flags = spin_lock_irqsave(&wq.lock);
	while (!items) {
		sched_waitq_wait(&wq, &flags, self == 0 ? deadline : NSEC_NEVER, 0, 0);
		if (self == 0 && time_now() >= deadline) {
			timeouts++;
			goto unlock;
		}
	}
	items--;
	taken++;
unlock:
	// One item for two: who leaves without it must not have been chosen for it.
	spin_unlock_irqrestore(&wq.lock, flags);
	if (taken && self == 0)
		produce();
}

EXPLORE(mutant_wake_spent_on_leaver, .run = explore_run_threads, .cpus = 2, .bodies = 3, .bound = 2,
	.flags = EXPLORE_TIMERS | EXPLORE_MUTANT, .setup = setup, .body = mutant_trust_clock_body);

/** A signal (sched_interrupt) and a wake race for a sleeper (W5): it ends once, and the item stays
 *  when the signal won. */
static struct thread *_Atomic target;
static err_t outcome;

static void interrupt_setup(void)
{
	setup();
	atomic_init(&target, NULL);
	outcome = 1;
	explore_name(&target, "target");
}

static void interruptible_consume(void)
{
	irqflags_t flags = spin_lock_irqsave(&wq.lock);
	err_t err = 0;

	store_release(&target, current_thread());
	while (!items && !err)
		err = sched_waitq_wait(&wq, &flags, NSEC_NEVER, SCHED_WAIT_INTERRUPTIBLE, 0);
	if (!err) {
		items--;
		taken++;
	}
	outcome = err;
	spin_unlock_irqrestore(&wq.lock, flags);
}

static void interrupt_body(unsigned self)
{
	if (self == 0) {
		interruptible_consume();
	} else if (self == 1) {
		struct thread *thread = load_acquire(&target);

		if (thread) {
			store_release(&thread->pending, 1);
			sched_interrupt(thread);
		} else {
			produce();
		}
	} else {
		produce();
	}
}

static void check_interrupt(void)
{
	EXPLORE_EXPECT(outcome == 0 || outcome == -EINTR);
	EXPLORE_EXPECT((outcome == 0) == (taken == 1));
	EXPLORE_EXPECT(sched_waitq_is_empty(&wq));
}

EXPLORE(sched_W5_wake_or_signal, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = interrupt_setup, .body = interrupt_body, .check = check_interrupt);
EXPLORE(sched_W5_signal_alone_wakes, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 3,
	.setup = interrupt_setup, .body = interrupt_body, .check = check_interrupt);
