// SPDX-License-Identifier: MIT
// String functions that a C library lacks, so that hosted builds compile them too.
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include <lib/string.h>

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
