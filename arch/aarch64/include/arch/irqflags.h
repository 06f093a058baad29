// SPDX-License-Identifier: MIT
// PSTATE.I. The flags are DAIF as read; only its I bit is looked at.
#pragma once

#include <arch/sysreg.h>

static inline void hal_irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

static inline void hal_irq_disable(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
}

static inline irqflags_t hal_irq_save(void)
{
	irqflags_t flags = read_sysreg(daif);
	hal_irq_disable();
	return flags;
}

static inline void hal_irq_restore(irqflags_t flags)
{
	write_sysreg(daif, flags);
}

static inline bool hal_irq_is_enabled(void)
{
	return !(read_sysreg(daif) & PSR_I);
}
