// SPDX-License-Identifier: MIT
// Bitmaps over arrays of unsigned long. Bits past the length may hold anything on input: every
// function that looks at the last word masks it.
#include <lib/bitmap.h>

/** The bits of the last word that count, all ones when it is full. */
static unsigned long tail_mask(size_t bits)
{
	return ~0ul >> (-bits % BITS_PER_LONG);
}

/** Word @i of a bitmap of @bits bits, without what stands past the end. */
static unsigned long word_at(const unsigned long *map, size_t bits, size_t i)
{
	return i == BITMAP_WORDS(bits) - 1 ? map[i] & tail_mask(bits) : map[i];
}

/** The first bit at or after @from that differs from the bits of @invert. */
static always_inline size_t find_next(const unsigned long *map, size_t bits, size_t from,
				      unsigned long invert)
{
	if (from >= bits)
		return bits;
	size_t i = from / BITS_PER_LONG;
	unsigned long word = (map[i] ^ invert) & (~0ul << (from % BITS_PER_LONG));

	while (!word) {
		if (++i == BITMAP_WORDS(bits))
			return bits;
		word = map[i] ^ invert;
	}
	size_t bit = i * BITS_PER_LONG + __builtin_ctzl(word);

	return bit < bits ? bit : bits;
}

size_t bitmap_find_next_set(const unsigned long *map, size_t bits, size_t from)
{
	return find_next(map, bits, from, 0);
}

size_t bitmap_find_next_zero(const unsigned long *map, size_t bits, size_t from)
{
	return find_next(map, bits, from, ~0ul);
}

size_t bitmap_weight(const unsigned long *map, size_t bits)
{
	size_t weight = 0;

	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		weight += __builtin_popcountl(word_at(map, bits, i));
	return weight;
}

void bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		dst[i] = a[i] & b[i];
}

void bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		dst[i] = a[i] | b[i];
}

void bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		dst[i] = a[i] & ~b[i];
}

void bitmap_copy(unsigned long *dst, const unsigned long *src, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		dst[i] = src[i];
}

void bitmap_fill(unsigned long *map, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		map[i] = ~0ul;
	if (bits)
		map[BITMAP_WORDS(bits) - 1] = tail_mask(bits);
}

void bitmap_zero(unsigned long *map, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++)
		map[i] = 0;
}

/** The bits of word @i that lie in [@from, @to), where word @i holds at least one of them. */
static unsigned long range_mask(size_t i, size_t from, size_t to)
{
	size_t base = i * BITS_PER_LONG;
	unsigned long mask = ~0ul;

	if (from > base)
		mask <<= from - base;
	if (to - base < BITS_PER_LONG)
		mask &= ~(~0ul << (to - base));
	return mask;
}

void bitmap_set_range(unsigned long *map, size_t from, size_t count)
{
	for (size_t i = from / BITS_PER_LONG; i < BITMAP_WORDS(from + count); i++)
		map[i] |= range_mask(i, from, from + count);
}

void bitmap_clear_range(unsigned long *map, size_t from, size_t count)
{
	for (size_t i = from / BITS_PER_LONG; i < BITMAP_WORDS(from + count); i++)
		map[i] &= ~range_mask(i, from, from + count);
}

bool bitmap_is_empty(const unsigned long *map, size_t bits)
{
	return bitmap_find_next_set(map, bits, 0) == bits;
}

bool bitmap_equal(const unsigned long *a, const unsigned long *b, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++) {
		if (word_at(a, bits, i) != word_at(b, bits, i))
			return false;
	}
	return true;
}

bool bitmap_intersects(const unsigned long *a, const unsigned long *b, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++) {
		if (word_at(a, bits, i) & b[i])
			return true;
	}
	return false;
}

bool bitmap_is_subset(const unsigned long *a, const unsigned long *b, size_t bits)
{
	for (size_t i = 0; i < BITMAP_WORDS(bits); i++) {
		if (word_at(a, bits, i) & ~b[i])
			return false;
	}
	return true;
}
