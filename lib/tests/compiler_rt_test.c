// SPDX-License-Identifier: MIT
// If these fail, bit searches in bitmaps and schedulers go wrong on machines without the
// instructions. Compiled here under other names: compilers prefer their own instructions.
#define __popcountdi2 tested_popcountdi2
#define __popcountsi2 tested_popcountsi2
#define __clzdi2 tested_clzdi2
#define __clzsi2 tested_clzsi2
#define __ctzdi2 tested_ctzdi2
#define __ctzsi2 tested_ctzsi2
#define __ffsdi2 tested_ffsdi2
#define __ffssi2 tested_ffssi2
#define __paritydi2 tested_paritydi2
#define __paritysi2 tested_paritysi2
#define __bswapdi2 tested_bswapdi2
#define __bswapsi2 tested_bswapsi2

#include "../compiler_rt.c"

#include <lib/test.h>

TEST(lib, compiler_helpers_find_every_bit)
{
	for (int i = 0; i < 64; i++) {
		uint64_t bit = 1ull << i;

		EXPECT_EQ(__ctzdi2(bit), i);
		EXPECT_EQ(__ctzdi2(~0ull << i), i);
		EXPECT_EQ(__clzdi2(bit), 63 - i);
		EXPECT_EQ(__clzdi2(bit | (bit - 1)), 63 - i);
		EXPECT_EQ(__ffsdi2(bit), i + 1);
		EXPECT_EQ(__popcountdi2(bit - 1), i);
		EXPECT_EQ(__paritydi2(bit - 1), i & 1);
	}
	EXPECT_EQ(__popcountdi2(~0ull), 64);
	EXPECT_EQ(__ffsdi2(0), 0);
}

TEST(lib, compiler_helpers_of_32_bits)
{
	for (int i = 0; i < 32; i++) {
		uint32_t bit = 1u << i;

		EXPECT_EQ(__ctzsi2(bit), i);
		EXPECT_EQ(__clzsi2(bit), 31 - i);
		EXPECT_EQ(__ffssi2(bit), i + 1);
		EXPECT_EQ(__popcountsi2(bit - 1), i);
		EXPECT_EQ(__paritysi2(bit - 1), i & 1);
	}
}

TEST(lib, compiler_helpers_swap_bytes)
{
	EXPECT_EQ(__bswapdi2(0x0123456789abcdefull), 0xefcdab8967452301ull);
	EXPECT_EQ(__bswapsi2(0x01234567u), 0x67452301u);
}
