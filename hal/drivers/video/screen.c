// SPDX-License-Identifier: MIT
// A text console on a linear framebuffer. lib/vt.c says what the screen should show; after each write
// the cells of its changed rows are compared with what is shown, and those that differ are drawn. So
// the framebuffer is never read, and a scrolled screen costs what differs.
//
// Where the framebuffer is one of characters, a cell is not drawn but put there (pc_text.c).
//
// Callers (log, terminal) keep two writers apart, as with any console. The font is copied, for the
// initrd's memory is given back.
#include <drivers/screen.h>

#include <hal/atomic.h>
#include <hal/barrier.h>
#include <hal/bootinfo.h>
#include <hal/mmio.h>
#include <hal/mmu.h>
#include <lib/cpio.h>
#include <lib/psf.h>
#include <lib/string.h>
#include <lib/vt.h>

#define CELLS_MAX 16384 // 240 by 68
#define GLYPH_BYTES_MAX KIB(16)
#define MAP_MAX 1024
#define WIDE 1920 // pixels: from here on glyphs are drawn larger
#define COLOURS 16
#define REPLIES 64 // a power of two

static const uint32_t palette[COLOURS] = { // red, green, blue; in the order of ANSI
	0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa,
	0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff,
};

static struct {
	struct framebuffer fb;
	vaddr_t base;
	unsigned scale;
	uint32_t pixels[COLOURS]; // the palette in the framebuffer's form
	struct psf font;
	uint16_t fallback; // glyph for what the font has not
	unsigned map_count;
	const struct keyboard_ops *keyboard;
	screen_put_fn *put_text; // NULL: pixels
	struct vt vt;
	/** The terminal's answers: who writes puts them in, who reads takes them out, each alone. */
	char replies[REPLIES];
	_Atomic uint32_t replies_head, replies_tail; // only grow
} screen;

static uint8_t glyphs[GLYPH_BYTES_MAX];
static struct {
	uint16_t ch, glyph;
} map[MAP_MAX]; // sorted by ch
static struct vt_cell cells[CELLS_MAX], shown[CELLS_MAX];

static uint32_t field_value(const struct framebuffer_field *field, uint32_t value)
{
	return value >> (8 - field->bits) << field->shift;
}

static void make_pixels(void)
{
	for (unsigned i = 0; i < COLOURS; i++)
		screen.pixels[i] = field_value(&screen.fb.red, palette[i] >> 16) |
				   field_value(&screen.fb.green, palette[i] >> 8 & 0xff) |
				   field_value(&screen.fb.blue, palette[i] & 0xff);
}

static void put_pixel(vaddr_t at, uint32_t pixel)
{
	switch (screen.fb.bytes_per_pixel) {
	case 4:
		*(volatile uint32_t *)at = pixel;
		break;
	case 2:
		*(volatile uint16_t *)at = (uint16_t)pixel;
		break;
	default:
		for (unsigned i = 0; i < 3; i++)
			((volatile uint8_t *)at)[i] = (uint8_t)(pixel >> 8 * i);
	}
}

static uint16_t glyph_of(uint16_t ch)
{
	unsigned low = 0, high = screen.map_count;
	while (low < high) {
		unsigned middle = (low + high) / 2;
		if (map[middle].ch == ch)
			return map[middle].glyph;
		if (map[middle].ch < ch)
			low = middle + 1;
		else
			high = middle;
	}
	return screen.fallback;
}

/** draw_row() for the usual screen: pixels of 32 bits, one for each of the font's. */
static void draw_row_of_words(vaddr_t at, const uint8_t *bits, bool is_line, uint32_t fg, uint32_t bg)
{
	volatile uint32_t *to = (volatile uint32_t *)at;
	for (unsigned left = screen.font.width; left > 0;) {
		unsigned n = min(left, 8u);
		uint32_t set = is_line ? 0xff : *bits++;
		for (unsigned i = 0; i < n; i++)
			to[i] = set << i & 0x80 ? fg : bg;
		to += n;
		left -= n;
	}
}

/** One row of a glyph's pixels, @scale lines of them. */
static void draw_row(vaddr_t at, const uint8_t *bits, bool is_line, uint32_t fg, uint32_t bg)
{
	if (screen.fb.bytes_per_pixel == 4 && screen.scale == 1) {
		draw_row_of_words(at, bits, is_line, fg, bg);
		return;
	}
	for (unsigned line = 0; line < screen.scale; line++, at += screen.fb.pitch) {
		vaddr_t pixel = at;
		for (unsigned x = 0; x < screen.font.width; x++) {
			bool is_set = is_line || (bits[x / 8] << x % 8 & 0x80);
			for (unsigned i = 0; i < screen.scale; i++) {
				put_pixel(pixel, is_set ? fg : bg);
				pixel += screen.fb.bytes_per_pixel;
			}
		}
	}
}

static void draw(unsigned x, unsigned y, struct vt_cell cell)
{
	if (screen.put_text) {
		screen.put_text(screen.base + y * screen.fb.pitch + x * screen.fb.bytes_per_pixel, cell);
		return;
	}
	const struct psf *font = &screen.font;
	unsigned row_bytes = (font->width + 7) / 8;
	const uint8_t *bits = glyphs + (size_t)glyph_of(cell.ch) * font->glyph_size;
	vaddr_t at = screen.base + (vaddr_t)y * font->height * screen.scale * screen.fb.pitch +
		     (vaddr_t)x * font->width * screen.scale * screen.fb.bytes_per_pixel;

	for (unsigned row = 0; row < font->height; row++) {
		draw_row(at, bits + row * row_bytes, cell.is_underlined && row == font->height - 1,
			 screen.pixels[cell.colours & 0xf], screen.pixels[cell.colours >> 4]);
		at += (vaddr_t)screen.scale * screen.fb.pitch;
	}
}

static bool is_same(struct vt_cell a, struct vt_cell b)
{
	return a.ch == b.ch && a.colours == b.colours && a.is_underlined == b.is_underlined;
}

static void refresh(void)
{
	struct vt *vt = &screen.vt;
	for (unsigned y = vt->dirty_top; y < vt->dirty_end; y++) {
		struct vt_cell *is = shown + (size_t)y * vt->columns;
		for (unsigned x = 0; x < vt->columns; x++) {
			struct vt_cell cell = vt_row(vt, y)[x];
			if (vt->is_cursor_on && x == vt->x && y == vt->y)
				cell.colours = (uint8_t)(cell.colours << 4 | cell.colours >> 4);
			if (is_same(cell, is[x]))
				continue;
			is[x] = cell;
			draw(x, y, cell);
		}
	}
	hal_mb_device(); // what the CPU collected goes out
	vt_clean(vt);
}

static void pass_replies(void)
{
	uint32_t head = load_relaxed(&screen.replies_head);
	for (unsigned i = 0; i < screen.vt.reply_len; i++) {
		if (head - load_acquire(&screen.replies_tail) < REPLIES)
			screen.replies[head++ % REPLIES] = screen.vt.reply[i];
	}
	screen.vt.reply_len = 0;
	store_release(&screen.replies_head, head);
}

static void screen_write(const char *text, size_t len)
{
	vt_write(&screen.vt, text, len);
	refresh();
	pass_replies();
}

/** Answers of the terminal come before what is typed. */
static int screen_read(void)
{
	uint32_t tail = load_relaxed(&screen.replies_tail);
	if (tail != load_acquire(&screen.replies_head)) {
		uint8_t c = (uint8_t)screen.replies[tail % REPLIES];
		store_release(&screen.replies_tail, tail + 1);
		return c;
	}
	return screen.keyboard ? screen.keyboard->read() : -1;
}

static uint32_t screen_input_irq(void)
{
	return screen.keyboard ? screen.keyboard->input_irq() : UINT32_MAX;
}

static void screen_enable_input(void)
{
	if (screen.keyboard)
		screen.keyboard->enable_input();
}

static void screen_size(unsigned *columns, unsigned *rows)
{
	*columns = screen.vt.columns;
	*rows = screen.vt.rows;
}

static const struct console_ops ops = {
	.name = "tty1",
	.write = screen_write,
	.read = screen_read,
	.input_irq = screen_input_irq,
	.enable_input = screen_enable_input,
	.size = screen_size,
};

static void add_to_map(void *arg, uint16_t ch, uint16_t glyph)
{
	(void)arg;
	unsigned at = screen.map_count;
	if (at == MAP_MAX)
		return;
	for (; at > 0 && map[at - 1].ch > ch; at--)
		map[at] = map[at - 1];
	map[at].ch = ch;
	map[at].glyph = glyph;
	screen.map_count++;
}

static bool take_font(const void *data, size_t len)
{
	struct psf *font = &screen.font;
	if (psf_open(font, data, len) != 0 || (size_t)font->count * font->glyph_size > sizeof(glyphs))
		return false;
	memcpy(glyphs, font->glyphs, (size_t)font->count * font->glyph_size);
	psf_for_each(font, add_to_map, NULL);
	screen.fallback = glyph_of('?');
	screen.fallback = glyph_of(0xfffd);
	return true;
}

static bool find_font(void)
{
	struct cpio_cursor cursor;
	struct cpio_entry entry;

	const struct boot_range *initrd = &bootinfo.initrd;
	if (initrd->size == 0 || initrd->base < bootinfo.mapped_base ||
	    initrd->base + initrd->size > bootinfo.mapped_end)
		return false;
	cpio_open(&cursor, hal_direct(initrd->base), initrd->size);
	while (cpio_next(&cursor, &entry) == 1) {
		if (strcmp(entry.name, SCREEN_FONT) == 0)
			return take_font(entry.data, entry.size);
	}
	return false;
}

/** As many cells as fit the framebuffer and the tables, at least one. */
static bool set_size(void)
{
	unsigned columns = screen.fb.width, rows = screen.fb.height;
	if (!screen.put_text) {
		screen.scale = 1 + (screen.fb.width - 1) / WIDE;
		columns /= screen.font.width * screen.scale;
		rows /= screen.font.height * screen.scale;
	}
	if (columns == 0 || rows == 0)
		return false;
	columns = min(columns, (unsigned)CELLS_MAX);
	rows = min(rows, CELLS_MAX / columns);
	vt_init(&screen.vt, cells, columns, rows);
	return true;
}

const struct console_ops *screen_init(const struct keyboard_ops *keyboard, screen_put_fn *put_text)
{
	screen.fb = bootinfo.framebuffer;
	if (screen.fb.width == 0)
		return NULL;
	screen.put_text = screen.fb.is_text ? put_text : NULL;
	if (!screen.put_text && !find_font()) {
		bootinfo_warn("no screen: no font in the initrd (or it is out of reach): " SCREEN_FONT);
		return NULL;
	}
	size_t size = (size_t)screen.fb.pitch * screen.fb.height;
	screen.base = set_size() ? hal_mmio_map_combining(screen.fb.addr, size) : 0;
	if (screen.base == 0) {
		bootinfo_warn("no screen: the framebuffer is too small or out of reach");
		return NULL;
	}
	screen.keyboard = keyboard;
	make_pixels();
	refresh(); // all cells differ from what `shown` begins with
	return &ops;
}
