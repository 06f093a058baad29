// SPDX-License-Identifier: MIT
// Nanoseconds: of the host's monotonic clock, or of virtual time in deterministic mode.
#pragma once

uint64_t host_clock_read(void);
void host_timer_set(uint64_t ticks);

static inline uint64_t hal_clock_read(void)
{
	return host_clock_read();
}

static inline uint64_t hal_clock_read_unordered(void)
{
	return hal_clock_read();
}

static inline void hal_timer_set(uint64_t ticks)
{
	host_timer_set(ticks);
}

static inline bool hal_clock_is_for_users(void)
{
	return false;
}
