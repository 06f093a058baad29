// SPDX-License-Identifier: MIT
// If these fail, logs and /proc files show wrong numbers, or formatting overruns its buffer. The
// expected strings were compared with glibc, apart from %p of NULL and the last three tests.
#include <lib/format.h>
#include <lib/string.h>
#include <lib/test.h>

/** Not declared printf_like on purpose: corner cases that a compiler warns about are tested too. */
static bool gives(const char *want, const char *fmt, ...)
{
	char buf[160];
	va_list ap;

	va_start(ap, fmt);
	size_t len = fmt_vsnprintf(buf, sizeof(buf), fmt, ap);

	va_end(ap);
	bool same = strcmp(buf, want) == 0 && len == strlen(want);

	if (!same)
		test_fail(fmt, (int)len, buf);
	return same;
}

TEST(lib, format_integers)
{
	EXPECT(gives("0 -1 42", "%d %d %i", 0, -1, 42));
	EXPECT(gives("-2147483648 4294967295", "%d %u", INT_MIN, UINT_MAX));
	EXPECT(gives("-9223372036854775808", "%lld", (long long)INT64_MIN));
	EXPECT(gives("18446744073709551615", "%llu", (unsigned long long)UINT64_MAX));
	EXPECT(gives("1777777777777777777777", "%llo", (unsigned long long)UINT64_MAX));
	EXPECT(gives("deadbeef DEADBEEF", "%x %X", 0xdeadbeef, 0xdeadbeef));
	EXPECT(gives("0xff 0XFF 017 0 0 0", "%#x %#X %#o %#x %#X %#o", 255, 255, 15, 0, 0, 0));
}

TEST(lib, format_lengths)
{
	EXPECT(gives("-1 255", "%hhd %hhu", 0xff, -1));
	EXPECT(gives("-1 65535", "%hd %hu", 0xffff, -1));
	EXPECT(gives("-5 5", "%ld %lu", -5l, 5ul));
	EXPECT(gives("7 -7 9", "%zu %td %ju", (size_t)7, (ptrdiff_t)-7, (uintmax_t)9));
	EXPECT(gives("-3 -4", "%zd %jd", (ptrdiff_t)-3, (intmax_t)-4));
}

TEST(lib, format_width_precision_flags)
{
	EXPECT(gives("[   42][42   ][00042]", "[%5d][%-5d][%05d]", 42, 42, 42));
	EXPECT(gives("[+42][ 42][-42][+42]", "[%+d][% d][% d][%+ d]", 42, 42, -42, 42));
	EXPECT(gives("[-0042][  042][042  ]", "[%05d][%5.3d][%-5.3d]", -42, 42, 42));
	EXPECT(gives("[  042]", "[%05.3d]", 42)); // precision overrules the flag 0
	EXPECT(gives("[42   ]", "[%-05d]", 42)); // - overrules 0
	EXPECT(gives("[0x00002a][  0x2a]", "[%#08x][%#6x]", 42, 42));
	EXPECT(gives("[][     ][+]", "[%.0d][%5.0d][%+.0d]", 0, 0, 0));
	EXPECT(gives("[0][]", "[%#.0o][%#.0x]", 0, 0));
	EXPECT(gives("[0017]", "[%#.4o]", 15));
	EXPECT(gives("[   42][42   ]", "[%*d][%*d]", 5, 42, -5, 42));
	EXPECT(gives("[042][42]", "[%.*d][%.*d]", 3, 42, -3, 42));
}

TEST(lib, format_strings_and_characters)
{
	EXPECT(gives("[abc][  abc][abc  ]", "[%s][%5s][%-5s]", "abc", "abc", "abc"));
	EXPECT(gives("[ab]", "[%.2s]", "abc"));
	EXPECT(gives("[   ab]", "[%5.2s]", "abc"));
	EXPECT(gives("[][(null)]", "[%s][%s]", "", NULL));
	EXPECT(gives("[x][  x][x  ]", "[%c][%3c][%-3c]", 'x', 'x', 'x'));
	EXPECT(gives("100%", "%d%%", 100));
	static const char unterminated[3] = {'a', 'b', 'c'};

	EXPECT(gives("abc", "%.3s", unterminated)); // reads no byte past the precision
}

TEST(lib, format_pointers)
{
	EXPECT(gives("0x1234abcd", "%p", (void *)0x1234abcd));
	EXPECT(gives("[  0x10][0x10  ]", "[%6p][%-6p]", (void *)16, (void *)16));
	EXPECT(gives("0x0", "%p", NULL));
}

TEST(lib, format_shows_what_it_does_not_know)
{
	EXPECT(gives("a%yb", "a%yb"));
	EXPECT(gives("a%", "a%"));
	EXPECT(gives("a%-5l", "a%-5l"));
	EXPECT(gives("%n", "%n"));
	EXPECT(gives("", ""));
}

TEST(lib, format_cuts_at_the_buffer)
{
	char buf[8] = "xxxxxxx";

	EXPECT_EQ(fmt_snprintf(buf, 0, "%d", 12345), 5);
	EXPECT_EQ(buf[0], 'x');
	EXPECT_EQ(fmt_snprintf(NULL, 0, "%s", "four"), 4);
	EXPECT_EQ(fmt_snprintf(buf, 1, "%d", 12345), 5);
	EXPECT_EQ(buf[0], '\0');
	EXPECT_EQ(fmt_snprintf(buf, sizeof(buf), "%s", "12345678"), 8);
	EXPECT(strcmp(buf, "1234567") == 0);
	EXPECT_EQ(fmt_snprintf(buf, sizeof(buf), "%s%s", "123456", "abc"), 9);
	EXPECT(strcmp(buf, "123456a") == 0);
	EXPECT_EQ(fmt_snprintf(buf, sizeof(buf), "%40d", 1), 40);
	EXPECT(strcmp(buf, "       ") == 0);
}

TEST(lib, format_bounds_wild_widths)
{
	volatile int widest = INT_MAX; // else compilers warn of what is tested here

	EXPECT_EQ(fmt_snprintf(NULL, 0, "%*d", widest, 1), 65536);
	EXPECT_EQ(fmt_snprintf(NULL, 0, "%*d", -widest - 1, 1), 65536);
	EXPECT_EQ(fmt_snprintf(NULL, 0, "%.*d", widest, 1), 65536);
	EXPECT(gives("1", "%.99999999999s", "1"));
}
