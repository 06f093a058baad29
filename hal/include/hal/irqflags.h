// SPDX-License-Identifier: MIT
// Whether this CPU takes interrupts.
#pragma once

#include <lib/types.h>

typedef uintptr_t irqflags_t;

/** Turn interrupts off and return the state before, for hal_irq_restore(). A compiler barrier. */
static inline irqflags_t hal_irq_save(void);
static inline void hal_irq_restore(irqflags_t flags);
static inline void hal_irq_enable(void);
static inline void hal_irq_disable(void);
static inline bool hal_irq_is_enabled(void);

#include <arch/irqflags.h>
