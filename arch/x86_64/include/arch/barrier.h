// SPDX-License-Identifier: MIT
// x86 keeps stores in order and loads in order, uncached ones included: only the compiler must be
// told, and a store must be fenced from a later load.
#pragma once

static inline void hal_wmb_device(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline void hal_rmb_device(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline void hal_mb_device(void)
{
	__asm__ volatile("mfence" : : : "memory");
}
