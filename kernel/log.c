// SPDX-License-Identifier: MIT
// The kernel log and the way to the console.
//
// One lock covers ring and device, so that lines never mix. It is taken with interrupts off and
// nothing else is taken under it: anybody may log from anywhere. A panic goes round it.
//
// Framed mode (console.framed=1, docs/exec.md): several streams share the console, each piece
// announced by 0x1e and a letter. The kernel's lines are stream K; the bytes of programs pass
// through unchanged, but the last letter is remembered and repeated after a line of the kernel, so
// that a line in the middle of a stream does not swallow what follows.
#include <hal/console.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/panic.h>
#include <kernel/param.h>
#include <kernel/time.h>
#include <lib/format.h>
#include <lib/string.h>

#define RING_SIZE KIB(32)
#define LINE_MAX_BYTES 256
#define FRAME 0x1e

static struct spinlock lock = SPINLOCK_INIT;
static char ring[RING_SIZE]; // lock
static uint64_t ring_end; // bytes ever written (lock)
static enum log_level console_level = LOG_INFO;
static bool is_framed;
static char stream = 'K'; // letter of the stream whose bytes pass (lock)
static bool saw_frame_byte; // the last byte that passed was a lone 0x1e (lock)

static void device_write(const char *text, size_t len)
{
	if (hal_console)
		hal_console->write(text, len);
}

/** Text of the kernel for @console, with "\r\n" for "\n". */
static void print_lines(const struct console_ops *console, const char *text, size_t len)
{
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t n = newline ? (size_t)(newline - text) : len;
		console->write(text, n);
		if (newline) {
			console->write("\r\n", 2);
			n++;
		}
		text += n;
		len -= n;
	}
}

/** Text of the kernel; where the console is framed, for a program at the far end. */
static void print_text(const char *text, size_t len)
{
	if (is_framed)
		device_write(text, len);
	else if (hal_console)
		print_lines(hal_console, text, len);
}

/** The same for the other console, which is never framed. */
static void print_other(const char *text, size_t len)
{
	if (hal_console_other_has_log)
		print_lines(hal_console_other, text, len);
}

static void ring_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring[ring_end++ % RING_SIZE] = text[i];
}

/** Announce a stream; a pair of FRAME and letter that is half out is finished by its writer. */
static void announce(char letter)
{
	char frame[2] = {FRAME, letter};
	device_write(frame, 2);
}

static void print_line(const char *line, size_t len)
{
	if (!is_framed) {
		print_text(line, len);
		return;
	}
	// Not between 0x1e and its letter: that line stays in the ring only.
	if (saw_frame_byte)
		return;
	announce('K');
	print_text(line, len);
	announce(stream);
}

void log_init(void)
{
	const char *framed = param_get("console.framed");
	is_framed = framed && strcmp(framed, "0") != 0;
	if (param_is_set("quiet"))
		console_level = LOG_WARNING;
	if (param_is_set("debug"))
		console_level = LOG_DEBUG;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	nsec_t now = time_now();
	size_t n = fmt_snprintf(line, sizeof(line), "[%5llu.%06llu] ",
				(unsigned long long)(now / NSEC_PER_SEC),
				(unsigned long long)(now % NSEC_PER_SEC / NSEC_PER_USEC));
	va_list ap;
	va_start(ap, fmt);
	n += fmt_vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	n = min(n, sizeof(line) - 2);
	line[n++] = '\n';

	irqflags_t flags = spin_lock_irqsave(&lock);
	ring_write(line, n);
	if (level <= console_level) {
		print_line(line, n);
		print_other(line, n);
	}
	spin_unlock_irqrestore(&lock, flags);
}

void log_set_console_level(enum log_level level)
{
	console_level = level;
}

void log_extent(uint64_t *oldest, uint64_t *end)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	*end = ring_end;
	*oldest = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
	spin_unlock_irqrestore(&lock, flags);
}

size_t log_read(uint64_t *pos, char *buf, size_t len)
{
	irqflags_t flags = spin_lock_irqsave(&lock);
	uint64_t oldest = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
	if (*pos < oldest)
		*pos = oldest;
	size_t n = 0;
	while (n < len && *pos < ring_end)
		buf[n++] = ring[(*pos)++ % RING_SIZE];
	spin_unlock_irqrestore(&lock, flags);
	return n;
}

/** Follow the frames in the bytes of programs (lock held). */
static void track_stream(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (saw_frame_byte) {
			saw_frame_byte = false;
			if (text[i] >= 'A' && text[i] <= 'Z' && text[i] != 'X' && text[i] != 'R')
				stream = text[i];
		} else if (text[i] == FRAME) {
			saw_frame_byte = true;
		}
	}
}

void console_write(const struct console_ops *console, const char *text, size_t len)
{
	if (!console)
		return;
	irqflags_t flags = spin_lock_irqsave(&lock);
	if (is_framed && console == hal_console)
		track_stream(text, len);
	console->write(text, len);
	spin_unlock_irqrestore(&lock, flags);
}

static void put_panic_text(void *arg, const char *text, size_t len)
{
	(void)arg;
	ring_write(text, len);
	print_text(text, len);
	print_other(text, len);
}

void console_panic_printf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fmt_print(put_panic_text, NULL, fmt, ap);
	va_end(ap);
}

void console_panic_begin(void)
{
	print_other("\n", 1);
	print_text("\n", 1); // completes a pair of FRAME and letter that is half out
	if (is_framed)
		announce('K');
}
