// SPDX-License-Identifier: MIT
// Floating-point state of threads, for fork, exec and signal frames. Interrupts on or off.
#pragma once

#include <lib/types.h>

struct thread;

/** fork, clone: @child gets a copy of current's state, live registers included. -ENOMEM. */
must_check err_t sched_fpu_copy(struct thread *child);
/** exec: current has not computed yet. */
void sched_fpu_drop(void);
/** Signal frames: current->fpu, brought up to date from the unit; NULL = it has none. */
void *sched_fpu_save(void);
/** The other way: load the unit of current, which has a state, from @copy. */
void sched_fpu_load(const void *copy);
