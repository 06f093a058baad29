// SPDX-License-Identifier: MIT
// Caches that software must keep coherent: instructions after a write, and memory that a CPU with
// its caches off reads.
#pragma once

#include <lib/types.h>

/** Make [@addr, @addr+@len) of the direct map, just written, executable by every CPU. */
void hal_cache_sync_code(const void *addr, size_t len);
/** Write [@addr, @addr+@len) back to the point of coherency (spin-table words, DMA). */
void hal_cache_clean(const void *addr, size_t len);
