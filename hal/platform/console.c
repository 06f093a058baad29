// SPDX-License-Identifier: MIT
// The second console: there is none unless the platform finds one.
#include <hal/console.h>

const struct console_ops *hal_console_other;
bool hal_console_other_has_log;
