// SPDX-License-Identifier: MIT
// Echo, for ldisc.c.
#pragma once

#include "ldisc.h"

/** @c as a program's output would go out. */
void echo_raw(struct ldisc *ldisc, uint8_t c);
/** The same, control characters as ^X where ECHOCTL says so. */
void echo_char(struct ldisc *ldisc, uint8_t c);
/** The character in [@from, @to) of the line is gone; @by_key: VERASE took it. */
void echo_erase(struct ldisc *ldisc, uint32_t from, uint32_t to, bool by_key);
/** Close ECHOPRT's \.../. */
void echo_finish_erasing(struct ldisc *ldisc);
