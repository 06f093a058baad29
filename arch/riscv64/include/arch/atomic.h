// SPDX-License-Identifier: MIT
// gcc before 14 makes an AMO of every atomic store. An aligned store of 32 or 64 bits is atomic by
// itself (RISC-V unprivileged specification, A.3.1); release is FENCE RW,W before it (table A.6).
#pragma once

#include <stdatomic.h>

/** The type of *@p without _Atomic: what reading it gives. */
#define RISCV_PLAIN(p) __typeof__(({ __auto_type value_ = *(p); value_; }))

#define hal_atomic_store_relaxed(p, v) ((void)(*(volatile RISCV_PLAIN(p) *)(p) = (v)))
#define hal_atomic_store_release(p, v)                                                             \
	({                                                                                         \
		RISCV_PLAIN(p) new_ = (v);                                                         \
		__asm__ volatile("fence rw, w" : : : "memory");                                    \
		*(volatile RISCV_PLAIN(p) *)(p) = new_;                                            \
	})
