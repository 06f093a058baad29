// SPDX-License-Identifier: MIT
// Fault injection: the N-th allocation from now fails, once. frame_alloc, slab_alloc and kmalloc
// pass here first; in release images the point is nothing at all.
//
// `fail=[CLASS:]N` on the command line arms it for whoever allocates once init starts; a write of
// [CLASS:]N to /proc/sys/kernel/fail_nth arms it for the writing thread alone, so that a program can let
// every allocation of a call fail in turn. CLASS is frame, slab (both: outside page faults of user mode;
// without a class either counts) or fault (any, but only in such page faults).
#pragma once

#include <hal/atomic.h>
#include <lib/types.h>

enum alloc_fail_class {
	ALLOC_FRAME = 1,
	ALLOC_SLAB = 2,
	ALLOC_FAULT = 4,
	ALLOC_ANY = 7,
};

#if CONFIG_TESTS || CONFIG_DEBUG
/** Allocations until one fails; 0 = none will. */
extern _Atomic uint32_t alloc_fail_countdown;
bool alloc_fail_count(enum alloc_fail_class class);

/** One of @class is asked for: shall it fail? */
static inline bool alloc_may_fail(enum alloc_fail_class class)
{
	return unlikely(load_relaxed(&alloc_fail_countdown) != 0) && alloc_fail_count(class);
}

/** Make the @nth allocation from here fail (1 = the next), whoever asks; 0 disarms. */
void alloc_fail_arm(uint32_t nth);
/** The same by a text, [CLASS:]N; @is_for_current: only the current thread's allocations count. -EINVAL. */
must_check err_t alloc_fail_arm_text(const char *text, bool is_for_current);
/** Arm what `fail=` asks for. */
void alloc_fail_boot(void);

/** The armed failure has not happened yet. */
static inline bool alloc_fail_is_armed(void)
{
	return load_relaxed(&alloc_fail_countdown) != 0;
}
#else
static inline bool alloc_may_fail(enum alloc_fail_class class)
{
	(void)class;
	return false;
}
static inline void alloc_fail_boot(void)
{
}
#endif
