// SPDX-License-Identifier: MIT
// Futexes: kernel threads of one address space wait at a word of user memory while others change it,
// wake, move the waiters to another word, and while deadlines pass.
#include "threads.h"

#include <ipc/futex.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <kernel/upcall.h>
#include <mm/space.h>
#include <sched/thread.h>
#include <uapi/errno.h>

static struct mm_space *space;
static vaddr_t page;
static err_t outcome;
static _Atomic uint32_t woken, has_left;

#define WORD page
#define OTHER_WORD (page + 64)

static void setup(void)
{
	struct mm_map_request request = {
		.size = HAL_PAGE_SIZE,
		.flags = HAL_PROT_READ | HAL_PROT_WRITE,
		.max_prot = HAL_PROT_READ | HAL_PROT_WRITE,
	};

	futex_init();
	space = mm_space_create();
	if (!space || mm_map(space, &request, &page) ||
	    mm_populate(space, page, HAL_PAGE_SIZE, true))
		panic("no memory for a scenario");
	outcome = 1;
	atomic_init(&woken, 0);
	atomic_init(&has_left, 0);
	explore_name(&woken, "woken");
	explore_name(&has_left, "has_left");
}

/** The running thread becomes one of the space's. */
static void enter_space(void)
{
	irqflags_t flags = hal_irq_save();

	mm_space_get(space);
	current_thread()->mm.space = space;
	upcall_activate_space(space);
	hal_irq_restore(flags);
}

static err_t wait_for_change(nsec_t deadline)
{
	return futex_wait(WORD, true, 0, FUTEX_BITSET_ANY, deadline);
}

static uint32_t wake_at(uaddr_t addr)
{
	int n = futex_wake(addr, true, 1, FUTEX_BITSET_ANY);

	EXPLORE_EXPECT(n == 0 || n == 1);
	return (uint32_t)n;
}

/** The word changes and a wake follows: the waiter saw the new value or is woken. */
static void change_body(unsigned self)
{
	uint32_t value;

	enter_space();
	if (self == 0) {
		do {
			outcome = wait_for_change(NSEC_NEVER);
			EXPLORE_EXPECT(outcome == 0 || outcome == -EAGAIN);
			EXPLORE_EXPECT(mm_load_user32(WORD, &value) == 0);
		} while (!value);
	} else {
		EXPLORE_EXPECT(mm_store_user32(WORD, 1) == 0);
		wake_at(WORD);
	}
}

static void check_change(void)
{
	EXPLORE_EXPECT(outcome == 0 || outcome == -EAGAIN);
}

EXPLORE(proc_P10_futex_change_and_wake, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup, .body = change_body, .check = check_change);

/** One waiter gives up, the other does not: as many return 0 as wakes were counted. */
static void give_up_body(unsigned self)
{
	enter_space();
	switch (self) {
	case 0:
		outcome = wait_for_change(time_now() + 10 * NSEC_PER_USEC);
		EXPLORE_EXPECT(outcome == 0 || outcome == -ETIMEDOUT);
		store_release(&has_left, 1);
		break;
	case 1:
		while (!(load_acquire(&has_left) && load_relaxed(&woken) == 1 + !outcome)) {
			if (load_relaxed(&woken) < 2)
				fetch_add_acq_rel(&woken, wake_at(WORD));
			hal_cpu_relax();
		}
		break;
	case 2:
		EXPLORE_EXPECT(wait_for_change(NSEC_NEVER) == 0);
		break;
	}
}

EXPLORE(sched_W3_futex_wake_or_timeout, .run = explore_run_threads, .cpus = 3, .bodies = 3,
	.bound = 2, .flags = EXPLORE_TIMERS, .setup = setup, .body = give_up_body);

/** A waiter is moved to another word and woken there. */
static void requeue_body(unsigned self)
{
	enter_space();
	if (self == 0) {
		outcome = wait_for_change(NSEC_NEVER);
		return;
	}
	while (futex_requeue(WORD, OTHER_WORD, true, 0, 1, NULL, true) != 1)
		hal_cpu_relax();
	EXPLORE_EXPECT(wake_at(WORD) == 0);
	EXPLORE_EXPECT(wake_at(OTHER_WORD) == 1);
}

static void check_woken(void)
{
	EXPLORE_EXPECT(outcome == 0);
}

EXPLORE(proc_P10_futex_requeue_and_wake, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 3, .setup = setup, .body = requeue_body, .check = check_woken);
/** A waiter that is being moved gives up at the same time. */
static void requeue_or_timeout_body(unsigned self)
{
	enter_space();
	if (self == 0) {
		outcome = wait_for_change(time_now() + 10 * NSEC_PER_USEC);
		return;
	}
	(void)!futex_requeue(WORD, OTHER_WORD, true, 0, 1, NULL, true);
	fetch_add_acq_rel(&woken, wake_at(OTHER_WORD));
}

static void check_requeue_or_timeout(void)
{
	EXPLORE_EXPECT(outcome == (load_relaxed(&woken) ? 0 : -ETIMEDOUT));
}

EXPLORE(sched_W3_futex_requeue_or_timeout, .run = explore_run_threads, .cpus = 2, .bodies = 2,
	.bound = 2, .flags = EXPLORE_TIMERS, .setup = setup, .body = requeue_or_timeout_body,
	.check = check_requeue_or_timeout);
