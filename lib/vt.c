// SPDX-License-Identifier: MIT
// Bytes for a text terminal, read: UTF-8, control characters, and the escape sequences of ECMA-48
// and DEC's VT100 that programs use on TERM=linux. What is not known is skipped as a whole.
#include <lib/vt.h>

#include <lib/format.h>
#include <lib/string.h>

#include "vt_screen.h"

#define REPLACEMENT 0xfffd
#define PARAM_MAX 9999

enum state {
	GROUND,
	ESCAPE,
	ESCAPE_INTERMEDIATE, // ESC ( and the like: one more byte
	CSI,
	STRING, // ESC ] and the like: until BEL or ESC
};

// DEC Special Graphics, from '_' to '~'.
static const uint16_t line_drawing[32] = {
	0x00a0, 0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b,
	0x2518, 0x2510, 0x250c, 0x2514, 0x253c, 0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c,
	0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
};

static void put_char(struct vt *vt, uint32_t code)
{
	if (vt->graphics >> vt->shift & 1 && code >= '_' && code <= '~')
		code = line_drawing[code - '_'];
	if (code > 0xffff || (code >= 0xd800 && code < 0xe000))
		code = REPLACEMENT;
	vt_put(vt, (uint16_t)code);
}

/** Parameter @i of the sequence, @absent when it was left out or 0. */
static unsigned param(const struct vt *vt, unsigned i, unsigned absent)
{
	return i < vt->param_count && vt->params[i] ? vt->params[i] : absent;
}

static void save_cursor(struct vt *vt)
{
	vt->saved.x = vt->x;
	vt->saved.y = vt->y;
	vt->saved.pen = vt->pen;
	vt->saved.graphics = vt->graphics;
	vt->saved.shift = vt->shift;
}

static void restore_cursor(struct vt *vt)
{
	vt_move_to(vt, vt->saved.x, vt->saved.y);
	vt->pen = vt->saved.pen;
	vt->graphics = vt->saved.graphics;
	vt->shift = vt->saved.shift;
}

static void reply(struct vt *vt, const char *text)
{
	size_t len = strlen(text);
	if (len > VT_REPLY_MAX - vt->reply_len)
		return;
	memcpy(vt->reply + vt->reply_len, text, len);
	vt->reply_len += (unsigned)len;
}

static void report(struct vt *vt)
{
	char text[VT_REPLY_MAX];
	if (param(vt, 0, 0) == 5) {
		reply(vt, "\033[0n");
	} else if (param(vt, 0, 0) == 6) {
		fmt_snprintf(text, sizeof(text), "\033[%u;%uR", vt->y + 1, vt->x + 1);
		reply(vt, text);
	}
}

/** The one of 8 or 16 colours that is nearest to colour @n of 256. */
static uint8_t nearest(unsigned n)
{
	if (n < 16)
		return (uint8_t)n;
	if (n >= 232)
		return n < 238 ? 8 : n < 247 ? 7 : 15;
	unsigned r = (n - 16) / 36, g = (n - 16) / 6 % 6, b = (n - 16) % 6;
	unsigned most = max(r, max(g, b));
	if (most < 2)
		return 0;
	uint8_t colour = (uint8_t)((r * 2 > most) | (g * 2 > most) << 1 | (b * 2 > most) << 2);
	return most > 3 ? colour + 8 : colour;
}

/** 38 and 48, at parameter *@i: a colour of 256 or of 16 million; which is skipped. */
static void extended_colour(struct vt *vt, unsigned *i, uint8_t *colour)
{
	unsigned kind = param(vt, *i + 1, 0);
	if (kind == 5) {
		*colour = nearest(min(param(vt, *i + 2, 0), 255u));
		*i += 2;
	} else if (kind == 2) {
		*i += 4;
	}
}

static void set_rendition(struct vt *vt)
{
	struct vt_pen *pen = &vt->pen;
	for (unsigned i = 0; i < max(vt->param_count, 1u); i++) {
		unsigned n = param(vt, i, 0);
		if (n >= 30 && n <= 37)
			pen->fg = (uint8_t)(n - 30);
		else if (n >= 40 && n <= 47)
			pen->bg = (uint8_t)(n - 40);
		else if (n >= 90 && n <= 97)
			pen->fg = (uint8_t)(n - 90 + 8);
		else if (n >= 100 && n <= 107)
			pen->bg = (uint8_t)(n - 100 + 8);
		switch (n) {
		case 0: *pen = (struct vt_pen){.fg = 7}; break;
		case 1: pen->is_bold = true; break;
		case 4: pen->is_underlined = true; break;
		case 7: pen->is_reverse = true; break;
		case 8: pen->is_hidden = true; break;
		case 2: // dim is normal here
		case 22: pen->is_bold = false; break;
		case 24: pen->is_underlined = false; break;
		case 27: pen->is_reverse = false; break;
		case 28: pen->is_hidden = false; break;
		case 38: extended_colour(vt, &i, &pen->fg); break;
		case 39: pen->fg = 7; break;
		case 48: extended_colour(vt, &i, &pen->bg); break;
		case 49: pen->bg = 0; break;
		}
	}
}

static void set_mode(struct vt *vt, bool is_on)
{
	for (unsigned i = 0; i < vt->param_count; i++) {
		if (vt->prefix == 0 && vt->params[i] == 4)
			vt->inserts = is_on;
		if (vt->prefix != '?')
			continue;
		if (vt->params[i] == 7)
			vt->wraps = is_on;
		else if (vt->params[i] == 25)
			vt->is_cursor_on = is_on;
	}
	vt_move_to(vt, vt->x, vt->y);
}

static void set_region(struct vt *vt)
{
	unsigned top = param(vt, 0, 1), bottom = min(param(vt, 1, vt->rows), vt->rows);
	if (top >= bottom)
		return;
	vt->top = top - 1;
	vt->bottom = bottom - 1;
	vt_move_to(vt, 0, 0);
}

static void erase_display(struct vt *vt)
{
	unsigned how = param(vt, 0, 0);
	if (how == 0) {
		vt_erase(vt, vt->y, vt->x, vt->columns);
		vt_erase_rows(vt, vt->y + 1, vt->rows);
	} else if (how == 1) {
		vt_erase_rows(vt, 0, vt->y);
		vt_erase(vt, vt->y, 0, vt->x + 1);
	} else {
		vt_erase_rows(vt, 0, vt->rows);
	}
	vt->is_wrap_due = false;
}

static void erase_line(struct vt *vt)
{
	unsigned how = param(vt, 0, 0);
	vt_erase(vt, vt->y, how == 0 ? vt->x : 0, how == 1 ? vt->x + 1 : vt->columns);
	vt->is_wrap_due = false;
}

/** Lines are moved only by a cursor inside the region. */
static bool is_in_region(const struct vt *vt)
{
	return vt->y >= vt->top && vt->y <= vt->bottom;
}

static void move(struct vt *vt, char final)
{
	unsigned n = param(vt, 0, 1), x = vt->x, y = vt->y;
	// Up and down stop at the region's edge when they begin inside it.
	unsigned top = y >= vt->top ? vt->top : 0;
	unsigned bottom = y <= vt->bottom ? vt->bottom : vt->rows - 1;
	switch (final) {
	case 'A': vt_move_to(vt, x, y - min(n, y - top)); break;
	case 'B':
	case 'e': vt_move_to(vt, x, min(y + n, bottom)); break;
	case 'C':
	case 'a': vt_move_to(vt, x + n, y); break;
	case 'D': vt_move_to(vt, x - min(n, x), y); break;
	case 'E': vt_move_to(vt, 0, min(y + n, bottom)); break;
	case 'F': vt_move_to(vt, 0, y - min(n, y - top)); break;
	case 'G':
	case '`': vt_move_to(vt, n - 1, y); break;
	case 'd': vt_move_to(vt, x, n - 1); break;
	case 'H':
	case 'f': vt_move_to(vt, param(vt, 1, 1) - 1, n - 1); break;
	}
}

static void repeat(struct vt *vt, unsigned count)
{
	uint16_t ch = vt->last_char;
	for (count = min(count, vt->columns * vt->rows); count > 0; count--)
		vt_put(vt, ch);
}

static void edit(struct vt *vt, char final)
{
	unsigned n = param(vt, 0, 1);
	switch (final) {
	case '@': vt_insert_cells(vt, n); break;
	case 'P': vt_delete_cells(vt, n); break;
	case 'X': vt_erase(vt, vt->y, vt->x, vt->x + min(n, vt->columns)); break;
	case 'L':
		if (is_in_region(vt))
			vt_scroll_down(vt, vt->y, n);
		break;
	case 'M':
		if (is_in_region(vt))
			vt_scroll_up(vt, vt->y, n);
		break;
	case 'S': vt_scroll_up(vt, vt->top, n); break;
	case 'T': vt_scroll_down(vt, vt->top, n); break;
	case 'b': repeat(vt, n); break;
	}
}

static void csi(struct vt *vt, char final)
{
	if (vt->intermediate)
		return;
	if (final == 'h' || final == 'l') {
		set_mode(vt, final == 'h');
		return;
	}
	if (vt->prefix)
		return;
	if (strchr("ABCDEFGHadef`", final))
		move(vt, final);
	else if (strchr("@PXLMSTb", final))
		edit(vt, final);
	switch (final) {
	case 'J': erase_display(vt); break;
	case 'K': erase_line(vt); break;
	case 'm': set_rendition(vt); break;
	case 'r': set_region(vt); break;
	case 's': save_cursor(vt); break;
	case 'u': restore_cursor(vt); break;
	case 'n': report(vt); break;
	case 'c': reply(vt, "\033[?6c"); break;
	}
}

static void begin_csi(struct vt *vt)
{
	vt->state = CSI;
	vt->prefix = vt->intermediate = 0;
	vt->param_count = 0;
	memset(vt->params, 0, sizeof(vt->params));
}

static void csi_byte(struct vt *vt, char c)
{
	if (c >= '0' && c <= '9') {
		if (vt->param_count == 0)
			vt->param_count = 1;
		uint16_t *value = &vt->params[vt->param_count - 1];
		*value = (uint16_t)min(*value * 10u + (unsigned)(c - '0'), (unsigned)PARAM_MAX);
	} else if (c == ';' || c == ':') {
		if (vt->param_count == 0)
			vt->param_count = 1;
		if (vt->param_count < VT_PARAMS_MAX)
			vt->param_count++;
	} else if (c >= '<' && c <= '?') {
		vt->prefix = c;
	} else if (c >= ' ' && c <= '/') {
		vt->intermediate = c;
	} else {
		vt->state = GROUND;
		if (c >= '@' && c <= '~')
			csi(vt, c);
	}
}

static void escape(struct vt *vt, char c)
{
	vt->state = GROUND;
	switch (c) {
	case '[': begin_csi(vt); break;
	case ']':
	case 'P':
	case '_':
	case '^': vt->state = STRING; break;
	case '7': save_cursor(vt); break;
	case '8': restore_cursor(vt); break;
	case 'E': vt->x = 0; // then as
	// fall through
	case 'D': vt_line_feed(vt); break;
	case 'M': vt_reverse_feed(vt); break;
	case 'c': vt_screen_reset(vt); break;
	case 'Z': reply(vt, "\033[?6c"); break;
	default:
		if (c >= ' ' && c <= '/') {
			vt->state = ESCAPE_INTERMEDIATE;
			vt->intermediate = c;
		}
	}
}

static void select_charset(struct vt *vt, char c)
{
	vt->state = GROUND;
	if (vt->intermediate != '(' && vt->intermediate != ')')
		return;
	uint8_t bit = vt->intermediate == ')' ? 2 : 1;
	vt->graphics = c == '0' ? vt->graphics | bit : vt->graphics & ~bit;
}

static void control(struct vt *vt, char c)
{
	switch (c) {
	case '\b': vt_move_to(vt, vt->x - min(1u, vt->x), vt->y); break;
	case '\t': vt_move_to(vt, (vt->x & ~7u) + 8, vt->y); break;
	case '\n':
	case '\v':
	case '\f': vt_line_feed(vt); break;
	case '\r': vt_move_to(vt, 0, vt->y); break;
	case 0x0e: vt->shift = 1; break;
	case 0x0f: vt->shift = 0; break;
	case 0x18:
	case 0x1a: vt->state = GROUND; break;
	case 0x1b: vt->state = ESCAPE; break;
	case 0x07:
		if (vt->state == STRING)
			vt->state = GROUND;
		break;
	}
}

/** One byte of text outside sequences: collect UTF-8. */
static void text_byte(struct vt *vt, uint8_t c)
{
	if (vt->utf8_left > 0 && (c & 0xc0) == 0x80) {
		vt->utf8_code = vt->utf8_code << 6 | (c & 0x3f);
		if (--vt->utf8_left == 0)
			put_char(vt, vt->utf8_code);
		return;
	}
	if (vt->utf8_left > 0)
		put_char(vt, REPLACEMENT); // cut short
	vt->utf8_left = 0;
	if (c < 0x80) {
		put_char(vt, c);
	} else if (c >= 0xc2 && c < 0xf5) {
		vt->utf8_left = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
		vt->utf8_code = c & (0x3f >> vt->utf8_left);
	} else {
		put_char(vt, REPLACEMENT);
	}
}

static void byte(struct vt *vt, uint8_t c)
{
	if (c < ' ') {
		vt->utf8_left = 0;
		control(vt, (char)c);
		return;
	}
	switch (vt->state) {
	case GROUND:
		if (c != 0x7f)
			text_byte(vt, c);
		break;
	case ESCAPE: escape(vt, (char)c); break;
	case ESCAPE_INTERMEDIATE: select_charset(vt, (char)c); break;
	case CSI: csi_byte(vt, (char)c); break;
	}
}

void vt_write(struct vt *vt, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		byte(vt, (uint8_t)text[i]);
}

void vt_init(struct vt *vt, struct vt_cell *cells, unsigned columns, unsigned rows)
{
	memset(vt, 0, sizeof(*vt));
	vt->cells = cells;
	vt->columns = columns;
	vt->rows = rows;
	vt_clean(vt);
	vt_screen_reset(vt);
}
