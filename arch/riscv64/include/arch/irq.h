// SPDX-License-Identifier: MIT
// Between the trap handler and the driver of the root interrupt controller.
#pragma once

/** Handles a supervisor external interrupt: claims and calls upcall_irq() for each. Set by the
 *  controller's driver before it enables the interrupt on any hart. */
extern void (*riscv_external_irq)(void);
