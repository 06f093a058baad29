// SPDX-License-Identifier: MIT
// The helpers that compilers call for operations a machine lacks (RISC-V without Zbb, AArch64
// without vector registers); the compilers' own libraries cannot be linked into a kernel.
// None may be written with the builtin it implements: that would call itself.
#include <lib/types.h>

int __popcountdi2(uint64_t x);
int __popcountsi2(uint32_t x);
int __clzdi2(uint64_t x);
int __clzsi2(uint32_t x);
int __ctzdi2(uint64_t x);
int __ctzsi2(uint32_t x);
int __ffsdi2(uint64_t x);
int __ffssi2(uint32_t x);
int __paritydi2(uint64_t x);
int __paritysi2(uint32_t x);
uint64_t __bswapdi2(uint64_t x);
uint32_t __bswapsi2(uint32_t x);

int __popcountdi2(uint64_t x)
{
	x -= (x >> 1) & 0x5555555555555555ull;
	x = (x & 0x3333333333333333ull) + ((x >> 2) & 0x3333333333333333ull);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return (x * 0x0101010101010101ull) >> 56;
}

int __popcountsi2(uint32_t x)
{
	return __popcountdi2(x);
}

// The position of a lone bit by a de Bruijn multiplication: 64 products, 64 different top 6 bits.
static const uint8_t bit_index[64] = {
	0,  1,  2,  53, 3,  7,  54, 27, 4,  38, 41, 8,  34, 55, 48, 28, 62, 5,  39, 46, 44, 42,
	22, 9,  24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
	23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
};

int __ctzdi2(uint64_t x)
{
	return bit_index[((x & -x) * 0x022fdd63cc95386dull) >> 58];
}

int __ctzsi2(uint32_t x)
{
	return __ctzdi2(x);
}

int __clzdi2(uint64_t x)
{
	x |= x >> 1;
	x |= x >> 2;
	x |= x >> 4;
	x |= x >> 8;
	x |= x >> 16;
	x |= x >> 32;
	return 63 - bit_index[((x ^ (x >> 1)) * 0x022fdd63cc95386dull) >> 58];
}

int __clzsi2(uint32_t x)
{
	return __clzdi2(x) - 32;
}

int __ffsdi2(uint64_t x)
{
	return x ? __ctzdi2(x) + 1 : 0;
}

int __ffssi2(uint32_t x)
{
	return __ffsdi2(x);
}

int __paritydi2(uint64_t x)
{
	return __popcountdi2(x) & 1;
}

int __paritysi2(uint32_t x)
{
	return __popcountdi2(x) & 1;
}

// One byte at a time, because a compiler turns the usual shift-and-mask forms back into the call.
uint64_t __bswapdi2(uint64_t x)
{
	uint64_t swapped = 0;

	for (unsigned i = 0; i < 8; i++) {
		swapped = swapped << 8 | (x & 0xff);
		x >>= 8;
		__asm__("" : "+r"(x));
	}
	return swapped;
}

uint32_t __bswapsi2(uint32_t x)
{
	return __bswapdi2(x) >> 32;
}
