// SPDX-License-Identifier: MIT
// Counters of a PC's chipset: to calibrate by, and clocks where the TSC cannot be trusted.
#pragma once

#include <lib/types.h>

struct pc_counter {
	const char *name;
	uint64_t hz;
	uint64_t mask; // of the bits that count
	bool is_clock; // wraps late enough to be extended to 64 bits
	uint64_t (*read)(void);
};

/** The counter, running, or NULL. */
const struct pc_counter *hpet_init(void);
const struct pc_counter *pmtimer_init(void);
const struct pc_counter *pit_init(void);
const struct pc_counter *tsc_cpuid_init(void);

/** One-shot timer of the local APIC: its input frequency is found with lapic_timer_begin(), which
 *  starts it masked, and lapic_timer_elapsed(). */
void lapic_timer_begin(void);
uint32_t lapic_timer_elapsed(void);
/** Count in units of @clock_hz from now on; @use_deadline: compare with the TSC instead.
 *  @keep_alive_ticks: never sleep longer (0 = as long as one likes). */
void lapic_timer_set_rate(uint64_t timer_hz, uint64_t clock_hz, bool use_deadline,
			  uint64_t keep_alive_ticks);
/** This CPU's interrupt, on. */
void lapic_timer_init_cpu(void);
