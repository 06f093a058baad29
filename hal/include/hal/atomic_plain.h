// SPDX-License-Identifier: MIT
// Relaxed loads and stores as volatile ones: an aligned access of 32 or 64 bits is atomic by itself on
// all three machines, and the compiler may then use every addressing mode (gcc 12 computes the address
// of each atomic access first, and on RISC-V makes an AMO of each atomic store).
#pragma once

#include <stdatomic.h>

/** The type of *@p without _Atomic: what reading it gives. */
#define HAL_PLAIN(p) __typeof__(({ __auto_type value_ = *(p); value_; }))

#define hal_atomic_load_relaxed(p) (*(const volatile HAL_PLAIN(p) *)(p))
#define hal_atomic_store_relaxed(p, v) ((void)(*(volatile HAL_PLAIN(p) *)(p) = (v)))
