// SPDX-License-Identifier: MIT
// Stores are not reordered with what is before them (Intel SDM 3A, 9.2.2): release costs nothing.
#pragma once

#include <hal/atomic_plain.h>

#define hal_atomic_store_release(p, v)                                                             \
	({                                                                                         \
		HAL_PLAIN(p) new_ = (v);                                                           \
		__asm__ volatile("" : : : "memory");                                               \
		*(volatile HAL_PLAIN(p) *)(p) = new_;                                              \
	})
