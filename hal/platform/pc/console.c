// SPDX-License-Identifier: MIT
// The consoles of a PC: a serial port, and the screen with the keyboard. `console=` may be said several
// times: ttyS0 .. ttyS3 (words after a comma are ignored: the speed is 115200), tty0 or tty1 for the
// screen. The last one is /dev/console; the log goes to all that are named. Without the word: to the
// screen, where there is one, and to ttyS0.
#include <drivers/ns16550.h>
#include <drivers/pc.h>
#include <drivers/pc_i8042.h>
#include <drivers/pc_text.h>
#include <drivers/screen.h>
#include <hal/bootinfo.h>
#include <hal/console.h>

#include "pc.h"

const struct console_ops *hal_console;

static const struct {
	const char *name;
	uint16_t port;
	uint32_t irq;
} uarts[] = {
	{"ttyS0", 0x3f8, 4},
	{"ttyS1", 0x2f8, 3},
	{"ttyS2", 0x3e8, 4},
	{"ttyS3", 0x2e8, 3},
};

static const struct console_ops *screen, *serial;

static void init_serial(unsigned i)
{
	serial = ns16550_init_port(uarts[i].port, uarts[i].name, uarts[i].irq);
}

/** The console called @word, or NULL. There is one serial console at most. */
static const struct console_ops *named(const char *word)
{
	if (console_is_named(word, "tty0") || console_is_named(word, "tty1"))
		return screen;
	for (unsigned i = 0; i < array_len(uarts); i++) {
		if (!console_is_named(word, uarts[i].name))
			continue;
		if (!serial)
			init_serial(i);
		return serial && console_is_named(word, serial->name) ? serial : NULL;
	}
	return NULL;
}

static void choose(const struct console_ops *console)
{
	if (hal_console && hal_console != console) {
		hal_console_other = hal_console;
		hal_console_other_has_log = true;
	}
	hal_console = console;
}

static void take_unnamed(void)
{
	if (!serial)
		init_serial(0);
	if (!hal_console) {
		hal_console = serial;
		if (screen)
			choose(screen);
	} else if (!hal_console_other) {
		hal_console_other = hal_console == screen ? serial : screen;
	}
}

void hal_console_init(void)
{
	const char *at = bootinfo.cmdline, *word, *missing = NULL;

	if (bootinfo.framebuffer.width > 0)
		screen = screen_init(pc_i8042_init(), bootinfo.framebuffer.is_text ? pc_text_init() : NULL);
	while ((word = console_next_word(&at))) {
		const struct console_ops *console = named(word);
		if (console)
			choose(console);
		else
			missing = word;
	}
	take_unnamed();
	if (missing)
		console_warn_missing(missing);
}

void pc_console_route(void)
{
	if (serial && serial->input_irq() < PC_ISA_IRQS)
		ns16550_set_irq(pc_info.isa_gsi[serial->input_irq()]);
}
