// SPDX-License-Identifier: MIT
// Copying and zeroing pages. A page is 512 words, written out in full, eight by eight by eight: a loop
// would add a tenth to an operation that stands on the paths of fork, exec and every anonymous page fault.
//
// Sanitized images leave this file as it is: written out, the checks would be 100 KiB; whole pages have no ends
// to overrun; and of two threads that copy one page on write, the first may free it while the second, who will
// find that he is late, reads on.
#ifndef __clang__
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include <lib/string.h>

typedef uint64_t __attribute__((may_alias)) word_t;

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
