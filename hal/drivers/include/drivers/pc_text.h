// SPDX-License-Identifier: MIT
// The text mode of a PC's display adapter, for screen.h.
#pragma once

#include <drivers/screen.h>

/** Make the adapter show what will be put: no cursor of its own, bright backgrounds instead of blinking.
 *  Returns how to put it. */
screen_put_fn *pc_text_init(void);
