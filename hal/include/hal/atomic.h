// SPDX-License-Identifier: MIT
// C11 atomics as the cores use them: written once, each with the order said in its name, each a
// point of the laboratory. 32 and 64 bits and pointers only (gcc 12 has no narrower ones on RISC-V).
#pragma once

#include <arch/atomic.h>
#include <hal/explore.h>
#include <lib/types.h>
#include <stdatomic.h>

#define load_relaxed(p) (hal_explore_load(p), hal_atomic_load_relaxed(p))
#define load_acquire(p) (hal_explore_load(p), atomic_load_explicit((p), memory_order_acquire))
/** A load whose value is only used as an address: what it points to is read after it (address
 *  dependency; all three machines keep it without a barrier). */
#define load_dependent(p) (CONFIG_HOST ? load_acquire(p) : load_relaxed(p))
/** Its order for __atomic_load_n(). The thread sanitizer knows no dependency: acquire there. */
#define HAL_ORDER_DEPENDENT (CONFIG_HOST ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED)
#define store_relaxed(p, v) (hal_explore_point(p), hal_atomic_store_relaxed((p), (v)))
#define store_release(p, v) (hal_explore_point(p), hal_atomic_store_release((p), (v)))

/** Read-modify-write; the old value is returned. */
#define fetch_add_relaxed(p, v)                                                                    \
	(hal_explore_point(p), atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define fetch_add_acq_rel(p, v)                                                                    \
	(hal_explore_point(p), atomic_fetch_add_explicit((p), (v), memory_order_acq_rel))
#define fetch_add_release(p, v)                                                                    \
	(hal_explore_point(p), atomic_fetch_add_explicit((p), (v), memory_order_release))
#define fetch_sub_release(p, v)                                                                    \
	(hal_explore_point(p), atomic_fetch_sub_explicit((p), (v), memory_order_release))
#define fetch_sub_acq_rel(p, v)                                                                    \
	(hal_explore_point(p), atomic_fetch_sub_explicit((p), (v), memory_order_acq_rel))
#define fetch_or_acq_rel(p, v)                                                                     \
	(hal_explore_point(p), atomic_fetch_or_explicit((p), (v), memory_order_acq_rel))
#define fetch_and_acq_rel(p, v)                                                                    \
	(hal_explore_point(p), atomic_fetch_and_explicit((p), (v), memory_order_acq_rel))
#define exchange_acquire(p, v)                                                                      \
	(hal_explore_point(p), atomic_exchange_explicit((p), (v), memory_order_acquire))
#define exchange_acq_rel(p, v)                                                                     \
	(hal_explore_point(p), atomic_exchange_explicit((p), (v), memory_order_acq_rel))

/** Compare *@p with *@expected and, if equal, set it to @v; else *@expected becomes *@p. */
#define cas_acquire(p, expected, v)                                                                \
	(hal_explore_point(p),                                                                     \
	 atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acquire,       \
						 memory_order_relaxed))
#define cas_acq_rel(p, expected, v)                                                                \
	(hal_explore_point(p),                                                                     \
	 atomic_compare_exchange_strong_explicit((p), (expected), (v), memory_order_acq_rel,       \
						 memory_order_acquire))

/** Full fence: a store before it is seen before a load after it (Dekker's pattern). */
#define fence_seq_cst() (hal_explore_point(0), atomic_thread_fence(memory_order_seq_cst))
