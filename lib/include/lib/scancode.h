// SPDX-License-Identifier: MIT
// A PC keyboard's scan codes (set 1, as the i8042 translates) become the bytes that a terminal gets:
// the US layout, control and meta, and for other keys the sequences of TERM=linux.
#pragma once

#include <lib/types.h>

#define SCANCODE_TEXT_MAX 8

struct scancode {
	bool is_extended; // 0xe0 came before
	uint8_t skip; // bytes of a 0xe1 sequence still to come
	bool shift[2], control[2], alt[2]; // left, right
	bool caps_lock;
};

/** Take one byte from the keyboard. Returns how many bytes of input it makes, now in @text. */
size_t scancode_feed(struct scancode *state, uint8_t code, char text[SCANCODE_TEXT_MAX]);
