// SPDX-License-Identifier: MIT
// Inside the scheduler: a sleep that a timer may end.
#pragma once

#include <kernel/time.h>

struct thread;

/** thread.sleep_timer: note that the sleep timed out and let the thread find that. */
void sleep_timer_fired(struct timer *timer);
/** Current is about to sleep: no reason to wake up yet; at @deadline there will be. */
void sleep_begin(struct thread *thread, nsec_t deadline);
/** Current sleeps no more: the timer does not fire later. */
void sleep_end(struct thread *thread, nsec_t deadline);

enum sleep_outcome { SLEEP_GO_ON, SLEEP_TIMED_OUT, SLEEP_INTERRUPTED };
/** Set current's state to BLOCKED or SLEEPING, then look whether the sleep is over before it began
 *  (then the state is RUNNING again). */
enum sleep_outcome sleep_prepare(struct thread *thread, nsec_t deadline, bool is_interruptible);
