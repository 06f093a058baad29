// SPDX-License-Identifier: MIT
// The keyboard controller of PCs.
#pragma once

#include <drivers/screen.h>

/** The PS/2 keyboard, or NULL: no controller answers. */
const struct keyboard_ops *pc_i8042_init(void);
