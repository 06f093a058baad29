// SPDX-License-Identifier: MIT
// The free-running counter and the one-shot timer of each CPU. Frequencies are read or calibrated,
// never assumed; kernel/time.c turns ticks into nanoseconds.
#pragma once

#include <lib/types.h>

/** The counter: monotonic across CPUs, the same on all. */
static inline uint64_t hal_clock_read(void);
/** The same, perhaps a little early: not ordered against memory. For accounting on one CPU. */
static inline uint64_t hal_clock_read_unordered(void);
/** User mode may read the counter by itself, in the same way. */
static inline bool hal_clock_is_for_users(void);
/** Its frequency and a name for the boot log ("tsc", "arch_timer", "rdtime"). Valid from
 *  hal_clock_init() on. */
uint64_t hal_clock_hz(void);
const char *hal_clock_name(void);
/** Find and calibrate clock and timer (at most 5 ms). Boot CPU, devices mapped. A missing timer is
 *  a clear panic that says which node or table was looked for. */
void hal_clock_init(void);
/** Turn this CPU's timer interrupt on, none pending. Once on each CPU. */
void hal_timer_init_cpu(void);
/** Interrupt this CPU when the counter reaches @ticks (absolute); a time that has passed fires at
 *  once. Replaces the one before. UINT64_MAX = none. The interrupt calls upcall_timer(). */
static inline void hal_timer_set(uint64_t ticks);

/** Seconds since 1970 from the board's RTC; 0 = it has none. */
uint64_t hal_rtc_read(void);

#include <arch/clock.h>
