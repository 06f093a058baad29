// SPDX-License-Identifier: MIT
// Ordering that C11 cannot say: against devices, and against the instruction stream. Between CPUs
// only C11 atomics are used (<hal/atomic.h>).
#pragma once

#include <lib/types.h>

/** Order earlier writes to memory before later writes to a device (DMA descriptors, IPIs by MMIO). */
static inline void hal_wmb_device(void);
/** Order earlier reads of a device before later reads of memory. */
static inline void hal_rmb_device(void);
/** Order everything before against everything after, devices included. */
static inline void hal_mb_device(void);

#include <arch/barrier.h>
