// SPDX-License-Identifier: MIT
// If these fail, keys type something else than what is printed on them.
#include <lib/scancode.h>
#include <lib/string.h>
#include <lib/test.h>

static struct scancode state;

/** What the scan codes @codes (ended by 0) type. */
static const char *type(const char *codes)
{
	static char all[64];
	size_t len = 0;
	for (; *codes; codes++) {
		char text[SCANCODE_TEXT_MAX];
		size_t n = scancode_feed(&state, (uint8_t)*codes, text);
		memcpy(all + len, text, n);
		len += n;
	}
	all[len] = 0;
	return all;
}

static bool types(const char *codes, const char *text)
{
	return strcmp(type(codes), text) == 0;
}

TEST(lib, scancode_letters_and_shift)
{
	memset(&state, 0, sizeof(state));
	EXPECT(types("\x1e\x9e\x30\xb0", "ab"));
	EXPECT(types("\x2a\x1e\x9e\xaa\x1e\x9e", "Aa"));
	EXPECT(types("\x36\x02\x82\xb6\x02", "!1"));
	EXPECT(types("\x3a\xba\x1e\x02\x2a\x1e\xaa\x3a\xba\x1e", "A1aa")); // caps lock
	EXPECT(types("\x1c\x0e\x0f\x39\x01", "\r\177\t \033"));
	EXPECT(types("\x56\x2b\x35\x37\x4c", "<\\/*5"));
}

TEST(lib, scancode_control_and_meta)
{
	memset(&state, 0, sizeof(state));
	EXPECT(types("\x1d\x2e\xae\x9d\x2e", "\003c"));
	EXPECT(types("\xe0\x1d\x20\xa0\xe0\x9d", "\004"));
	EXPECT(types("\x38\x30\xb8\x30", "\033bb"));
	char text[SCANCODE_TEXT_MAX];
	scancode_feed(&state, 0x1d, text);
	EXPECT(scancode_feed(&state, 0x39, text) == 1 && text[0] == 0); // control and blank
}

TEST(lib, scancode_keys_of_full_screen_programs)
{
	memset(&state, 0, sizeof(state));
	EXPECT(types("\xe0\x48\xe0\xc8\xe0\x50", "\033[A\033[B"));
	EXPECT(types("\xe0\x2a\xe0\x53\xe0\xd3\xe0\xaa", "\033[3~")); // with the keyboard's own shift
	EXPECT(types("\x3b\x58", "\033[[A\033[24~"));
	EXPECT(types("\xe1\x1d\x45\xe1\x9d\xc5\x1e", "a")); // pause makes nothing
}
