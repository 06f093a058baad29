// SPDX-License-Identifier: MIT
// C11 atomics as the cores use them: written once, each with the order said in its name, each a
// point of the laboratory. 32 and 64 bits and pointers only (gcc 12 has no narrower ones on RISC-V).
#pragma once

#include <arch/atomic.h>
#include <hal/explore.h>
#include <lib/types.h>
#include <stdatomic.h>

// @op on @p at a point of the laboratory. There address and value are worked out first: what comes between
// the point and the access would else happen at another time than the laboratory takes it to.
#if CONFIG_HOST
#define HAL_LOAD(op, p, ...)                                                                       \
	({                                                                                         \
		__auto_type at_ = (p);                                                             \
		hal_explore_load(at_);                                                             \
		op(at_, ##__VA_ARGS__);                                                            \
	})
#define HAL_STORE(op, p, v, ...)                                                                   \
	({                                                                                         \
		__auto_type at_ = (p);                                                             \
		__auto_type value_ = (v);                                                          \
		hal_explore_point(at_);                                                            \
		op(at_, value_, ##__VA_ARGS__);                                                    \
	})
#define HAL_CAS(p, expected, v, ...)                                                               \
	({                                                                                         \
		__auto_type at_ = (p);                                                             \
		__auto_type value_ = (v);                                                          \
		hal_explore_point(at_);                                                            \
		atomic_compare_exchange_strong_explicit(at_, (expected), value_, __VA_ARGS__);     \
	})
#else
#define HAL_LOAD(op, p, ...) op((p), ##__VA_ARGS__)
#define HAL_STORE(op, p, v, ...) op((p), (v), ##__VA_ARGS__)
#define HAL_CAS(p, expected, v, ...)                                                               \
	atomic_compare_exchange_strong_explicit((p), (expected), (v), __VA_ARGS__)
#endif

#define load_relaxed(p) HAL_LOAD(hal_atomic_load_relaxed, p)
#define load_acquire(p) HAL_LOAD(atomic_load_explicit, p, memory_order_acquire)
/** A load whose value is only used as an address: what it points to is read after it (address
 *  dependency; all three machines keep it without a barrier). */
#define load_dependent(p) (CONFIG_HOST ? load_acquire(p) : load_relaxed(p))
/** Its order for __atomic_load_n(). The thread sanitizer knows no dependency: acquire there. */
#define HAL_ORDER_DEPENDENT (CONFIG_HOST ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED)
#define store_relaxed(p, v) HAL_STORE(hal_atomic_store_relaxed, p, v)
#define store_release(p, v) HAL_STORE(hal_atomic_store_release, p, v)

/** Read-modify-write; the old value is returned. */
#define fetch_add_relaxed(p, v) HAL_STORE(atomic_fetch_add_explicit, p, v, memory_order_relaxed)
#define fetch_add_acq_rel(p, v) HAL_STORE(atomic_fetch_add_explicit, p, v, memory_order_acq_rel)
#define fetch_add_release(p, v) HAL_STORE(atomic_fetch_add_explicit, p, v, memory_order_release)
#define fetch_sub_release(p, v) HAL_STORE(atomic_fetch_sub_explicit, p, v, memory_order_release)
#define fetch_sub_acq_rel(p, v) HAL_STORE(atomic_fetch_sub_explicit, p, v, memory_order_acq_rel)
#define fetch_or_acq_rel(p, v) HAL_STORE(atomic_fetch_or_explicit, p, v, memory_order_acq_rel)
#define fetch_and_acq_rel(p, v) HAL_STORE(atomic_fetch_and_explicit, p, v, memory_order_acq_rel)
#define exchange_acquire(p, v) HAL_STORE(atomic_exchange_explicit, p, v, memory_order_acquire)
#define exchange_acq_rel(p, v) HAL_STORE(atomic_exchange_explicit, p, v, memory_order_acq_rel)

/** Compare *@p with *@expected and, if equal, set it to @v; else *@expected becomes *@p. */
#define cas_acquire(p, expected, v) HAL_CAS(p, expected, v, memory_order_acquire, memory_order_relaxed)
#define cas_acq_rel(p, expected, v) HAL_CAS(p, expected, v, memory_order_acq_rel, memory_order_acquire)

/** Full fence: a store before it is seen before a load after it (Dekker's pattern). */
#define fence_seq_cst() (hal_explore_point(NULL), atomic_thread_fence(memory_order_seq_cst))
