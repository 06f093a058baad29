// SPDX-License-Identifier: MIT
// The memory and string functions that a hosted build takes from its C library; only kernel builds
// compile this file. Blocks are moved in aligned 64-bit words, 64 bytes per round; where source and
// destination disagree in alignment, words are put together by shifts (little-endian machines), so
// no access is ever unaligned and none reaches outside the given ranges.
//
// Loops here must stay loops: a compiler that recognises one as memcpy() would call the function
// from within itself. clang does not in freestanding code; gcc needs to be told.
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#define STRING_WITHOUT_BUILTINS
#include <lib/string.h>

typedef uint64_t __attribute__((may_alias)) word_t;

#define WORD sizeof(word_t)
#define ROUND (8 * WORD)

/** Copy upwards; right for overlapping ranges when @d is below @s. The empty asm keeps all eight
 *  loads in front of the stores, so that they become pairs where the machine has such. */
static always_inline size_t copy_words(uint8_t *d, const uint8_t *s, size_t n)
{
	size_t done = 0;

	for (; n - done >= ROUND; done += ROUND) {
		word_t *to = (word_t *)(d + done);
		const word_t *from = (const word_t *)(s + done);
		word_t a = from[0], b = from[1], c = from[2], e = from[3];
		word_t f = from[4], g = from[5], h = from[6], i = from[7];

		__asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(e));
		__asm__("" : "+r"(f), "+r"(g), "+r"(h), "+r"(i));
		to[0] = a, to[1] = b, to[2] = c, to[3] = e;
		to[4] = f, to[5] = g, to[6] = h, to[7] = i;
	}
	for (; n - done >= WORD; done += WORD)
		*(word_t *)(d + done) = *(const word_t *)(s + done);
	return done;
}

/** As copy_words() for an unaligned @s: the bytes before its first word boundary go into a carry,
 *  which every further word completes. */
static size_t copy_shifted(uint8_t *d, const uint8_t *s, size_t n)
{
	size_t lead = -(uintptr_t)s % WORD;
	unsigned shift = 8 * lead;
	size_t done = 0;
	word_t carry = 0;

	if (n < lead + WORD)
		return 0;
	for (size_t i = 0; i < lead; i++)
		carry |= (word_t)s[i] << (8 * i);
	for (; n - done >= lead + 4 * WORD; done += 4 * WORD) {
		word_t *to = (word_t *)(d + done);
		const word_t *from = (const word_t *)(s + lead + done);
		word_t a = from[0], b = from[1], c = from[2], e = from[3];

		to[0] = carry | a << shift;
		to[1] = a >> (64 - shift) | b << shift;
		to[2] = b >> (64 - shift) | c << shift;
		to[3] = c >> (64 - shift) | e << shift;
		carry = e >> (64 - shift);
	}
	for (; n - done >= lead + WORD; done += WORD) {
		word_t a = *(const word_t *)(s + lead + done);

		*(word_t *)(d + done) = carry | a << shift;
		carry = a >> (64 - shift);
	}
	return done;
}

/** Copy upwards, @n of 8 or more. */
static no_inline void *copy_long(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	size_t head = -(uintptr_t)d % WORD;

	n -= head;
	while (head--)
		*d++ = *s++;
	size_t done = is_aligned((uintptr_t)s, WORD) ? copy_words(d, s, n) : copy_shifted(d, s, n);

	while (done < n) {
		d[done] = s[done];
		done++;
	}
	return dst;
}

/** Copy upwards. Short copies stay here, because copy_long() has to save registers. */
static always_inline void *copy_up(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;

	if (n >= WORD) {
		if (n >= ROUND || !is_aligned((uintptr_t)d | (uintptr_t)s, WORD))
			return copy_long(dst, src, n);
		for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
			*(word_t *)d = *(const word_t *)s;
	}
	while (n--)
		*d++ = *s++;
	return dst;
}

static void copy_down(uint8_t *d, const uint8_t *s, size_t n)
{
	if (is_aligned((uintptr_t)d ^ (uintptr_t)s, WORD)) {
		for (; n && !is_aligned((uintptr_t)(d + n), WORD); n--)
			d[n - 1] = s[n - 1];
		for (; n >= WORD; n -= WORD)
			*(word_t *)(d + n - WORD) = *(const word_t *)(s + n - WORD);
	}
	while (n--)
		d[n] = s[n];
}

void *memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	return copy_up(dst, src, n);
}

void *memmove(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return copy_up(dst, src, n);
	copy_down(dst, src, n);
	return dst;
}

static always_inline uint8_t *set_words(uint8_t *d, word_t word, size_t n)
{
	word_t *to = (word_t *)d;

	for (; n >= ROUND; n -= ROUND, to += 8) {
		to[0] = word, to[1] = word, to[2] = word, to[3] = word;
		to[4] = word, to[5] = word, to[6] = word, to[7] = word;
	}
	for (; n >= WORD; n -= WORD)
		*to++ = word;
	return (uint8_t *)to;
}

void *memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;

	if (n >= WORD) {
		for (; !is_aligned((uintptr_t)d, WORD); n--)
			*d++ = c;
		d = set_words(d, (uint8_t)c * 0x0101010101010101ull, n);
		n %= WORD;
	}
	while (n--)
		*d++ = c;
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const uint8_t *x = a;
	const uint8_t *y = b;

	if (is_aligned((uintptr_t)x | (uintptr_t)y, WORD)) {
		for (; n >= WORD && *(const word_t *)x == *(const word_t *)y; n -= WORD) {
			x += WORD;
			y += WORD;
		}
	}
	for (; n; n--, x++, y++) {
		if (*x != *y)
			return *x - *y;
	}
	return 0;
}

void *memchr(const void *s, int c, size_t n)
{
	for (const uint8_t *p = s; n; n--, p++) {
		if (*p == (uint8_t)c)
			return (void *)(uintptr_t)p;
	}
	return NULL;
}

size_t strlen(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return end - s;
}

size_t strnlen(const char *s, size_t max)
{
	size_t len = 0;

	while (len < max && s[len])
		len++;
	return len;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n; n--, a++, b++) {
		if (*a != *b || !*a)
			return (uint8_t)*a - (uint8_t)*b;
	}
	return 0;
}

char *strchr(const char *s, int c)
{
	for (;; s++) {
		if (*s == (char)c)
			return (char *)(uintptr_t)s;
		if (!*s)
			return NULL;
	}
}

char *strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++);
	return (char *)(uintptr_t)found;
}
