// SPDX-License-Identifier: MIT
// The line discipline: input, editing, reading. Output and echo are in ldisc_echo.c.
//
// Control characters with the value 0 are switched off (_POSIX_VDISABLE), so byte 0 never matches
// one.
#include "ldisc.h"

#include <lib/string.h>
#include <uapi/signal.h>

#include "ldisc_echo.h"

#define DISABLED 0
enum { LINE_END = 1, LINE_EOF = 2 };

static const struct termios2 default_termios = {
	.iflag = ICRNL | IXON,
	.oflag = OPOST | ONLCR,
	.cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL,
	.lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
	.cc = {[VINTR] = 003, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 004,
	       [VMIN] = 1, [VSTART] = 021, [VSTOP] = 023, [VSUSP] = 032, [VREPRINT] = 022,
	       [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026},
	.ispeed = 115200,
	.ospeed = 115200,
};

void ldisc_init(struct ldisc *ldisc, const struct ldisc_ops *ops)
{
	memset(ldisc, 0, sizeof(*ldisc));
	ldisc->ops = ops;
	ldisc->termios = default_termios;
}

static uint32_t input_used(const struct ldisc *ldisc)
{
	return ldisc->head - ldisc->tail;
}

void ldisc_set_stopped(struct ldisc *ldisc, bool is_stopped)
{
	if (ldisc->is_stopped == is_stopped)
		return;
	ldisc->is_stopped = is_stopped;
	ldisc->ops->set_stopped(ldisc, is_stopped);
}

void ldisc_set_termios(struct ldisc *ldisc, const struct termios2 *termios)
{
	uint32_t changed = ldisc->termios.lflag ^ termios->lflag;
	ldisc->termios = *termios;
	if (changed & ICANON) {
		memset(ldisc->ends, 0, sizeof(ldisc->ends));
		ldisc->is_literal = ldisc->is_erasing = false;
		// What was typed before is one line, though no newline ends it.
		if (ldisc_is_canonical(ldisc) && input_used(ldisc))
			ldisc->ends[(ldisc->head - 1) % LDISC_INPUT] = LINE_END;
		ldisc->committed = ldisc->head;
	}
	if (!(termios->iflag & IXON))
		ldisc_set_stopped(ldisc, false);
}

void ldisc_flush_input(struct ldisc *ldisc)
{
	ldisc->tail = ldisc->committed = ldisc->head;
	memset(ldisc->ends, 0, sizeof(ldisc->ends));
	ldisc->is_literal = ldisc->is_erasing = false;
}

static bool is_key(const struct ldisc *ldisc, uint8_t c, unsigned index)
{
	return c != DISABLED && c == ldisc->termios.cc[index];
}

static bool has_lflag(const struct ldisc *ldisc, uint32_t flag)
{
	return ldisc->termios.lflag & flag;
}

static void put_byte(struct ldisc *ldisc, uint8_t c, uint8_t end)
{
	ldisc->bytes[ldisc->head % LDISC_INPUT] = c;
	ldisc->ends[ldisc->head % LDISC_INPUT] = end;
	ldisc->head++;
}

static void end_line(struct ldisc *ldisc, uint8_t c, uint8_t end)
{
	put_byte(ldisc, c, end);
	ldisc->committed = ldisc->head;
}

/** An ordinary byte: echo it and keep it. One place is left for a line's end. */
static void receive_plain(struct ldisc *ldisc, uint8_t c)
{
	// 0xff announces a byte that PARMRK marks, so it is doubled itself.
	unsigned copies = (ldisc->termios.iflag & PARMRK) && c == 0xff ? 2 : 1;
	if (input_used(ldisc) + copies >= LDISC_INPUT) {
		if (ldisc->termios.iflag & IMAXBEL)
			ldisc->ops->echo(ldisc, "\a", 1);
		return;
	}
	if (has_lflag(ldisc, ECHO)) {
		echo_finish_erasing(ldisc);
		if (ldisc->head == ldisc->committed)
			ldisc->line_column = ldisc->column;
		if (c == '\n')
			echo_raw(ldisc, '\n');
		else
			echo_char(ldisc, c);
	}
	for (unsigned i = 0; i < copies; i++)
		put_byte(ldisc, c, 0);
}

/** The whole line, without a picture of each byte's disappearance. */
static void kill_line(struct ldisc *ldisc, uint8_t c)
{
	ldisc->head = ldisc->committed;
	if (!has_lflag(ldisc, ECHO))
		return;
	echo_finish_erasing(ldisc);
	echo_char(ldisc, c);
	if (has_lflag(ldisc, ECHOK))
		echo_raw(ldisc, '\n');
}

static bool is_continuation(const struct ldisc *ldisc, uint8_t c)
{
	return (ldisc->termios.iflag & IUTF8) && (c & 0xc0) == 0x80;
}

static bool is_word_byte(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '_' || c >= 0x80;
}

/** First byte of the last character of the line, which is not empty. */
static uint32_t last_char(const struct ldisc *ldisc)
{
	uint32_t at = ldisc->head - 1;
	while (at != ldisc->committed && is_continuation(ldisc, ldisc->bytes[at % LDISC_INPUT]))
		at--;
	return at;
}

/** VERASE, VWERASE and VKILL: @key is the index of one of them. */
static void erase(struct ldisc *ldisc, unsigned key, uint8_t c)
{
	const uint32_t by_char = ECHO | ECHOK | ECHOKE | ECHOE;
	bool seen_word = false;
	if (ldisc->head == ldisc->committed)
		return;
	if (key == VKILL && (ldisc->termios.lflag & by_char) != by_char) {
		kill_line(ldisc, c);
		return;
	}
	while (ldisc->head != ldisc->committed) {
		uint32_t at = last_char(ldisc);
		uint8_t gone = ldisc->bytes[at % LDISC_INPUT];
		if (key == VWERASE && !is_word_byte(gone) && seen_word)
			break;
		seen_word |= is_word_byte(gone);
		uint32_t end = ldisc->head;
		ldisc->head = at;
		if (has_lflag(ldisc, ECHO))
			echo_erase(ldisc, at, end, key == VERASE);
		if (key == VERASE)
			break;
	}
	if (ldisc->head == ldisc->committed && has_lflag(ldisc, ECHO))
		echo_finish_erasing(ldisc);
}

static void reprint(struct ldisc *ldisc, uint8_t c)
{
	echo_finish_erasing(ldisc);
	echo_char(ldisc, c);
	echo_raw(ldisc, '\n');
	for (uint32_t at = ldisc->committed; at != ldisc->head; at++)
		echo_char(ldisc, ldisc->bytes[at % LDISC_INPUT]);
}

/** Keys that only canonical mode knows. True: @c was one. */
static bool receive_editing(struct ldisc *ldisc, uint8_t c)
{
	bool has_extensions = has_lflag(ldisc, IEXTEN);
	if (is_key(ldisc, c, VERASE)) {
		erase(ldisc, VERASE, c);
	} else if (is_key(ldisc, c, VKILL)) {
		erase(ldisc, VKILL, c);
	} else if (is_key(ldisc, c, VWERASE) && has_extensions) {
		erase(ldisc, VWERASE, c);
	} else if (is_key(ldisc, c, VLNEXT) && has_extensions) {
		ldisc->is_literal = true;
		if (has_lflag(ldisc, ECHO)) {
			echo_finish_erasing(ldisc);
			if (has_lflag(ldisc, ECHOCTL))
				ldisc->ops->echo(ldisc, "^\b", 2);
		}
	} else if (is_key(ldisc, c, VREPRINT) && has_extensions && has_lflag(ldisc, ECHO)) {
		reprint(ldisc, c);
	} else {
		return false;
	}
	return true;
}

/** The ends of a line in canonical mode. True: @c was one. */
static bool receive_line_end(struct ldisc *ldisc, uint8_t c)
{
	if (c == '\n') {
		if (has_lflag(ldisc, ECHO | ECHONL))
			echo_raw(ldisc, '\n');
		end_line(ldisc, c, LINE_END);
		return true;
	}
	if (is_key(ldisc, c, VEOF)) {
		end_line(ldisc, DISABLED, LINE_EOF);
		return true;
	}
	if (is_key(ldisc, c, VEOL) || (is_key(ldisc, c, VEOL2) && has_lflag(ldisc, IEXTEN))) {
		if (has_lflag(ldisc, ECHO))
			echo_char(ldisc, c);
		end_line(ldisc, c, LINE_END);
		return true;
	}
	return false;
}

static bool receive_signal(struct ldisc *ldisc, uint8_t c)
{
	int signo = is_key(ldisc, c, VINTR) ? SIGINT
		    : is_key(ldisc, c, VQUIT) ? SIGQUIT
		    : is_key(ldisc, c, VSUSP) ? SIGTSTP
					      : 0;
	if (!signo)
		return false;
	if (!has_lflag(ldisc, NOFLSH)) {
		ldisc_flush_input(ldisc);
		ldisc->ops->flush_output(ldisc);
	}
	if (ldisc->termios.iflag & IXON)
		ldisc_set_stopped(ldisc, false);
	if (has_lflag(ldisc, ECHO))
		echo_char(ldisc, c);
	ldisc->ops->signal(ldisc, signo);
	return true;
}

static bool receive_flow(struct ldisc *ldisc, uint8_t c)
{
	if (is_key(ldisc, c, VSTART)) {
		ldisc_set_stopped(ldisc, false);
		return true;
	}
	if (is_key(ldisc, c, VSTOP)) {
		ldisc_set_stopped(ldisc, true);
		return true;
	}
	return false;
}

static uint8_t to_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}

static void receive_byte(struct ldisc *ldisc, uint8_t c)
{
	uint32_t iflag = ldisc->termios.iflag;
	if (iflag & ISTRIP)
		c &= 0x7f;
	if ((iflag & IUCLC) && has_lflag(ldisc, IEXTEN))
		c = to_lower(c);
	if (has_lflag(ldisc, EXTPROC) || ldisc->is_literal) {
		ldisc->is_literal = false;
		receive_plain(ldisc, c);
		return;
	}
	if (ldisc->is_stopped && (iflag & (IXON | IXANY)) == (IXON | IXANY) &&
	    !is_key(ldisc, c, VSTOP))
		ldisc_set_stopped(ldisc, false);
	if ((iflag & IXON) && receive_flow(ldisc, c))
		return;
	if (has_lflag(ldisc, ISIG) && receive_signal(ldisc, c))
		return;
	if (c == '\r') {
		if (iflag & IGNCR)
			return;
		if (iflag & ICRNL)
			c = '\n';
	} else if (c == '\n' && (iflag & INLCR)) {
		c = '\r';
	}
	if (ldisc_is_canonical(ldisc) &&
	    (receive_editing(ldisc, c) || receive_line_end(ldisc, c)))
		return;
	receive_plain(ldisc, c);
}

/** Nothing more can be taken until somebody reads: an unfinished line may overflow, for reading
 *  would not help it. */
static bool is_full(const struct ldisc *ldisc)
{
	bool can_be_read = !ldisc_is_canonical(ldisc) || ldisc->committed != ldisc->tail;
	return can_be_read && input_used(ldisc) >= LDISC_INPUT - 2;
}

size_t ldisc_receive(struct ldisc *ldisc, const uint8_t *bytes, size_t len)
{
	size_t i = 0;
	while (i < len && !is_full(ldisc))
		receive_byte(ldisc, bytes[i++]);
	if (!ldisc_is_canonical(ldisc))
		ldisc->committed = ldisc->head;
	return i;
}

bool ldisc_has_input(const struct ldisc *ldisc, unsigned amount)
{
	return ldisc_is_canonical(ldisc) ? ldisc->committed != ldisc->tail
					 : input_used(ldisc) >= amount;
}

uint32_t ldisc_input_count(const struct ldisc *ldisc)
{
	if (!ldisc_is_canonical(ldisc))
		return input_used(ldisc);
	uint32_t count = 0;
	for (uint32_t at = ldisc->tail; at != ldisc->committed; at++)
		count += ldisc->ends[at % LDISC_INPUT] != LINE_EOF;
	return count;
}

size_t ldisc_read(struct ldisc *ldisc, uint8_t *to, size_t len, bool *is_end)
{
	bool is_canonical = ldisc_is_canonical(ldisc);
	uint32_t limit = is_canonical ? ldisc->committed : ldisc->head;
	size_t n = 0;
	*is_end = false;
	while (n < len && ldisc->tail != limit && !*is_end) {
		uint32_t at = ldisc->tail++ % LDISC_INPUT;
		*is_end = is_canonical && ldisc->ends[at];
		if (!is_canonical || ldisc->ends[at] != LINE_EOF)
			to[n++] = ldisc->bytes[at];
		ldisc->ends[at] = 0;
	}
	// VEOF right behind what was asked for only pushed it: the next read is not end of file.
	uint8_t *next_end = &ldisc->ends[ldisc->tail % LDISC_INPUT];
	bool has_stopped_inside = is_canonical && n && !*is_end && ldisc->tail != limit;
	if (has_stopped_inside && *next_end == LINE_EOF) {
		*next_end = 0;
		ldisc->tail++;
		*is_end = true;
	}
	return n;
}
