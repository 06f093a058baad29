// SPDX-License-Identifier: MIT
// A text terminal's state: what bytes with ANSI escapes (as vi, top and shells send them to
// TERM=linux or vt100) make of a grid of cells. Nothing is drawn and nothing is allocated here; who
// draws reads the cells of the rows marked dirty.
#pragma once

#include <lib/types.h>

#define VT_PARAMS_MAX 16
#define VT_REPLY_MAX 32

/** One character with its final colours: 0-7 and 8-15 bright, in the order of ANSI. */
struct vt_cell {
	uint16_t ch; // Unicode, of the basic plane
	uint8_t colours; // foreground, background << 4
	uint8_t is_underlined;
};

/** What the next character will look like. */
struct vt_pen {
	uint8_t fg, bg;
	bool is_bold, is_reverse, is_underlined, is_hidden;
};

struct vt {
	struct vt_cell *cells; // rows of columns
	unsigned columns, rows;
	unsigned x, y; // the cursor, always inside
	bool is_wrap_due; // the last column was written: the next character begins a line
	bool is_cursor_on, wraps, inserts;
	unsigned top, bottom; // scrolling region, both included
	struct vt_pen pen;
	uint8_t graphics; // bit n: character set Gn is DEC's line drawing
	uint8_t shift; // n: Gn is in use
	struct {
		unsigned x, y;
		struct vt_pen pen;
		uint8_t graphics, shift;
	} saved;
	unsigned dirty_top, dirty_end; // rows changed since vt_clean(): [top, end)
	/** Answers to queries, for the input of whoever asked. */
	char reply[VT_REPLY_MAX];
	unsigned reply_len;
	// The escape sequence that is under way.
	uint8_t state;
	char prefix, intermediate;
	unsigned param_count;
	uint16_t params[VT_PARAMS_MAX];
	uint16_t last_char; // for REP
	// The UTF-8 sequence that is under way.
	uint8_t utf8_left;
	uint32_t utf8_code;
};

/** A blank screen of @rows × @columns (each at least 1), whose cells are the caller's. */
void vt_init(struct vt *vt, struct vt_cell *cells, unsigned columns, unsigned rows);
void vt_write(struct vt *vt, const char *text, size_t len);
/** All rows are drawn. */
void vt_clean(struct vt *vt);
/** Every row must be drawn again. */
void vt_touch_all(struct vt *vt);

static inline struct vt_cell *vt_row(const struct vt *vt, unsigned y)
{
	return vt->cells + (size_t)y * vt->columns;
}
