// SPDX-License-Identifier: MIT
// Bitmaps over arrays of unsigned long. Bits past the given length are never read as a result, and
// fill and zero leave them clear. Only bitmap_test() may meet changes by others.
#pragma once

#include <lib/types.h>

#define BITS_PER_LONG (8 * sizeof(unsigned long))
#define BITMAP_WORDS(bits) (((bits) + BITS_PER_LONG - 1) / BITS_PER_LONG)

/** Declare bitmap @name of @bits bits (in a struct, or on the stack uninitialised). */
#define BITMAP(name, bits) unsigned long name[BITMAP_WORDS(bits)]

static inline void bitmap_set(unsigned long *map, size_t bit)
{
	map[bit / BITS_PER_LONG] |= 1ul << (bit % BITS_PER_LONG);
}

static inline void bitmap_clear(unsigned long *map, size_t bit)
{
	map[bit / BITS_PER_LONG] &= ~(1ul << (bit % BITS_PER_LONG));
}

/** Others may change the word by atomic operations meanwhile. */
static inline bool bitmap_test(const unsigned long *map, size_t bit)
{
	unsigned long word = __atomic_load_n(&map[bit / BITS_PER_LONG], __ATOMIC_RELAXED);

	return (word >> (bit % BITS_PER_LONG)) & 1;
}

/** The first set (clear) bit at or after @from; @bits when there is none. */
size_t bitmap_find_next_set(const unsigned long *map, size_t bits, size_t from);
size_t bitmap_find_next_zero(const unsigned long *map, size_t bits, size_t from);

static inline size_t bitmap_find_first_set(const unsigned long *map, size_t bits)
{
	return bitmap_find_next_set(map, bits, 0);
}

static inline size_t bitmap_find_first_zero(const unsigned long *map, size_t bits)
{
	return bitmap_find_next_zero(map, bits, 0);
}

/** The number of set bits. */
size_t bitmap_weight(const unsigned long *map, size_t bits);

/** dst = a op b; dst may be a or b. */
void bitmap_and(unsigned long *dst, const unsigned long *a, const unsigned long *b, size_t bits);
void bitmap_or(unsigned long *dst, const unsigned long *a, const unsigned long *b, size_t bits);
void bitmap_andnot(unsigned long *dst, const unsigned long *a, const unsigned long *b, size_t bits);

void bitmap_copy(unsigned long *dst, const unsigned long *src, size_t bits);
void bitmap_fill(unsigned long *map, size_t bits);
void bitmap_zero(unsigned long *map, size_t bits);

/** Set (clear) @count bits from @from on. */
void bitmap_set_range(unsigned long *map, size_t from, size_t count);
void bitmap_clear_range(unsigned long *map, size_t from, size_t count);

bool bitmap_is_empty(const unsigned long *map, size_t bits);
bool bitmap_equal(const unsigned long *a, const unsigned long *b, size_t bits);
bool bitmap_intersects(const unsigned long *a, const unsigned long *b, size_t bits);

/** Whether every bit of @a is set in @b too. */
bool bitmap_is_subset(const unsigned long *a, const unsigned long *b, size_t bits);

/** Visit every set bit in ascending order; the body may clear the current one. */
#define bitmap_for_each_set(bit, map, bits)                                                        \
	for ((bit) = bitmap_find_next_set(map, bits, 0); (bit) < (size_t)(bits);                   \
	     (bit) = bitmap_find_next_set(map, bits, (bit) + 1))
