// SPDX-License-Identifier: MIT
// Where the laboratory may pass the CPU token on, and where interrupts are delivered.
#pragma once

void host_explore_store(const volatile void *object);
void host_explore_load(const volatile void *object);

static inline void hal_explore_point(const volatile void *object)
{
	host_explore_store(object);
}

/** The same before a plain load: loads of one object commute, so fewer schedules differ. */
#define hal_explore_load(object) host_explore_load(object)
