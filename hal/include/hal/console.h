// SPDX-License-Identifier: MIT
// The kernel's console device: chosen by `console=`, the device tree's stdout-path or the board.
#pragma once

#include <lib/types.h>

struct console_ops {
	const char *name; // as in console=: "ttyS0", "ttyAMA0"
	/** Polled output of bytes, no translation. Any context, also in a panic. */
	void (*write)(const char *text, size_t len);
	/** One received byte or -1. */
	int (*read)(void);
	/** Interrupt at which input arrives (then call read() until -1); UINT32_MAX = none: poll. */
	uint32_t (*input_irq)(void);
	/** Turn the device's receive interrupt on. */
	void (*enable_input)(void);
	/** How much text it shows; NULL: a line that does not tell. */
	void (*size)(unsigned *columns, unsigned *rows);
};

/** The console in use; NULL before hal_console_init(), output is then dropped by the caller. */
extern const struct console_ops *hal_console;

/** A second one with a terminal of its own, or NULL. Written by hal_console_init(), as the next. */
extern const struct console_ops *hal_console_other;
/** The log goes there too. */
extern bool hal_console_other_has_log;

/** Choose and initialise. Called first thing in the boot CPU, before upcall_boot(), by the port. */
void hal_console_init(void);

/** For who chooses: what stands behind the next "console=" among the kernel's words of the command line,
 *  from *@at on, which moves (first: bootinfo.cmdline). NULL: there are no more. */
const char *console_next_word(const char **at);
/** Is @word, up to a comma or a space, @name? */
bool console_is_named(const char *word, const char *name);
/** Tell that there is no console @word, and which is used. */
void console_warn_missing(const char *word);
