// SPDX-License-Identifier: MIT
// Fault injection: the N-th allocation from now fails, once. frame_alloc, slab_alloc and kmalloc
// pass here first; in images without tests the point is nothing at all.
#pragma once

#include <hal/atomic.h>
#include <lib/types.h>

#if CONFIG_TESTS || CONFIG_DEBUG
/** Allocations until one fails; 0 = none will. */
extern _Atomic uint32_t alloc_fail_countdown;
bool alloc_fail_count(void);

static inline bool alloc_may_fail(void)
{
	return unlikely(load_relaxed(&alloc_fail_countdown) != 0) && alloc_fail_count();
}

/** Make the @nth allocation from here fail (1 = the next); 0 disarms. */
static inline void alloc_fail_arm(uint32_t nth)
{
	store_relaxed(&alloc_fail_countdown, nth);
}

/** The armed failure has not happened yet. */
static inline bool alloc_fail_is_armed(void)
{
	return load_relaxed(&alloc_fail_countdown) != 0;
}
#else
static inline bool alloc_may_fail(void)
{
	return false;
}
#endif
