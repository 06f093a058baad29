// SPDX-License-Identifier: MIT
// The 16550 UART, at ports (PCs) or in memory (device trees). One is the console.
#pragma once

#include <hal/console.h>

#define NS16550_NO_IRQ UINT32_MAX

/** Use the UART whose registers stand at @base, (1 << @reg_shift) bytes apart and accessed
 *  @reg_io_width bytes at a time (1, 2 or 4). Its speed stays as firmware set it. */
const struct console_ops *ns16550_init_mmio(vaddr_t base, unsigned reg_shift, unsigned reg_io_width,
					    uint32_t irq);
/** Use the UART at @port of a PC at 115200 baud, called @name. NULL: nothing answers there. */
const struct console_ops *ns16550_init_port(uint16_t port, const char *name, uint32_t irq);
/** How many bytes fit when the transmitter says that it is empty, where that is not the FIFO. */
void ns16550_set_burst(size_t bytes);
/** The interrupt's number, once the controllers are known. */
void ns16550_set_irq(uint32_t irq);
