// SPDX-License-Identifier: MIT
// Ordering against devices (RISC-V unprivileged manual, FENCE: i and o are device input and output).
#pragma once

static inline void hal_wmb_device(void)
{
	asm volatile("fence w, ow" ::: "memory");
}

static inline void hal_rmb_device(void)
{
	asm volatile("fence ir, r" ::: "memory");
}

static inline void hal_mb_device(void)
{
	asm volatile("fence iorw, iorw" ::: "memory");
}
