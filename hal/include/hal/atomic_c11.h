// SPDX-License-Identifier: MIT
// Stores as C11 has them: for ports whose compilers make plain stores of them.
#pragma once

#include <stdatomic.h>

#define hal_atomic_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define hal_atomic_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
