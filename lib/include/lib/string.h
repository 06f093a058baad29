// SPDX-License-Identifier: MIT
// Memory and string functions. The C library's names are defined in memory.c, which hosted builds
// leave out because they have a C library; everything else is in string.c.
#pragma once

#include <lib/types.h>

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);

#if !CONFIG_HOST && !defined(STRING_WITHOUT_BUILTINS)
// Freestanding code has no built-in functions unless it asks: so short copies of known length become a few
// moves instead of a call.
#define memcpy(dst, src, n) __builtin_memcpy(dst, src, n)
#define memset(dst, c, n) __builtin_memset(dst, c, n)
#endif

size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

/** Copy (append) @src into @dst of @size bytes, always terminated when @size > 0.
 *  Returns the length it would have had: truncated when >= @size. */
size_t strlcpy(char *restrict dst, const char *restrict src, size_t size);
size_t strlcat(char *restrict dst, const char *restrict src, size_t size);

/** Whether @s begins with @prefix. */
bool str_has_prefix(const char *s, const char *prefix);

/** One 4096-byte page, addresses 4096-aligned, not the same. */
void mem_copy_page(void *dst, const void *src);
void mem_zero_page(void *page);

/** Parse digits of @base (2..36; 0 = by the prefix 0x, 0b, 0o, else 10) into *@value.
 *  *@end (if not NULL) gets the first character not used. False, and nothing written, when there
 *  is no digit or the number does not fit; no sign and no blanks are accepted. */
bool parse_u64(const char *s, unsigned base, uint64_t *value, const char **end);

/** Parse a number with an optional suffix K, M, G, T (powers of 1024, either case) that fills the
 *  whole string up to its end, a blank or a comma. *@end as above. */
bool parse_size(const char *s, uint64_t *bytes, const char **end);
