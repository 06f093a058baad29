// SPDX-License-Identifier: MIT
#pragma once

#include <hal/atomic_plain.h>

#define hal_atomic_store_release(p, v) atomic_store_explicit((p), (v), memory_order_release)
