// SPDX-License-Identifier: MIT
// Fuzz target: read any bytes as a font; its glyphs must lie within them.
#include <lib/psf.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_glyph(void *arg, uint16_t ch, uint16_t glyph)
{
	(void)ch;
	if (glyph >= ((const struct psf *)arg)->count)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct psf font;
	if (psf_open(&font, data, size) != 0)
		return 0;
	if (font.glyphs < data || font.count * font.glyph_size > size - (size_t)(font.glyphs - data))
		__builtin_trap();
	psf_for_each(&font, check_glyph, &font);
	return 0;
}
