// SPDX-License-Identifier: MIT
// String and page functions that a C library lacks, so that hosted builds compile them too.
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include <lib/string.h>

typedef uint64_t __attribute__((may_alias)) word_t;

size_t strlcpy(char *restrict dst, const char *restrict src, size_t size)
{
	size_t len = 0;

	for (; src[len]; len++) {
		if (len + 1 < size)
			dst[len] = src[len];
	}
	if (size)
		dst[len < size ? len : size - 1] = '\0';
	return len;
}

size_t strlcat(char *restrict dst, const char *restrict src, size_t size)
{
	size_t used = strnlen(dst, size);

	return used + strlcpy(dst + used, src, size - used);
}

bool str_has_prefix(const char *s, const char *prefix)
{
	while (*prefix) {
		if (*s++ != *prefix++)
			return false;
	}
	return true;
}

// A page is 512 words. Written out in full, eight by eight by eight: a loop would add a tenth to an
// operation that stands on the paths of fork, exec and every anonymous page fault.

static always_inline void copy_8(word_t *to, const word_t *from)
{
	word_t a = from[0], b = from[1], c = from[2], d = from[3];
	word_t e = from[4], f = from[5], g = from[6], h = from[7];

	// Keeps loads and stores apart: only neighbours become load-pair and store-pair.
	__asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f), "+r"(g), "+r"(h));
	to[0] = a, to[1] = b, to[2] = c, to[3] = d;
	to[4] = e, to[5] = f, to[6] = g, to[7] = h;
}

static always_inline void copy_64(word_t *to, const word_t *from)
{
	copy_8(to, from), copy_8(to + 8, from + 8);
	copy_8(to + 16, from + 16), copy_8(to + 24, from + 24);
	copy_8(to + 32, from + 32), copy_8(to + 40, from + 40);
	copy_8(to + 48, from + 48), copy_8(to + 56, from + 56);
}

/** 512 bytes, and on to the next. The addresses are hidden from the compiler after each step: it would
 *  compute one for each pair beyond the reach of a load-pair's offset. */
static always_inline void copy_step(word_t **to, const word_t **from)
{
	copy_64(*to, *from);
	*to += 64;
	*from += 64;
	__asm__("" : "+r"(*to), "+r"(*from));
}

void mem_copy_page(void *dst, const void *src)
{
	word_t *to = __builtin_assume_aligned(dst, 4096);
	const word_t *from = __builtin_assume_aligned(src, 4096);

	copy_step(&to, &from), copy_step(&to, &from);
	copy_step(&to, &from), copy_step(&to, &from);
	copy_step(&to, &from), copy_step(&to, &from);
	copy_step(&to, &from), copy_step(&to, &from);
}

static always_inline void zero_8(word_t *to)
{
	to[0] = 0, to[1] = 0, to[2] = 0, to[3] = 0;
	to[4] = 0, to[5] = 0, to[6] = 0, to[7] = 0;
}

static always_inline void zero_64(word_t *to)
{
	zero_8(to), zero_8(to + 8), zero_8(to + 16), zero_8(to + 24);
	zero_8(to + 32), zero_8(to + 40), zero_8(to + 48), zero_8(to + 56);
}

void mem_zero_page(void *page)
{
	word_t *to = __builtin_assume_aligned(page, 4096);

	zero_64(to), zero_64(to + 64), zero_64(to + 128), zero_64(to + 192);
	zero_64(to + 256), zero_64(to + 320), zero_64(to + 384), zero_64(to + 448);
}

static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return UINT_MAX;
}

static unsigned prefix_base(const char *s)
{
	unsigned base = 10;

	if (s[0] == '0' && (s[1] | 32) == 'x')
		base = 16;
	else if (s[0] == '0' && (s[1] | 32) == 'o')
		base = 8;
	else if (s[0] == '0' && (s[1] | 32) == 'b')
		base = 2;
	return base != 10 && digit_value(s[2]) < base ? base : 10;
}

bool parse_u64(const char *s, unsigned base, uint64_t *value, const char **end)
{
	uint64_t sum = 0;

	if (!base) {
		base = prefix_base(s);
		s += base == 10 ? 0 : 2;
	}
	if (digit_value(*s) >= base)
		return false;
	for (; digit_value(*s) < base; s++) {
		if (__builtin_mul_overflow(sum, (uint64_t)base, &sum) ||
		    __builtin_add_overflow(sum, (uint64_t)digit_value(*s), &sum))
			return false;
	}
	*value = sum;
	if (end)
		*end = s;
	return true;
}

static unsigned size_shift(char suffix)
{
	switch (suffix | 32) {
	case 'k':
		return 10;
	case 'm':
		return 20;
	case 'g':
		return 30;
	case 't':
		return 40;
	default:
		return 0;
	}
}

bool parse_size(const char *s, uint64_t *bytes, const char **end)
{
	uint64_t n;

	if (!parse_u64(s, 0, &n, &s))
		return false;
	unsigned shift = size_shift(*s);

	if (shift)
		s++;
	if ((*s && *s != ' ' && *s != ',') || n > UINT64_MAX >> shift)
		return false;
	*bytes = n << shift;
	if (end)
		*end = s;
	return true;
}
