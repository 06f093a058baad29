// SPDX-License-Identifier: MIT
// Quiescence: memory that lookups without a reference may still be looking at is freed after every
// CPU has passed a quiescent state (a switch, idle, user mode). Nothing is added to entry or exit.
#pragma once

#include <hal/percpu.h>
#include <lib/types.h>

struct quiesce {
	struct quiesce *next;
	void (*fn)(struct quiesce *self);
};

/** Call @fn(@head) in thread context after a grace period. Any context. */
void quiesce_defer(struct quiesce *head, void (*fn)(struct quiesce *));
/** Return after a grace period. May sleep (through upcall_sleep_until()). */
void quiesce_wait(void);
/** This CPU holds no reference from a lookup: called by sched at each switch and in the idle loop,
 *  by an interrupt of user mode. Interrupts off. */
void quiesce_report(void);
/** This CPU is idle from now on / no more: idle CPUs are never waited for. Interrupts off. */
void quiesce_idle_enter(void);
void quiesce_idle_exit(void);
/** True while callbacks wait on any CPU: the reclaim thread runs quiesce_run(). */
bool quiesce_has_work(void);
/** Body of the reclaim kernel thread that sched starts: runs ripe callbacks, sleeps, for ever. */
noreturn_fn void quiesce_thread(void *unused);
