// SPDX-License-Identifier: MIT
// If these fail, the screen shows wrong characters, or a font that is cut short is read beyond its end.
#include <lib/psf.h>
#include <lib/string.h>
#include <lib/test.h>
#include <uapi/errno.h>

#define HEIGHT 2
#define GLYPHS 3

static uint8_t file[128];

static void put32(size_t at, uint32_t value)
{
	memcpy(file + at, &value, sizeof(value));
}

/** Version 2, 3 glyphs of 8 by 2: 'A' and U+00C4; U+2500 and a sequence; nothing. */
static size_t version2(void)
{
	static const uint8_t table[] = {'A', 0xc3, 0x84, 0xff, 0xe2, 0x94, 0x80, 0xfe, 'B', 'C', 0xff, 0xff};
	memset(file, 0, sizeof(file));
	put32(0, 0x864ab572);
	put32(8, 32);
	put32(12, 1);
	put32(16, GLYPHS);
	put32(20, HEIGHT);
	put32(24, HEIGHT);
	put32(28, 8);
	memcpy(file + 32 + GLYPHS * HEIGHT, table, sizeof(table));
	return 32 + GLYPHS * HEIGHT + sizeof(table);
}

static uint16_t seen[8][2];
static unsigned seen_count;

static void note(void *arg, uint16_t ch, uint16_t glyph)
{
	(void)arg;
	if (seen_count < array_len(seen)) {
		seen[seen_count][0] = ch;
		seen[seen_count][1] = glyph;
	}
	seen_count++;
}

TEST(lib, psf_maps_single_characters)
{
	struct psf font;
	EXPECT_EQ(psf_open(&font, file, version2()), 0);
	seen_count = 0;
	psf_for_each(&font, note, NULL);
	EXPECT_EQ(seen_count, 3);
	EXPECT(seen[0][0] == 'A' && seen[0][1] == 0);
	EXPECT(seen[1][0] == 0xc4 && seen[1][1] == 0);
	EXPECT(seen[2][0] == 0x2500 && seen[2][1] == 1);
}

TEST(lib, psf_refuses_what_is_cut_or_huge)
{
	struct psf font;
	size_t len = version2();
	EXPECT_EQ(psf_open(&font, file, 31), -EINVAL);
	EXPECT_EQ(psf_open(&font, file, 32 + GLYPHS * HEIGHT - 1), -EINVAL);
	put32(16, 0x40000000); // glyphs
	EXPECT_EQ(psf_open(&font, file, len), -EINVAL);
	version2();
	put32(28, 9); // the rows need two bytes then
	EXPECT_EQ(psf_open(&font, file, len), -EINVAL);
	version2();
	put32(8, 0xffffffff); // header
	EXPECT_EQ(psf_open(&font, file, len), -EINVAL);
}

TEST(lib, psf_table_may_end_early)
{
	struct psf font;
	EXPECT_EQ(psf_open(&font, file, version2() - 8), 0); // inside U+2500
	seen_count = 0;
	psf_for_each(&font, note, NULL);
	EXPECT_EQ(seen_count, 2);
}
