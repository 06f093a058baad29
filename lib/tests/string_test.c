// SPDX-License-Identifier: MIT
// If these fail, names are cut or run over, command-line numbers are misread, pages copied wrongly.
#include <lib/string.h>
#include <lib/test.h>

TEST(lib, strlcpy_always_terminates)
{
	char buf[6] = "xxxxx";

	EXPECT_EQ(strlcpy(buf, "abc", 0), 3);
	EXPECT_EQ(buf[0], 'x');
	EXPECT_EQ(strlcpy(buf, "abc", 1), 3);
	EXPECT_EQ(buf[0], '\0');
	EXPECT_EQ(strlcpy(buf, "abcde", sizeof(buf)), 5);
	EXPECT(strcmp(buf, "abcde") == 0);
	EXPECT_EQ(strlcpy(buf, "123456789", sizeof(buf)), 9);
	EXPECT(strcmp(buf, "12345") == 0);
}

TEST(lib, strlcat_counts_what_it_could_not_add)
{
	char buf[6] = "ab";

	EXPECT_EQ(strlcat(buf, "cd", sizeof(buf)), 4);
	EXPECT(strcmp(buf, "abcd") == 0);
	EXPECT_EQ(strlcat(buf, "efg", sizeof(buf)), 7);
	EXPECT(strcmp(buf, "abcde") == 0);
	EXPECT_EQ(strlcat(buf, "x", 3), 4); // no terminator within 3 bytes
	EXPECT(strcmp(buf, "abcde") == 0);
}

TEST(lib, str_has_prefix)
{
	EXPECT(str_has_prefix("quiet", "qui") && str_has_prefix("quiet", ""));
	EXPECT(!str_has_prefix("qui", "quiet") && !str_has_prefix("", "q"));
}

static bool parses(const char *s, unsigned base, uint64_t want, const char *rest)
{
	uint64_t value = 77;
	const char *end = NULL;

	return parse_u64(s, base, &value, &end) && value == want && strcmp(end, rest) == 0;
}

static bool refuses(const char *s, unsigned base)
{
	uint64_t value = 77;

	return !parse_u64(s, base, &value, NULL) && value == 77;
}

TEST(lib, parse_u64_reads_bases_and_limits)
{
	EXPECT(parses("0", 10, 0, ""));
	EXPECT(parses("123abc", 10, 123, "abc"));
	EXPECT(parses("0x1fG", 0, 0x1f, "G"));
	EXPECT(parses("0b101", 0, 5, ""));
	EXPECT(parses("0o17 ", 0, 15, " "));
	EXPECT(parses("0x", 0, 0, "x")); // a prefix without digits is a zero
	EXPECT(parses("zZ", 36, 35 * 36 + 35, ""));
	EXPECT(parses("18446744073709551615", 10, UINT64_MAX, ""));
	EXPECT(parses("FFFFFFFFFFFFFFFF", 16, UINT64_MAX, ""));
	EXPECT(refuses("18446744073709551616", 10));
	EXPECT(refuses("10000000000000000", 16));
	EXPECT(refuses("99999999999999999999999", 10));
	EXPECT(refuses("", 10) && refuses("-1", 10) && refuses("+1", 10) && refuses(" 1", 10));
	EXPECT(refuses("8", 8) && refuses("x", 0));
}

TEST(lib, parse_size_reads_suffixes)
{
	uint64_t n = 77;
	const char *end;

	EXPECT(parse_size("64M", &n, NULL) && n == 64 * MIB(1));
	EXPECT(parse_size("8G", &n, NULL) && n == 8 * GIB(1));
	EXPECT(parse_size("0x10k,rest", &n, &end) && n == 16384 && *end == ',');
	EXPECT(parse_size("512", &n, NULL) && n == 512);
	EXPECT(parse_size("16383T", &n, NULL));
	n = 77;
	EXPECT(!parse_size("16777216T", &n, NULL));
	EXPECT(!parse_size("64MB", &n, NULL));
	EXPECT(!parse_size("M", &n, NULL));
	EXPECT_EQ(n, 77);
}

TEST(lib, pages_are_copied_and_zeroed_whole)
{
	static uint8_t pages[3 * 4096] __attribute__((aligned(4096)));
	size_t wrong = 0;

	for (size_t i = 0; i < sizeof(pages); i++)
		pages[i] = i * 31 >> 3;
	mem_copy_page(pages + 4096, pages);
	for (size_t i = 0; i < 4096; i++)
		wrong += pages[4096 + i] != pages[i];
	mem_zero_page(pages + 4096);
	for (size_t i = 0; i < 4096; i++)
		wrong += pages[4096 + i] != 0 || pages[i] != (uint8_t)(i * 31 >> 3);
	for (size_t i = 8192; i < sizeof(pages); i++)
		wrong += pages[i] != (uint8_t)(i * 31 >> 3);
	EXPECT_EQ(wrong, 0);
}
