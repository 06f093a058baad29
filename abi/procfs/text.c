// SPDX-License-Identifier: MIT
// A text that grows by doubling.
#include "text.h"

#include <lib/bitmap.h>
#include <lib/format.h>
#include <lib/string.h>
#include <mm/slab.h>

#define SIZE_FIRST 512u
#define SIZE_MAX_TEXT MIB(4)

static bool make_room(struct text *text, size_t len)
{
	if (text->has_failed || len > SIZE_MAX_TEXT - text->len)
		return false;
	size_t size = text->size ? text->size : SIZE_FIRST;
	while (size < text->len + len)
		size *= 2;
	if (size == text->size)
		return true;
	char *data = krealloc(text->data, size);
	if (!data)
		return false;
	text->data = data;
	text->size = size;
	return true;
}

void text_put(struct text *text, const void *data, size_t len)
{
	if (!make_room(text, len)) {
		text->has_failed = true;
		return;
	}
	memcpy(text->data + text->len, data, len);
	text->len += len;
}

static void put_piece(void *arg, const char *piece, size_t len)
{
	text_put(arg, piece, len);
}

void text_printf(struct text *text, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fmt_print(put_piece, text, fmt, ap);
	va_end(ap);
}

void text_put_escaped(struct text *text, const char *name, const char *special)
{
	for (; *name; name++) {
		if (strchr(special, *name))
			text_printf(text, "\\%03o", (unsigned char)*name);
		else
			text_put(text, name, 1);
	}
}

void text_put_list(struct text *text, const unsigned long *map, size_t bits)
{
	const char *comma = "";
	size_t first = bitmap_find_next_set(map, bits, 0);
	while (first < bits) {
		size_t end = bitmap_find_next_zero(map, bits, first);
		text_printf(text, end - first > 1 ? "%s%zu-%zu" : "%s%zu", comma, first, end - 1);
		comma = ",";
		first = bitmap_find_next_set(map, bits, end);
	}
}

void text_put_mask(struct text *text, const unsigned long *map, size_t bits)
{
	for (size_t group = (bits + 31) / 32; group-- > 0;) {
		size_t bit = group * 32, left = bits - bit;
		uint32_t word = (uint32_t)(map[bit / BITS_PER_LONG] >> bit % BITS_PER_LONG);
		int digits = left < 32 ? (int)(left + 3) / 4 : 8;
		text_printf(text, "%0*x%s", digits, word, group ? "," : "");
	}
}

void text_free(struct text *text)
{
	kfree(text->data);
	*text = (struct text){0};
}
