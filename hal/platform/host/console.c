// SPDX-License-Identifier: MIT
// The console of the laboratory: standard output and, polled, standard input.
#include <hal/console.h>

#include <poll.h>
#include <unistd.h>

static void console_write(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n <= 0)
			return; // nobody reads
		text += n;
		len -= (size_t)n;
	}
}

static int console_read(void)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
	unsigned char c;

	if (poll(&fd, 1, 0) != 1 || read(STDIN_FILENO, &c, 1) != 1)
		return -1;
	return c;
}

static uint32_t console_irq(void)
{
	return UINT32_MAX;
}

static void console_enable_input(void)
{
}

static const struct console_ops console = {
	.name = "stdio",
	.write = console_write,
	.read = console_read,
	.input_irq = console_irq,
	.enable_input = console_enable_input,
};
const struct console_ops *hal_console;

void hal_console_init(void)
{
	hal_console = &console;
}
