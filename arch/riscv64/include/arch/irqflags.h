// SPDX-License-Identifier: MIT
// sstatus.SIE.
#pragma once

#include <arch/csr.h>

static inline irqflags_t hal_irq_save(void)
{
	return csr_read_clear(sstatus, SSTATUS_SIE) & SSTATUS_SIE;
}

static inline void hal_irq_restore(irqflags_t flags)
{
	csr_set(sstatus, flags);
}

static inline void hal_irq_enable(void)
{
	csr_set(sstatus, SSTATUS_SIE);
}

static inline void hal_irq_disable(void)
{
	csr_clear(sstatus, SSTATUS_SIE);
}

static inline bool hal_irq_is_enabled(void)
{
	return csr_read(sstatus) & SSTATUS_SIE;
}
