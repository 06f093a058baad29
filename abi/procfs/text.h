// SPDX-License-Identifier: MIT
// A text that grows.
#pragma once

#include <lib/types.h>

struct text {
	char *data; // not terminated
	size_t len, size;
	bool has_failed; // no memory: what was put since is lost
	/** A long text is made in pieces: whoever makes it may stop once @len reaches @enough, notes in
	 *  @resume where (not 0 = there is more), and goes on from there when called again. */
	size_t enough;
	uint64_t resume;
};

void text_put(struct text *text, const void *data, size_t len);
void text_printf(struct text *text, const char *fmt, ...) printf_like(2, 3);
/** @name with blanks, backslashes and other bytes that would break a line as Linux's \ooo. */
void text_put_escaped(struct text *text, const char *name, const char *special);
/** A set of numbers below @bits as "0-3,5", and as 32-bit groups of hexadecimal digits. */
void text_put_list(struct text *text, const unsigned long *map, size_t bits);
void text_put_mask(struct text *text, const unsigned long *map, size_t bits);
void text_free(struct text *text);
