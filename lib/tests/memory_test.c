// SPDX-License-Identifier: MIT
// If these fail, every copy in the kernel is suspect. The functions are compiled here a second time
// under other names, so that a hosted build tests them rather than its C library's.
#define memcpy tested_memcpy
#define memmove tested_memmove
#define memset tested_memset
#define memcmp tested_memcmp
#define memchr tested_memchr
#define strlen tested_strlen
#define strnlen tested_strnlen
#define strcmp tested_strcmp
#define strncmp tested_strncmp
#define strchr tested_strchr
#define strrchr tested_strrchr

#include "../memory.c"

#include <lib/test.h>

#define ROOM 192

static uint8_t source[ROOM] __attribute__((aligned(16)));
static uint8_t target[ROOM] __attribute__((aligned(16)));

static void fill(void)
{
	for (size_t i = 0; i < ROOM; i++) {
		source[i] = 7 * i + 1;
		target[i] = 0xee;
	}
}

/** Whether target holds @n bytes of source from @s at @d, and its old bytes around them. */
static bool copied(size_t d, size_t s, size_t n)
{
	for (size_t i = 0; i < ROOM; i++) {
		bool inside = i >= d && i < d + n;

		if (target[i] != (inside ? source[s + i - d] : 0xee))
			return false;
	}
	return true;
}

TEST(lib, memcpy_at_every_alignment_and_length)
{
	int wrong = 0;

	for (size_t d = 0; d < 8; d++) {
		for (size_t s = 0; s < 8; s++) {
			for (size_t n = 0; n < 150; n += n < 24 ? 1 : 7) {
				fill();
				wrong += memcpy(target + d, source + s, n) != target + d;
				wrong += !copied(d, s, n);
			}
		}
	}
	EXPECT_EQ(wrong, 0);
}

// What is read ends with an array of odd size: sanitizers see one byte too many.
TEST(lib, memcpy_reads_nothing_behind_the_source)
{
	static uint8_t odd[101] __attribute__((aligned(8)));
	int wrong = 0;

	for (size_t i = 0; i < sizeof(odd); i++)
		odd[i] = i;
	for (size_t d = 0; d < 8; d++) {
		for (size_t n = 1; n < sizeof(odd); n++) {
			memcpy(target + d, odd + sizeof(odd) - n, n);
			wrong += target[d] != sizeof(odd) - n || target[d + n - 1] != 100;
		}
	}
	EXPECT_EQ(wrong, 0);
}

/** Move @n bytes from @s to @d within one buffer and compare with a copy by way of another. */
static bool moves_right(size_t d, size_t s, size_t n)
{
	fill();
	for (size_t i = 0; i < ROOM; i++)
		target[i] = source[i];
	memmove(target + d, target + s, n);
	for (size_t i = 0; i < ROOM; i++) {
		uint8_t want = i >= d && i < d + n ? source[s + i - d] : source[i];

		if (target[i] != want)
			return false;
	}
	return true;
}

TEST(lib, memmove_of_overlapping_ranges)
{
	int wrong = 0;

	for (size_t d = 0; d < 24; d++) {
		for (size_t s = 0; s < 24; s++) {
			for (size_t n = 0; n < 160; n += 13)
				wrong += !moves_right(d, s, n);
		}
	}
	EXPECT_EQ(wrong, 0);
}

static bool sets_right(size_t d, size_t n, int c)
{
	fill();
	if (memset(target + d, c, n) != target + d)
		return false;
	for (size_t i = 0; i < ROOM; i++) {
		if (target[i] != (i >= d && i < d + n ? (uint8_t)c : 0xee))
			return false;
	}
	return true;
}

TEST(lib, memset_fills_exactly)
{
	int wrong = 0;

	for (size_t d = 0; d < 8; d++) {
		for (size_t n = 0; n < 180; n++)
			wrong += !sets_right(d, n, 0x1a5);
	}
	EXPECT_EQ(wrong, 0);
}

TEST(lib, memcmp_compares_unsigned_bytes)
{
	for (size_t at = 0; at < 40; at++) {
		for (size_t shift = 0; shift < 2; shift++) {
			memset(source, 'a', ROOM);
			memset(target, 'a', ROOM);
			EXPECT_EQ(memcmp(source, target + shift, 40), 0);
			target[shift + at] = 0xff;
			EXPECT(memcmp(source, target + shift, 40) < 0);
			EXPECT(memcmp(target + shift, source, 40) > 0);
			EXPECT_EQ(memcmp(source, target + shift, at), 0);
		}
	}
}

TEST(lib, strings_of_the_c_library)
{
	static const char text[] = "path/to/file";

	EXPECT_EQ(strlen(""), 0);
	EXPECT_EQ(strlen(text), 12);
	EXPECT_EQ(strnlen(text, 4), 4);
	EXPECT_EQ(strnlen(text, 100), 12);
	EXPECT_EQ(strcmp("abc", "abc"), 0);
	EXPECT(strcmp("abc", "ab") > 0 && strcmp("ab", "abc") < 0);
	EXPECT(strcmp("\x80", "a") > 0);
	EXPECT_EQ(strncmp("abcd", "abxx", 2), 0);
	EXPECT(strncmp("abcd", "abxx", 3) < 0);
	EXPECT_EQ(strncmp("ab", "ab", 10), 0);
	EXPECT(strchr(text, '/') == text + 4);
	EXPECT(strrchr(text, '/') == text + 7);
	EXPECT(strchr(text, 'z') == NULL && strrchr(text, 'z') == NULL);
	EXPECT(strchr(text, '\0') == text + 12 && strrchr(text, '\0') == text + 12);
	EXPECT(memchr(text, 'f', 8) == NULL);
	EXPECT(memchr(text, 'f', 9) == text + 8);
}
