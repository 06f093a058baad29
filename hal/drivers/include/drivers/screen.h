// SPDX-License-Identifier: MIT
// The framebuffer that bootinfo names as a console with colours, ANSI escapes and a keyboard. The
// font is a PSF file in the initrd, because there it is data like any other; there is one instance.
#pragma once

#include <hal/console.h>

/** Where the initrd keeps the font. */
#define SCREEN_FONT "usr/share/consolefonts/console.psf"

/** What is typed: as in struct console_ops. */
struct keyboard_ops {
	int (*read)(void);
	uint32_t (*input_irq)(void);
	void (*enable_input)(void);
};

struct vt_cell;

/** Show @cell in the text buffer at @at. */
typedef void screen_put_fn(vaddr_t at, struct vt_cell cell);

/** The screen, called "tty1", with @keyboard (NULL: none) as its input; @put_text is for a framebuffer of
 *  characters, which needs no font. NULL: no framebuffer was given, or, with a warning, it or a font for it
 *  is out of reach. Boot CPU, after bootinfo. */
const struct console_ops *screen_init(const struct keyboard_ops *keyboard, screen_put_fn *put_text);
