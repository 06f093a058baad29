// SPDX-License-Identifier: MIT
// What /proc shows of a terminal.
#pragma once

#include <lib/types.h>

struct tty;

/** Device number of @tty and the process group in its foreground (0 = none). Any context. */
void tty_get_info(struct tty *tty, uint32_t *rdev, uint32_t *foreground);
