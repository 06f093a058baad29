// SPDX-License-Identifier: MIT
// Floating-point state of threads, for fork and exec (signal frames: <hal/trapframe.h>). Interrupts on or off.
#pragma once

#include <lib/types.h>

struct thread;

/** fork, clone: @child gets a copy of current's state, live registers included. -ENOMEM. */
must_check err_t sched_fpu_copy(struct thread *child);
/** exec: current has not computed yet. */
void sched_fpu_drop(void);
