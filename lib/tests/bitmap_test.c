// SPDX-License-Identifier: MIT
// If these fail, CPU sets, descriptor tables and free maps name bits that are not or miss some.
#include <lib/bitmap.h>
#include <lib/test.h>

#define BITS 200

TEST(lib, bitmap_finds_every_bit)
{
	BITMAP(map, BITS);

	bitmap_zero(map, BITS);
	EXPECT_EQ(bitmap_find_first_set(map, BITS), BITS);
	EXPECT_EQ(bitmap_find_first_zero(map, BITS), 0);
	for (size_t i = 0; i < BITS; i++) {
		bitmap_set(map, i);
		EXPECT(bitmap_test(map, i));
		EXPECT_EQ(bitmap_find_first_set(map, BITS), i);
		EXPECT_EQ(bitmap_find_next_set(map, BITS, i), i);
		EXPECT_EQ(bitmap_find_next_set(map, BITS, i + 1), BITS);
		EXPECT_EQ(bitmap_find_next_zero(map, BITS, i), i + 1);
		EXPECT_EQ(bitmap_weight(map, BITS), 1);
		bitmap_clear(map, i);
		EXPECT(bitmap_is_empty(map, BITS));
	}
}

TEST(lib, bitmap_ignores_bits_past_the_end)
{
	for (size_t bits = 1; bits <= BITS; bits++) {
		BITMAP(map, BITS) = {0};
		BITMAP(other, BITS) = {0};

		for (size_t i = bits; i < BITMAP_WORDS(bits) * BITS_PER_LONG; i++)
			bitmap_set(map, i);
		EXPECT(bitmap_is_empty(map, bits));
		EXPECT_EQ(bitmap_weight(map, bits), 0);
		EXPECT(bitmap_equal(map, other, bits));
		EXPECT(bitmap_is_subset(map, other, bits));
		EXPECT(!bitmap_intersects(map, map, bits));
		bitmap_fill(other, bits);
		EXPECT_EQ(bitmap_weight(other, BITMAP_WORDS(bits) * BITS_PER_LONG), bits);
		EXPECT_EQ(bitmap_find_first_zero(other, bits), bits);
	}
}

TEST(lib, bitmap_finds_nothing_past_the_end)
{
	BITMAP(map, BITS) = {0};

	bitmap_set(map, 50); // with a gap behind the end, so that a wrong result is no lucky one
	EXPECT_EQ(bitmap_find_first_set(map, 40), 40);
	EXPECT_EQ(bitmap_find_next_set(map, 40, 41), 40);
	bitmap_fill(map, 50);
	EXPECT_EQ(bitmap_find_first_zero(map, 40), 40);
}

TEST(lib, bitmap_of_no_bits)
{
	BITMAP(map, 1) = {~0ul};

	EXPECT(bitmap_is_empty(map, 0));
	EXPECT_EQ(bitmap_weight(map, 0), 0);
	EXPECT_EQ(bitmap_find_next_set(map, 0, 5), 0);
	bitmap_zero(map, 0);
	bitmap_fill(map, 0);
	bitmap_set_range(map, 0, 0);
	EXPECT_EQ(map[0], ~0ul);
}

TEST(lib, bitmap_sets_and_clears_ranges)
{
	static const size_t edges[] = {0, 1, 31, 63, 64, 65, 127, 128, 129, 199, 200};
	int wrong = 0;

	for (size_t a = 0; a < array_len(edges); a++) {
		for (size_t b = a; b < array_len(edges); b++) {
			BITMAP(map, BITS) = {0};
			size_t from = edges[a], count = edges[b] - edges[a];

			bitmap_set_range(map, from, count);
			wrong += bitmap_weight(map, BITS) != count;
			wrong += count && bitmap_find_first_set(map, BITS) != from;
			wrong += count && bitmap_find_next_zero(map, BITS, from) != edges[b];
			bitmap_fill(map, BITS);
			bitmap_clear_range(map, from, count);
			wrong += bitmap_weight(map, BITS) != BITS - count;
			wrong += count && bitmap_find_first_zero(map, BITS) != from;
		}
	}
	EXPECT_EQ(wrong, 0);
}

TEST(lib, bitmap_combines)
{
	BITMAP(a, BITS) = {0};
	BITMAP(b, BITS) = {0};
	BITMAP(r, BITS) = {0};
	size_t bit, sum = 0;

	bitmap_set(a, 3), bitmap_set(a, 70), bitmap_set(a, 199);
	bitmap_set(b, 70), bitmap_set(b, 71);
	bitmap_and(r, a, b, BITS);
	EXPECT_EQ(bitmap_find_first_set(r, BITS), 70);
	EXPECT_EQ(bitmap_weight(r, BITS), 1);
	EXPECT(bitmap_is_subset(r, a, BITS) && !bitmap_is_subset(a, r, BITS));
	EXPECT(bitmap_intersects(a, b, BITS));
	bitmap_or(r, a, b, BITS);
	EXPECT_EQ(bitmap_weight(r, BITS), 4);
	bitmap_andnot(r, a, b, BITS);
	bitmap_for_each_set(bit, r, BITS)
		sum += bit;
	EXPECT_EQ(sum, 3 + 199);
	bitmap_copy(r, b, BITS);
	EXPECT(bitmap_equal(r, b, BITS) && !bitmap_equal(r, a, BITS));
}
