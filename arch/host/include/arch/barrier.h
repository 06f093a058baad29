// SPDX-License-Identifier: MIT
// The laboratory has no devices beside memory: plain fences.
#pragma once

static inline void hal_wmb_device(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void hal_rmb_device(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void hal_mb_device(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}
