// SPDX-License-Identifier: MIT
// The PL011 UART. One is the console.
#pragma once

#include <hal/console.h>

/** Use the UART whose registers are mapped at @base; @irq may be UINT32_MAX: polled input. */
const struct console_ops *pl011_init(vaddr_t base, uint32_t irq);
