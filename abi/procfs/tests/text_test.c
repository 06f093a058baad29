// SPDX-License-Identifier: MIT
// Texts and the forms that programs parse.
#include "../text.h"

#include <lib/bitmap.h>
#include <lib/string.h>
#include <lib/test.h>

static bool is(const struct text *text, const char *expected)
{
	return text->len == strlen(expected) && !memcmp(text->data, expected, text->len);
}

TEST(abi, text_grows_and_keeps_what_it_has)
{
	struct text text = {0};
	for (unsigned i = 0; i < 1000; i++)
		text_printf(&text, "%03u ", i);
	EXPECT_EQ(text.len, 4000);
	EXPECT(!text.has_failed);
	EXPECT(!memcmp(text.data, "000 001 ", 8));
	EXPECT(!memcmp(text.data + 3996, "999 ", 4));
	text_free(&text);
	EXPECT_EQ(text.len, 0);
}

TEST(abi, text_has_an_end)
{
	struct text text = {0};
	static const char line[4096];
	for (unsigned i = 0; i < 2000 && !text.has_failed; i++)
		text_put(&text, line, sizeof(line));
	EXPECT(text.has_failed); // a view never takes more memory than that
	text_put(&text, line, 1);
	EXPECT(text.len <= MIB(4));
	text_free(&text);
}

TEST(abi, text_escapes_what_breaks_a_line)
{
	struct text text = {0};
	text_put_escaped(&text, "a b\\c\n", " \t\n\\");
	EXPECT(is(&text, "a\\040b\\134c\\012"));
	text_free(&text);
}

TEST(abi, text_lists_cpus)
{
	struct text text = {0};
	BITMAP(map, 512) = {0};
	bitmap_set(map, 0);
	text_put_list(&text, map, 512);
	EXPECT(is(&text, "0"));
	text.len = 0;
	bitmap_set_range(map, 0, 4);
	bitmap_set(map, 7);
	bitmap_set_range(map, 510, 2);
	text_put_list(&text, map, 512);
	EXPECT(is(&text, "0-3,7,510-511"));
	text_free(&text);
}

TEST(abi, text_masks_cpus)
{
	struct text text = {0};
	BITMAP(map, 128) = {0};
	bitmap_set_range(map, 0, 4);
	text_put_mask(&text, map, 4);
	EXPECT(is(&text, "f"));
	text.len = 0;
	bitmap_set(map, 33);
	text_put_mask(&text, map, 34);
	EXPECT(is(&text, "2,0000000f"));
	text.len = 0;
	bitmap_set(map, 100);
	text_put_mask(&text, map, 128);
	EXPECT(is(&text, "00000010,00000000,00000002,0000000f"));
	text_free(&text);
}
