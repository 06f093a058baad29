// SPDX-License-Identifier: MIT
// Fonts of text consoles: PC Screen Font, versions 1 and 2 (kbd's psf.h), read from memory.
#pragma once

#include <lib/types.h>

#define PSF_WIDTH_MAX 32
#define PSF_HEIGHT_MAX 64
#define PSF_GLYPHS_MAX 512

struct psf {
	const uint8_t *glyphs;
	uint32_t count, width, height;
	uint32_t glyph_size; // bytes: rows of (width + 7) / 8, the left pixel highest
	const uint8_t *table; // of Unicode, NULL = glyph n is character n
	size_t table_size;
	bool is_version1;
};

/** Read the headers of the font of @len bytes at @data. -EINVAL: not one, or cut short, or larger
 *  than the limits above. */
must_check err_t psf_open(struct psf *font, const void *data, size_t len);
/** Call @map(@arg, character, glyph) for each single character of the basic plane that the font
 *  shows. */
void psf_for_each(const struct psf *font, void (*map)(void *arg, uint16_t ch, uint16_t glyph),
		  void *arg);
