// SPDX-License-Identifier: MIT
// Points at which the host laboratory may switch CPUs. Nothing at all on a machine.
#pragma once

/** Called before each lock, atomic, wake and switch; @object is what it acts on. */
static inline void hal_explore_point(const volatile void *object);

#include <arch/explore.h>

/** The same before a plain load: loads commute, so the laboratory need not try both orders. */
#ifndef hal_explore_load
#define hal_explore_load(object) hal_explore_point(object)
#endif
