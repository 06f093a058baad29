// SPDX-License-Identifier: MIT
// assert: internal truths, in debug and test builds. verify: always, where memory would be corrupted.
#pragma once

#include <hal/irqflags.h>
#include <hal/percpu.h>
#include <kernel/lockdep.h>
#include <kernel/panic.h>

#define verify(cond)                                                                               \
	(likely(cond) ? (void)0 : panic("%s:%d: %s does not hold", __FILE__, __LINE__, #cond))

#if CONFIG_DEBUG
#define assert(cond) verify(cond)
#else
#define assert(cond) ((void)sizeof(!(cond)))
#endif

#define assert_irqs_off() assert(!hal_irq_is_enabled())
/** The caller runs in a thread, outside interrupts and with interrupts on. */
#define assert_may_sleep()                                                                         \
	(assert(hal_percpu()->irq_depth == 0 && hal_irq_is_enabled()), lockdep_check_switch())
#define assert_held(lock) assert(spin_is_locked(lock))
