// SPDX-License-Identifier: MIT
// Floating-point and vector state. A thread has none until its first use traps
// (upcall_fpu_first_use); from then on it is saved at switch-out and restored at switch-in.
#pragma once

#include <lib/types.h>

/** Bytes of one state area; 64-byte aligned. Fixed once the boot CPU has run hal_cpu_init(). */
size_t hal_fpu_state_size(void);
/** The state of a thread that has not computed yet. */
void hal_fpu_init_state(void *state);
/** Save the unit's registers into @state. The unit is on. May skip what has not changed since the
 *  last restore of this very @state on this CPU. */
static inline void hal_fpu_save(void *state);
/** Turn the unit on and load it from @state. */
static inline void hal_fpu_restore(const void *state);
/** HAL_FPU_STATE_MAX: no state has more bytes. */
/** Save into @prev and load from @next: the unit is on and stays on. */
static inline void hal_fpu_switch(void *prev, const void *next);
/** Make the next floating-point instruction of user mode trap. */
static inline void hal_fpu_disable(void);

#include <arch/fpu.h>
