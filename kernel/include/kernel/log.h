// SPDX-License-Identifier: MIT
// The kernel log: a ring of the last lines (also /dev/kmsg and syslog(2)), printed on the console as
// it grows. One call is one line, without a newline: "[    0.012345] mm: 251 MiB free".
#pragma once

#include <lib/types.h>

enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/** Lines of a level above @level are kept but not printed. Default LOG_INFO; "quiet" sets 4. */
void log_set_console_level(enum log_level level);

/** Copy log text starting at byte position *@pos (advanced; positions grow for ever, the oldest are
 *  lost) into @buf. Returns the bytes copied, 0 at the end. */
size_t log_read(uint64_t *pos, char *buf, size_t len);
/** Position of the oldest byte still there, and of the end. */
void log_extent(uint64_t *oldest, uint64_t *end);

struct console_ops;

/** Bytes to @console (NULL: nowhere), serialised with the log: what its tty writes. In framed mode
 *  (console.framed=1) log lines go out on hal_console as frames of their own (docs/exec.md). */
void console_write(const struct console_ops *console, const char *text, size_t len);
/** Print formatted text through a panic: no locks, no ring. */
void console_panic_printf(const char *fmt, ...) printf_like(1, 2);
/** Start a panic screen: on a line, and a stream, of its own. */
void console_panic_begin(void);
