// SPDX-License-Identifier: MIT
// Priority inheritance (S12): whatever the order of lock, wait, hand-over and giving up, a better
// waiter's priority reaches whom it waits for, and nobody keeps what it inherited.
#include "threads.h"

#include <sched/mutex.h>
#include <sched/sched.h>

#define BEST 40
#define BODIES 3

static struct sched_mutex first, second;
static struct thread *threads[BODIES];

static void setup(void)
{
	sched_mutex_init(&first);
	sched_mutex_init(&second);
	explore_name(&first.owner, "first.owner");
	explore_name(&first.waiters.lock, "first.waiters.lock");
	explore_name(&second.owner, "second.owner");
	explore_name(&second.waiters.lock, "second.waiters.lock");
}

/** Body 0 holds the first, body 1 the second and wants the first, the last is best and wants the
 *  second. */
static void chain_body(unsigned self)
{
	struct thread *thread = current_thread();
	threads[self] = thread;
	if (self == 2)
		EXPLORE_EXPECT(!sched_set_policy(thread, SCHED_FIFO, BEST));
	if (self != 0)
		sched_mutex_lock(&second);
	if (self != 2)
		sched_mutex_lock(&first);
	EXPLORE_EXPECT(self == 2 || sched_mutex_is_held(&first));
	if (self != 2)
		sched_mutex_unlock(&first);
	if (self != 0)
		sched_mutex_unlock(&second);
	EXPLORE_EXPECT(thread->sched.inherited == 0);
	EXPLORE_EXPECT(list_is_empty(&thread->sched.pi_held) && !thread->sched.pi_blocked);
}

static void check_chain(void)
{
	EXPLORE_EXPECT(load_relaxed(&first.owner) == 0 && load_relaxed(&second.owner) == 0);
	EXPLORE_EXPECT(list_is_empty(&first.pi.waiters) && list_is_empty(&second.pi.waiters));
	EXPLORE_EXPECT(!list_is_linked(&first.pi.held_node) && !list_is_linked(&second.pi.held_node));
}

EXPLORE(sched_S12_chain, .run = explore_run_threads, .cpus = 3, .bodies = BODIES, .bound = 2,
	.setup = setup, .body = chain_body, .check = check_chain);

/** The owner runs as well as who waits for it, from when the waiter is found waiting until it has let
 *  go. */
static void raise_body(unsigned self)
{
	struct thread *thread = current_thread();
	if (self == 1)
		EXPLORE_EXPECT(!sched_set_policy(thread, SCHED_FIFO, BEST));
	sched_mutex_lock(&first);
	if (self == 0 && sched_waitq_is_empty(&first.waiters) == false)
		EXPLORE_EXPECT((load_relaxed(&thread->sched.rank) & 0xff) == BEST);
	sched_mutex_unlock(&first);
	EXPLORE_EXPECT(thread->sched.inherited == 0);
}

EXPLORE(sched_S12_owner_is_raised, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup, .body = raise_body, .check = check_chain);
