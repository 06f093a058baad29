// SPDX-License-Identifier: MIT
// Wakes between CPUs: placement, stealing and the hand-over of a thread whose stack another CPU is
// just leaving. Nobody is queued twice, nobody is forgotten.
#include "threads.h"

#include <kernel/quiesce.h>
#include <kernel/time.h>
#include <sched/sched.h>
#include <sched/waitq.h>

#include "../../sched/runq.h"

static struct thread *_Atomic sleeper;
static _Atomic uint32_t turns;
static struct sched_waitq wq;
static uint32_t tokens; // wq.lock

static void setup(void)
{
	atomic_init(&sleeper, NULL);
	atomic_init(&turns, 0);
	sched_waitq_init(&wq);
	tokens = 0;
	explore_name(&sleeper, "sleeper");
	explore_name(&turns, "turns");
	explore_name(&wq.lock, "wq.lock");
}

/** Two wakers of one sleeper: exactly one of them wakes it (W2), and it is queued once. */
static _Atomic uint32_t wakers_done;

static void two_wakers_setup(void)
{
	setup();
	atomic_init(&wakers_done, 0);
	explore_name(&wakers_done, "wakers_done");
}

static void two_wakers_body(unsigned self)
{
	struct thread *thread;

	if (self == 0) {
		sched_prepare_block();
		store_release(&sleeper, current_thread());
		sched_block();
		// Not blocked again before both have tried.
		while (load_acquire(&wakers_done) < 2)
			hal_cpu_relax();
		return;
	}
	while (!(thread = load_acquire(&sleeper)))
		hal_cpu_relax();
	if (sched_wake(thread))
		fetch_add_acq_rel(&turns, 1);
	fetch_add_acq_rel(&wakers_done, 1);
}

static void check_two_wakers(void)
{
	EXPLORE_EXPECT(load_relaxed(&turns) == 1);
}

EXPLORE(sched_W2_two_wakers, .run = explore_run_threads, .cpus = 3, .bodies = 3, .bound = 2,
	.setup = two_wakers_setup, .body = two_wakers_body, .check = check_two_wakers);

/** Ping-pong of threads that may run anywhere. */
static void pass_token(uint32_t from, uint32_t to)
{
	sched_wait_event(&wq, tokens == from, NSEC_NEVER, 0);
	irqflags_t flags = spin_lock_irqsave(&wq.lock);
	tokens = to;
	sched_waitq_wake_n_locked(&wq, UINT32_MAX);
	spin_unlock_irqrestore(&wq.lock, flags);
}

static void ping_pong_body(unsigned self)
{
	for (unsigned i = 0; i < 2; i++)
		pass_token(2 * i + self, 2 * i + self + 1);
}

static void check_ping_pong(void)
{
	EXPLORE_EXPECT(tokens == 4);
}

EXPLORE(sched_W1_ping_pong_free, .run = explore_run_free_threads, .cpus = 2, .bodies = 2,
	.bound = 2, .setup = setup, .body = ping_pong_body, .check = check_ping_pong);
EXPLORE(sched_W1_ping_pong_pinned, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = setup, .body = ping_pong_body, .check = check_ping_pong);

/** The same with CPUs that poll before they wait for an interrupt: no wake is lost between the two. */
static void polling_setup(void)
{
	setup();
	sched_idle_polls = 1;
}

EXPLORE(sched_W1_wake_of_a_polling_cpu, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 1,
	.setup = polling_setup, .body = ping_pong_body, .check = check_ping_pong);

/** Yields and steals: three threads that may run on two CPUs all get to run. */
static void yield_body(unsigned self)
{
	(void)self;
	fetch_add_acq_rel(&turns, 1);
	sched_yield();
	fetch_add_acq_rel(&turns, 1);
}

static void check_yield(void)
{
	EXPLORE_EXPECT(load_relaxed(&turns) == 6);
}

EXPLORE(sched_S9_steal_and_yield, .run = explore_run_free_threads, .cpus = 2, .bodies = 3,
	.bound = 2, .setup = setup, .body = yield_body, .check = check_yield);

/** Quiescence: an object that a reader found is not freed while it looks at it. */
struct object {
	struct quiesce quiesce;
	uint32_t is_freed;
};
static struct object object;
static struct object *_Atomic slot;

static void quiesce_setup(void)
{
	setup();
	object.is_freed = 0;
	atomic_init(&slot, &object);
	explore_name(&slot, "slot");
}

static void free_object(struct quiesce *self)
{
	container_of(self, struct object, quiesce)->is_freed = 1;
	store_release(&turns, 1);
}

static void quiesce_body(unsigned self)
{
	if (self == 0) {
		struct object *found = load_acquire(&slot);

		if (found) {
			EXPLORE_EXPECT(!found->is_freed);
			load_relaxed(&turns);
			EXPLORE_EXPECT(!found->is_freed);
		}
	} else {
		store_release(&slot, NULL);
		quiesce_defer(&object.quiesce, free_object);
		quiesce_wait();
	}
}

EXPLORE(kernel_quiesce_frees_late, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.setup = quiesce_setup, .body = quiesce_body);

/** Mutant: freed as soon as it is unlinked. */
static void mutant_free_body(unsigned self)
{
	if (self == 0) {
		quiesce_body(0);
	} else {
		store_release(&slot, NULL);
		free_object(&object.quiesce);
	}
}

EXPLORE(mutant_free_while_used, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_MUTANT, .setup = quiesce_setup, .body = mutant_free_body);

/** A timer's memory may go as soon as timer_cancel_sync() is back. */
static struct timer timer;
static _Atomic uint32_t is_gone;
static _Atomic uint32_t fired;

static void on_timer(struct timer *self)
{
	(void)self;
	EXPLORE_EXPECT(!load_relaxed(&is_gone));
	store_relaxed(&fired, 1);
	EXPLORE_EXPECT(!load_relaxed(&is_gone));
}

static void timer_setup(void)
{
	setup();
	atomic_init(&is_gone, 0);
	atomic_init(&fired, 0);
	timer_init(&timer, on_timer);
	explore_name(&fired, "fired");
	explore_name(&timer.running, "timer.running");
	explore_name(&timer.cpu_plus_1, "timer.cpu_plus_1");
}

static void timer_body(unsigned self)
{
	if (self == 0) {
		timer_set(&timer, time_now() + NSEC_PER_USEC);
		store_release(&turns, 1);
		return;
	}
	while (!load_acquire(&turns))
		hal_cpu_relax();
	timer_cancel_sync(&timer);
	store_relaxed(&is_gone, 1);
}

EXPLORE(kernel_timer_cancel_sync, .run = explore_run_threads, .cpus = 2, .bodies = 2, .bound = 2,
	.flags = EXPLORE_TIMERS, .setup = timer_setup, .body = timer_body);

/** Mutant: timer_cancel() does not wait for a function that runs. */
static void mutant_timer_body(unsigned self)
{
	if (self == 0) {
		timer_body(0);
		return;
	}
	while (!load_acquire(&turns))
		hal_cpu_relax();
	timer_cancel(&timer);
	store_relaxed(&is_gone, 1);
}

EXPLORE(mutant_timer_freed_while_running, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 2, .flags = EXPLORE_TIMERS | EXPLORE_MUTANT, .setup = timer_setup,
	.body = mutant_timer_body);
