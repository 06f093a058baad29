// SPDX-License-Identifier: MIT
// PC Screen Fonts. Version 1: 8 pixels wide, table of 16-bit characters; version 2: any size, table
// of UTF-8. In both, sequences of several characters follow a mark and are skipped.
#include <lib/psf.h>

#include <lib/string.h>
#include <uapi/errno.h>

#define MAGIC1 0x0436u
#define MODE1_512 1
#define MODE1_TABLES 6 // either bit
#define HEADER1_SIZE 4
#define END1 0xffff
#define SEQUENCE1 0xfffe

#define MAGIC2 0x864ab572u
#define FLAG2_TABLE 1
#define HEADER2_SIZE 32
#define END2 0xff
#define SEQUENCE2 0xfe

static uint32_t read32(const uint8_t *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value)); // little-endian, as all ports are
	return value;
}

static uint16_t read16(const uint8_t *at)
{
	return (uint16_t)(at[0] | at[1] << 8);
}

/** The header's length; 0 = not a font. */
static size_t read_header(struct psf *font, const uint8_t *data, size_t len, bool *has_table)
{
	if (len >= HEADER1_SIZE && read16(data) == MAGIC1) {
		font->is_version1 = true;
		font->count = data[2] & MODE1_512 ? 512 : 256;
		font->width = 8;
		font->height = font->glyph_size = data[3];
		*has_table = data[2] & MODE1_TABLES;
		return HEADER1_SIZE;
	}
	if (len < HEADER2_SIZE || read32(data) != MAGIC2)
		return 0;
	*has_table = read32(data + 12) & FLAG2_TABLE;
	font->count = read32(data + 16);
	font->glyph_size = read32(data + 20);
	font->height = read32(data + 24);
	font->width = read32(data + 28);
	return read32(data + 8);
}

err_t psf_open(struct psf *font, const void *data, size_t len)
{
	bool has_table = false;
	memset(font, 0, sizeof(*font));
	size_t header = read_header(font, data, len, &has_table);
	if (header == 0 || header > len || font->count == 0 || font->count > PSF_GLYPHS_MAX ||
	    font->width == 0 || font->width > PSF_WIDTH_MAX || font->height == 0 ||
	    font->height > PSF_HEIGHT_MAX ||
	    font->glyph_size != font->height * ((font->width + 7) / 8) ||
	    (size_t)font->count * font->glyph_size > len - header)
		return -EINVAL;
	font->glyphs = (const uint8_t *)data + header;
	if (has_table) {
		font->table = font->glyphs + (size_t)font->count * font->glyph_size;
		font->table_size = len - header - (size_t)font->count * font->glyph_size;
	}
	return 0;
}

/** The next 16-bit entry of a table of version 1; END1 also where it is cut. */
static uint16_t next1(const struct psf *font, size_t *at)
{
	if (font->table_size - *at < 2) {
		*at = font->table_size;
		return END1;
	}
	*at += 2;
	return read16(font->table + *at - 2);
}

/** The same for version 2; characters beyond the basic plane are 0, which no font shows. */
static uint16_t next2(const struct psf *font, size_t *at)
{
	const uint8_t *c = font->table + *at;
	size_t left = font->table_size - *at;
	if (left == 0 || c[0] == END2 || c[0] == SEQUENCE2) {
		*at += left ? 1 : 0;
		return left && c[0] == SEQUENCE2 ? SEQUENCE1 : END1;
	}
	size_t size = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
	if (size > left) {
		*at = font->table_size;
		return END1;
	}
	*at += size;
	return size == 1 ? c[0] :
	       size == 2 ? (uint16_t)((c[0] & 0x1f) << 6 | (c[1] & 0x3f)) :
	       size == 3 ? (uint16_t)((c[0] & 0x0f) << 12 | (c[1] & 0x3f) << 6 | (c[2] & 0x3f)) :
			   0;
}

void psf_for_each(const struct psf *font, void (*map)(void *arg, uint16_t ch, uint16_t glyph),
		  void *arg)
{
	size_t at = 0;
	for (uint32_t glyph = 0; glyph < font->count; glyph++) {
		if (!font->table) {
			map(arg, (uint16_t)glyph, (uint16_t)glyph);
			continue;
		}
		bool is_single = true;
		uint16_t ch;
		while ((ch = font->is_version1 ? next1(font, &at) : next2(font, &at)) != END1) {
			if (ch == SEQUENCE1)
				is_single = false;
			else if (is_single && ch != 0)
				map(arg, ch, (uint16_t)glyph);
		}
	}
}
