// SPDX-License-Identifier: MIT
// Whether this CPU takes interrupts: a word of its per-CPU head.
#pragma once

#include <hal/percpu.h>

/** Deliver what is pending on this CPU, if interrupts are on. True: something was. */
bool host_irq_poll(void);

static inline bool hal_irq_is_enabled(void)
{
	return hal_percpu()->arch[HOST_IRQ_ON];
}

static inline irqflags_t hal_irq_save(void)
{
	irqflags_t flags = hal_percpu()->arch[HOST_IRQ_ON];

	hal_percpu()->arch[HOST_IRQ_ON] = 0;
	__asm__ volatile("" ::: "memory");
	return flags;
}

static inline void hal_irq_disable(void)
{
	hal_irq_save();
}

static inline void hal_irq_enable(void)
{
	__asm__ volatile("" ::: "memory");
	hal_percpu()->arch[HOST_IRQ_ON] = 1;
	host_irq_poll();
}

static inline void hal_irq_restore(irqflags_t flags)
{
	if (flags)
		hal_irq_enable();
	else
		hal_irq_disable();
}
