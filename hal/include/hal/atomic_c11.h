// SPDX-License-Identifier: MIT
// Loads and stores as C11 has them: for the host, whose sanitizers know only these.
#pragma once

#include <stdatomic.h>

#define hal_atomic_load_relaxed(p) atomic_load_explicit((p), memory_order_relaxed)
#define hal_atomic_store_relaxed(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define hal_atomic_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
