// SPDX-License-Identifier: MIT
// A model of a floating-point unit: eight registers of each CPU, on or off.
#pragma once

void host_fpu_save(void *state);
void host_fpu_restore(const void *state);
void host_fpu_disable(void);

static inline void hal_fpu_save(void *state)
{
	host_fpu_save(state);
}

static inline void hal_fpu_restore(const void *state)
{
	host_fpu_restore(state);
}

#define HAL_FPU_STATE_MAX 64

static inline void hal_fpu_switch(void *prev, const void *next)
{
	host_fpu_save(prev);
	host_fpu_restore(next);
}

static inline void hal_fpu_disable(void)
{
	host_fpu_disable();
}
