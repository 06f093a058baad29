// SPDX-License-Identifier: MIT
// The device tree of ports that boot with one: bootinfo from it, and drivers found by it.
//
//   static err_t gicv3_init(int node) { ... }
//   DT_DRIVER(irqchip, "arm,gic-v3", gicv3_init);
#pragma once

#include <hal/irqchip.h>
#include <lib/fdt.h>
#include <lib/types.h>

/** The boot device tree. Valid from dt_fill_bootinfo() on, for ever. */
extern struct fdt hal_fdt;

enum dt_class {
	DT_CLASS_irqchip,
	DT_CLASS_uart,
	DT_CLASS_timer,
	DT_CLASS_rtc,
	DT_CLASS_power,
	DT_CLASS_video,
};

struct dt_driver {
	const char *compatible;
	/** Take the device of @node of hal_fdt. 0 = taken; -EBUSY = this driver has one already. */
	err_t (*init)(int node);
	enum dt_class class;
};

/** Offer @init every node of this @compatible_. The port's kernel.ld gathers the entries:
 *  `_dt_drivers_start = .; KEEP(*(.dt_drivers)) _dt_drivers_end = .;` aligned to 8. */
#define DT_DRIVER(class_, compatible_, init_)                                                      \
	DT_DRIVER_ENTRY(class_, compatible_, init_, __COUNTER__)
#define DT_DRIVER_ENTRY(class_, compatible_, init_, n) DT_DRIVER_NAMED(class_, compatible_, init_, n)
#define DT_DRIVER_NAMED(class_, compatible_, init_, n)                                             \
	static const struct dt_driver dt_driver_##n                                                \
		__attribute__((section(".dt_drivers"), used, aligned(8))) = {                      \
			.compatible = (compatible_), .init = (init_), .class = DT_CLASS_##class_}

/** Read the tree at @fdt_virt (physical @fdt_phys, mapped for ever) into bootinfo and finish it:
 *  RAM, reserved ranges (the blob and the initrd too), command line, machine, CPUs with the one of
 *  @boot_hwid first. What is malformed is left out with a warning. -EINVAL: not a device tree;
 *  bootinfo then has nothing but the boot CPU. */
err_t dt_fill_bootinfo(const void *fdt_virt, paddr_t fdt_phys, uint64_t boot_hwid);

/** Offer @node to the driver of @class that fits its most specific compatible string.
 *  -ENODEV: no driver took it. */
err_t dt_probe_node(enum dt_class class, int node);
/** Offer all enabled nodes in document order. Returns how many were taken. */
unsigned dt_probe(enum dt_class class);

/** Interrupt @index of @node as a global number (GIC: INTID; PLIC, APLIC: source) and how it is
 *  triggered. -ENOENT, -EINVAL. */
must_check err_t dt_irq(int node, unsigned index, uint32_t *irq, enum hal_irq_trigger *trigger);
/** The same for a specifier of @n cells that came through an interrupt map. */
must_check err_t dt_irq_cells(const uint32_t *cells, unsigned n, uint32_t *irq,
			      enum hal_irq_trigger *trigger);

/** Take up to @len bytes of /chosen's rng-seed, each once. Returns how many there were. */
size_t dt_take_rng_seed(void *buf, size_t len);
