// SPDX-License-Identifier: MIT
// printf for the kernel: %d %i %u %x %X %o %c %s %p %%, the flags - 0 + space #, width and
// precision (also *), and the lengths hh h l ll z t j. No floating point; %n is not accepted.
#pragma once

#include <lib/types.h>

#include <stdarg.h>

/** Receives a piece of the formatted text. */
typedef void (*fmt_put_fn)(void *arg, const char *text, size_t len);

/** Format through @put. Returns the number of bytes put. */
size_t fmt_print(fmt_put_fn put, void *arg, const char *fmt, va_list ap) printf_like(3, 0);

/** Format into @buf of @size bytes, terminated when @size > 0.
 *  Returns the length it would have had: truncated when >= @size. */
size_t fmt_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap) printf_like(3, 0);
size_t fmt_snprintf(char *buf, size_t size, const char *fmt, ...) printf_like(3, 4);
