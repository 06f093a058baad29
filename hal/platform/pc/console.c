// SPDX-License-Identifier: MIT
// The console of a PC: console=ttyS0 .. ttyS3 (words after a comma are ignored: the speed is
// 115200), ttyS0 when nothing is said or what is said is not there.
#include <drivers/ns16550.h>
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <lib/string.h>

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

/** What stands behind the last "console=" of the command line; NULL. */
static const char *console_word(void)
{
	const char *word = NULL;
	const char *at = bootinfo.cmdline;

	while ((at = strchr(at, 'c'))) {
		bool is_start = at == bootinfo.cmdline || at[-1] == ' ';
		if (is_start && str_has_prefix(at, "console="))
			word = at + strlen("console=");
		at++;
	}
	return word;
}

static bool is_word(const char *at, const char *name)
{
	char end = at[strnlen(at, strlen(name))];
	return str_has_prefix(at, name) && (end == 0 || end == ' ' || end == ',');
}

void hal_console_init(void)
{
	const char *wanted = console_word();

	for (unsigned i = 0; wanted && i < array_len(uarts) && !hal_console; i++) {
		if (is_word(wanted, uarts[i].name))
			hal_console = ns16550_init_port(uarts[i].port, uarts[i].name, uarts[i].irq);
	}
	if (hal_console)
		return;
	hal_console = ns16550_init_port(uarts[0].port, uarts[0].name, uarts[0].irq);
	if (wanted)
		bootinfo_warn("console=%.16s is not here: using %s", wanted,
			      hal_console ? hal_console->name : "none");
}
