// SPDX-License-Identifier: MIT
// Release is FENCE RW,W before the store (RISC-V unprivileged specification, table A.6).
#pragma once

#include <hal/atomic_plain.h>

#define hal_atomic_store_release(p, v)                                                             \
	({                                                                                         \
		HAL_PLAIN(p) new_ = (v);                                                           \
		__asm__ volatile("fence rw, w" : : : "memory");                                    \
		*(volatile HAL_PLAIN(p) *)(p) = new_;                                              \
	})
