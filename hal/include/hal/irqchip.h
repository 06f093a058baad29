// SPDX-License-Identifier: MIT
// Interrupt controllers. The root one is chosen at boot from the device tree or ACPI; drivers name
// interrupts by a global number (GSI, INTID, PLIC source) that firmware gives them.
#pragma once

#include <lib/types.h>

struct trapframe;

enum hal_irq_trigger { HAL_IRQ_LEVEL_HIGH, HAL_IRQ_LEVEL_LOW, HAL_IRQ_EDGE_RISING, HAL_IRQ_EDGE_FALLING };

struct irqchip_ops {
	const char *name;
	/** This CPU's part (CPU interface, local APIC, S context). Once on each CPU,
	 *  and again when it comes back. */
	void (*init_cpu)(void);
	/** This CPU goes off: nothing is delivered to it any more. NULL: nothing to do. */
	void (*leave_cpu)(void);
	err_t (*set_trigger)(uint32_t irq, enum hal_irq_trigger trigger);
	err_t (*set_target)(uint32_t irq, cpuid_t cpu);
	void (*mask)(uint32_t irq);
	void (*unmask)(uint32_t irq);
	/** Finish: the level-triggered source may interrupt again. After the handler ran. */
	void (*eoi)(uint32_t irq);
	void (*send_ipi)(cpuid_t cpu);
	/** A new interrupt that a device raises by writing *@data to *@address. -ENOSPC. NULL: none can. */
	err_t (*take_message)(uint32_t *irq, uint64_t *address, uint32_t *data);
};

/** The root controller; NULL before hal_irqchip_init(). */
extern const struct irqchip_ops *hal_irqchip;

/** Find and initialise the root controller; a clear panic names what was looked for. Boot CPU. */
void hal_irqchip_init(void);
