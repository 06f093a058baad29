// SPDX-License-Identifier: MIT
// A linear framebuffer, or a PC's text buffer, as firmware or boot loader left it.
#pragma once

#include <lib/types.h>

/** Where a colour stands in a pixel. */
struct framebuffer_field {
	uint8_t shift, bits;
};

struct framebuffer {
	paddr_t addr;
	uint32_t width, height; // pixels, or characters; width 0 = there is none
	uint32_t pitch; // bytes from one line to the next
	uint8_t bytes_per_pixel; // 2, 3 or 4
	struct framebuffer_field red, green, blue;
	bool is_text; // 2 bytes a character, no colour fields
};
