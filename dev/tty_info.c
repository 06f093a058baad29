// SPDX-License-Identifier: MIT
// What /proc shows of a terminal.
#include "tty.h"

#include <dev/tty_info.h>

void tty_get_info(struct tty *tty, uint32_t *rdev, uint32_t *foreground)
{
	*rdev = (uint32_t)tty->rdev;
	*foreground = __atomic_load_n(&tty->foreground, __ATOMIC_RELAXED);
}
