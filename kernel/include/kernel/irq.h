// SPDX-License-Identifier: MIT
// Interrupt handlers by global number. Handlers run with interrupts off on the interrupted stack.
#pragma once

#include <hal/irqchip.h>
#include <lib/list.h>
#include <lib/types.h>

/** One handler; several may share a number. The owner embeds it. */
struct irq_handler {
	/** True: the interrupt was this device's. */
	bool (*fn)(struct irq_handler *self);
	uint32_t irq;
	cpuid_t cpu; // that gets it
	const char *name;
	struct list node;
	uint64_t count;
};

#define IRQS_MAX 1024

/** Connect @handler and unmask its interrupt. -EINVAL, -ENOTSUP from the controller. */
must_check err_t irq_connect(struct irq_handler *handler, uint32_t irq,
			     enum hal_irq_trigger trigger, const char *name);
void irq_disconnect(struct irq_handler *handler);
/** @cpu goes off: what it gets, @to gets from now on. @cpu still takes what it has been sent already. */
void irq_route_away(cpuid_t cpu, cpuid_t to);
/** Call @visit for each handler in order of number: /proc/interrupts. */
void irq_for_each(void (*visit)(void *arg, const struct irq_handler *handler), void *arg);
