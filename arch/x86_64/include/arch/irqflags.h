// SPDX-License-Identifier: MIT
// The interrupt flag of RFLAGS.
#pragma once

#define X86_RFLAGS_IF 0x200ul

static inline irqflags_t hal_irq_save(void)
{
	irqflags_t flags;
	__asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
	return flags;
}

static inline void hal_irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline void hal_irq_disable(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline void hal_irq_restore(irqflags_t flags)
{
	if (flags & X86_RFLAGS_IF)
		hal_irq_enable();
	else
		__asm__ volatile("" : : : "memory");
}

static inline bool hal_irq_is_enabled(void)
{
	irqflags_t flags;
	__asm__ volatile("pushfq; popq %0" : "=r"(flags) : : "memory");
	return flags & X86_RFLAGS_IF;
}
