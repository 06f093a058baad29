// SPDX-License-Identifier: MIT
// The screen of a text terminal: characters into cells, scrolling, erasing. What is erased takes the
// background that is set, as on Linux's console.
#include "vt_screen.h"

#include <lib/string.h>

static void touch(struct vt *vt, unsigned from, unsigned end)
{
	vt->dirty_top = min(vt->dirty_top, from);
	vt->dirty_end = max(vt->dirty_end, end);
}

void vt_clean(struct vt *vt)
{
	vt->dirty_top = vt->rows;
	vt->dirty_end = 0;
}

void vt_touch_all(struct vt *vt)
{
	touch(vt, 0, vt->rows);
}

static uint8_t pen_colours(const struct vt_pen *pen)
{
	uint8_t fg = pen->fg < 8 && pen->is_bold ? pen->fg + 8 : pen->fg;
	uint8_t bg = pen->bg;
	if (pen->is_reverse) {
		uint8_t old = fg;
		fg = bg;
		bg = old;
	}
	if (pen->is_hidden)
		fg = bg;
	return (uint8_t)(fg | bg << 4);
}

static struct vt_cell blank(const struct vt *vt)
{
	struct vt_pen pen = {.fg = vt->pen.fg, .bg = vt->pen.bg};
	return (struct vt_cell){.ch = ' ', .colours = pen_colours(&pen)};
}

void vt_erase(struct vt *vt, unsigned y, unsigned from, unsigned end)
{
	struct vt_cell *row = vt_row(vt, y), cell = blank(vt);
	for (unsigned x = from; x < end && x < vt->columns; x++)
		row[x] = cell;
	touch(vt, y, y + 1);
}

void vt_erase_rows(struct vt *vt, unsigned from, unsigned end)
{
	for (unsigned y = from; y < end && y < vt->rows; y++)
		vt_erase(vt, y, 0, vt->columns);
}

static void copy_rows(struct vt *vt, unsigned to, unsigned from, unsigned count)
{
	memmove(vt_row(vt, to), vt_row(vt, from), (size_t)count * vt->columns * sizeof(*vt->cells));
}

void vt_scroll_up(struct vt *vt, unsigned top, unsigned count)
{
	unsigned height = vt->bottom + 1 - top;
	count = min(max(count, 1u), height);
	copy_rows(vt, top, top + count, height - count);
	touch(vt, top, vt->bottom + 1);
	vt_erase_rows(vt, vt->bottom + 1 - count, vt->bottom + 1);
}

void vt_scroll_down(struct vt *vt, unsigned top, unsigned count)
{
	unsigned height = vt->bottom + 1 - top;
	count = min(max(count, 1u), height);
	copy_rows(vt, top + count, top, height - count);
	touch(vt, top, vt->bottom + 1);
	vt_erase_rows(vt, top, top + count);
}

void vt_insert_cells(struct vt *vt, unsigned count)
{
	struct vt_cell *at = vt_row(vt, vt->y) + vt->x;
	unsigned left = vt->columns - vt->x;
	count = min(max(count, 1u), left);
	memmove(at + count, at, (left - count) * sizeof(*at));
	vt_erase(vt, vt->y, vt->x, vt->x + count);
}

void vt_delete_cells(struct vt *vt, unsigned count)
{
	struct vt_cell *at = vt_row(vt, vt->y) + vt->x;
	unsigned left = vt->columns - vt->x;
	count = min(max(count, 1u), left);
	memmove(at, at + count, (left - count) * sizeof(*at));
	vt_erase(vt, vt->y, vt->columns - count, vt->columns);
}

void vt_move_to(struct vt *vt, unsigned x, unsigned y)
{
	touch(vt, vt->y, vt->y + 1);
	vt->x = min(x, vt->columns - 1);
	vt->y = min(y, vt->rows - 1);
	vt->is_wrap_due = false;
	touch(vt, vt->y, vt->y + 1);
}

void vt_line_feed(struct vt *vt)
{
	if (vt->y == vt->bottom)
		vt_scroll_up(vt, vt->top, 1);
	else
		vt_move_to(vt, vt->x, vt->y + 1);
	vt->is_wrap_due = false;
}

void vt_reverse_feed(struct vt *vt)
{
	if (vt->y == vt->top)
		vt_scroll_down(vt, vt->top, 1);
	else if (vt->y > 0)
		vt_move_to(vt, vt->x, vt->y - 1);
}

void vt_put(struct vt *vt, uint16_t ch)
{
	if (vt->is_wrap_due) {
		vt->x = 0;
		vt_line_feed(vt);
	}
	if (vt->inserts)
		vt_insert_cells(vt, 1);
	vt_row(vt, vt->y)[vt->x] = (struct vt_cell){
		.ch = ch,
		.colours = pen_colours(&vt->pen),
		.is_underlined = vt->pen.is_underlined,
	};
	touch(vt, vt->y, vt->y + 1);
	vt->last_char = ch;
	if (vt->x + 1 < vt->columns)
		vt->x++;
	else
		vt->is_wrap_due = vt->wraps;
}

void vt_screen_reset(struct vt *vt)
{
	vt->x = vt->y = 0;
	vt->is_wrap_due = vt->inserts = false;
	vt->is_cursor_on = vt->wraps = true;
	vt->top = 0;
	vt->bottom = vt->rows - 1;
	vt->pen = (struct vt_pen){.fg = 7};
	vt->graphics = vt->shift = 0;
	memset(&vt->saved, 0, sizeof(vt->saved));
	vt->saved.pen = vt->pen;
	vt->last_char = ' ';
	vt_erase_rows(vt, 0, vt->rows);
}
