// SPDX-License-Identifier: MIT
// The console of the SBI firmware.
#pragma once

#include <hal/console.h>

/** NULL: this firmware has none. */
const struct console_ops *sbi_console_init(void);
