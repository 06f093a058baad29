// SPDX-License-Identifier: MIT
// Device ordering. The outer-shareable domain, because devices are outside the inner one.
#pragma once

static inline void hal_wmb_device(void)
{
	__asm__ volatile("dmb oshst" : : : "memory");
}

static inline void hal_rmb_device(void)
{
	__asm__ volatile("dmb oshld" : : : "memory");
}

static inline void hal_mb_device(void)
{
	__asm__ volatile("dsb sy" : : : "memory");
}
