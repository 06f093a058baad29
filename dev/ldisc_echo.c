// SPDX-License-Identifier: MIT
// The line discipline's way out: output processing, echo, the picture of erasing. Both kinds of
// output keep the column, by which tabs are expanded and erased.
#include "ldisc_echo.h"

#define TAB 8
#define EXPANSION_MAX 8 // bytes that one byte becomes, at most

static bool is_control(uint8_t c)
{
	return c < 0x20 || c == 0x7f;
}

/** Column after printing an ordinary byte. */
static void advance(struct ldisc *ldisc, uint8_t c)
{
	bool is_continuation = (ldisc->termios.iflag & IUTF8) && (c & 0xc0) == 0x80;
	if (!is_control(c) && !is_continuation)
		ldisc->column++;
}

static size_t output_newline(struct ldisc *ldisc, char *to)
{
	uint32_t oflag = ldisc->termios.oflag;
	if (oflag & (ONLRET | ONLCR))
		ldisc->column = 0;
	ldisc->line_column = ldisc->column;
	if (oflag & ONLCR) {
		to[0] = '\r';
		to[1] = '\n';
		return 2;
	}
	to[0] = '\n';
	return 1;
}

static size_t output_return(struct ldisc *ldisc, char *to)
{
	uint32_t oflag = ldisc->termios.oflag;
	if ((oflag & ONOCR) && ldisc->column == 0)
		return 0;
	to[0] = oflag & OCRNL ? '\n' : '\r';
	if (!(oflag & OCRNL) || (oflag & ONLRET))
		ldisc->line_column = ldisc->column = 0;
	return 1;
}

static size_t output_tab(struct ldisc *ldisc, char *to)
{
	unsigned spaces = TAB - ldisc->column % TAB;
	ldisc->column += spaces;
	if ((ldisc->termios.oflag & TABDLY) != XTABS) {
		to[0] = '\t';
		return 1;
	}
	for (unsigned i = 0; i < spaces; i++)
		to[i] = ' ';
	return spaces;
}

/** What @c becomes, at most EXPANSION_MAX bytes at @to. */
static size_t output_byte(struct ldisc *ldisc, uint8_t c, char *to)
{
	if (c == '\n')
		return output_newline(ldisc, to);
	if (c == '\r')
		return output_return(ldisc, to);
	if (c == '\t')
		return output_tab(ldisc, to);
	if (c == '\b' && ldisc->column > 0)
		ldisc->column--;
	if ((ldisc->termios.oflag & OLCUC) && c >= 'a' && c <= 'z')
		c = (uint8_t)(c + 'A' - 'a');
	advance(ldisc, c);
	to[0] = (char)c;
	return 1;
}

size_t ldisc_output(struct ldisc *ldisc, const uint8_t *from, size_t len, size_t *used, char *to,
		    size_t size)
{
	bool is_processed = ldisc->termios.oflag & OPOST;
	size_t made = 0, i = 0;
	for (; i < len && made + (is_processed ? EXPANSION_MAX : 1) <= size; i++) {
		if (is_processed)
			made += output_byte(ldisc, from[i], to + made);
		else
			to[made++] = (char)from[i];
	}
	*used = i;
	return made;
}

void echo_raw(struct ldisc *ldisc, uint8_t c)
{
	char text[EXPANSION_MAX];
	size_t used;
	size_t len = ldisc_output(ldisc, &c, 1, &used, text, sizeof(text));
	ldisc->ops->echo(ldisc, text, len);
}

void echo_char(struct ldisc *ldisc, uint8_t c)
{
	if (!(ldisc->termios.lflag & ECHOCTL) || !is_control(c) || c == '\t') {
		echo_raw(ldisc, c);
		return;
	}
	char text[2] = {'^', (char)(c ^ 0100)};
	ldisc->column += 2;
	ldisc->ops->echo(ldisc, text, 2);
}

void echo_finish_erasing(struct ldisc *ldisc)
{
	if (!ldisc->is_erasing)
		return;
	ldisc->is_erasing = false;
	echo_raw(ldisc, '/');
}

static void back_over(struct ldisc *ldisc)
{
	if (ldisc->column > 0)
		ldisc->column--;
	ldisc->ops->echo(ldisc, "\b \b", 3);
}

/** Go back over a tab that stood at the line's end: the columns before it tell how wide it was.
 *  */
static void erase_tab(struct ldisc *ldisc)
{
	unsigned columns = 0;
	bool after_tab = false;
	for (uint32_t at = ldisc->head; at != ldisc->committed && !after_tab; at--) {
		uint8_t c = ldisc->bytes[(at - 1) % LDISC_INPUT];
		if (c == '\t')
			after_tab = true;
		else if (is_control(c))
			columns += ldisc->termios.lflag & ECHOCTL ? 2 : 0;
		else if (!((ldisc->termios.iflag & IUTF8) && (c & 0xc0) == 0x80))
			columns++;
	}
	if (!after_tab)
		columns += ldisc->line_column;
	for (unsigned n = TAB - columns % TAB; n > 0; n--) {
		if (ldisc->column > 0)
			ldisc->column--;
		ldisc->ops->echo(ldisc, "\b", 1);
	}
}

void echo_erase(struct ldisc *ldisc, uint32_t from, uint32_t to, bool by_key)
{
	uint32_t lflag = ldisc->termios.lflag;
	uint8_t c = ldisc->bytes[from % LDISC_INPUT];
	if (lflag & ECHOPRT) {
		if (!ldisc->is_erasing)
			echo_raw(ldisc, '\\');
		ldisc->is_erasing = true;
		for (uint32_t at = from; at != to; at++)
			echo_char(ldisc, ldisc->bytes[at % LDISC_INPUT]);
	} else if (by_key && !(lflag & ECHOE)) {
		echo_char(ldisc, ldisc->termios.cc[VERASE]);
	} else if (c == '\t') {
		erase_tab(ldisc);
	} else if (!is_control(c)) {
		back_over(ldisc);
	} else if (lflag & ECHOCTL) {
		back_over(ldisc);
		back_over(ldisc);
	}
}
