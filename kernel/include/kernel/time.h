// SPDX-License-Identifier: MIT
// Nanoseconds since boot, and timers: per-CPU queues ordered by deadline over the one-shot timer of
// hal/clock.h. No tick: the hardware is set to the earliest deadline, or to nothing.
#pragma once

#include <hal/clock.h>
#include <kernel/lock.h>
#include <lib/rbtree.h>
#include <lib/types.h>

struct vdso_clock;

/** How ticks become nanoseconds: set once, by time_init(). */
struct time_base {
	uint64_t boot_ticks;
	uint64_t ns_per_tick; // << TIME_FACTOR_SHIFT; 0: no clock yet, it is always 0
	_Atomic uint64_t realtime_offset;
};
#define TIME_FACTOR_SHIFT 32
extern struct time_base time_base;

/** Ticks of hal_clock_read() in nanoseconds (a difference or a time). */
static inline nsec_t time_from_ticks(uint64_t ticks)
{
	return (nsec_t)(((unsigned __int128)ticks * time_base.ns_per_tick) >> TIME_FACTOR_SHIFT);
}

/** Nanoseconds since boot: monotonic, the same on all CPUs. Any context. */
static inline nsec_t time_now(void)
{
	return time_from_ticks(hal_clock_read() - time_base.boot_ticks);
}

/** Seconds and nanoseconds since 1970 = time_now() + this offset. */
static inline nsec_t time_realtime_offset(void)
{
	return load_relaxed(&time_base.realtime_offset);
}
void time_set_realtime_offset(nsec_t offset);
/** Nanoseconds in ticks. */
uint64_t time_to_ticks(nsec_t ns);
/** Keep @clock, which programs read, in step with the clock, for ever. Boot only. */
void time_publish(struct vdso_clock *clock);

struct timer {
	struct rbnode node; // q
	nsec_t deadline; // q
	/** Runs in the timer interrupt of the timer's CPU, interrupts off, no lock held. May set the
	 *  timer again. The timer is no longer queued. */
	void (*fn)(struct timer *self);
	_Atomic uint32_t cpu_plus_1; // queue that holds it (0 = none); q = lock of that queue
	_Atomic uint32_t running; // fn runs at this moment
};

void timer_init(struct timer *timer, void (*fn)(struct timer *));
/** Queue on this CPU for @deadline (absolute ns; one that has passed fires as soon as interrupts are
 *  on). The timer must not be queued. Any context. */
void timer_set(struct timer *timer, nsec_t deadline);
/** Dequeue. True: it was queued and will not fire. False: it has fired, or fn is about to run or
 *  running on another CPU. Any context; callers resolve the race by their own state. */
bool timer_cancel(struct timer *timer);
/** The same and wait until fn is not running: afterwards the memory may be freed. Not from fn. */
bool timer_cancel_sync(struct timer *timer);
static inline bool timer_is_queued(struct timer *timer)
{
	// Acquire: who sees "no" may set it again, after the CPU that took it off its queue.
	return load_acquire(&timer->cpu_plus_1) != 0;
}

/** Timer interrupts that @cpu has taken. */
uint64_t timer_interrupts(cpuid_t cpu);
/** Take over all timers of @cpu, which has left service. Thread context, interrupts on. */
void timers_take_from(cpuid_t cpu);

/** Called by kernel/main.c: clock found, then on each CPU. */
void time_init(void);
void time_init_cpu(void);
