// SPDX-License-Identifier: MIT
// Sorting, hashing, ChaCha20 and error names. If these fail, tables are out of order, hash tables
// degenerate, random numbers are not ChaCha20's.
#include <lib/chacha.h>
#include <lib/error.h>
#include <lib/hash.h>
#include <lib/sort.h>
#include <lib/string.h>
#include <lib/test.h>

#include <uapi/errno.h>

struct record {
	uint32_t key;
	uint8_t check;
} __attribute__((packed)); // 5 bytes: elements need not be aligned

static int by_key(const void *a, const void *b, void *arg)
{
	uint32_t x = ((const struct record *)a)->key, y = ((const struct record *)b)->key;

	++*(size_t *)arg;
	return x < y ? -1 : x > y;
}

TEST(lib, sort_orders_and_keeps_all)
{
	static struct record r[300];

	for (size_t n = 0; n <= array_len(r); n += n < 10 ? 1 : 29) {
		size_t compares = 0, wrong = 0;
		uint64_t sum = 0;

		for (size_t i = 0; i < n; i++) {
			r[i].key = hash_u64(i + n) % 100;
			r[i].check = r[i].key ^ 0x5a;
			sum += r[i].key;
		}
		sort(r, n, sizeof(r[0]), by_key, &compares);
		for (size_t i = 0; i < n; i++) {
			wrong += i && r[i - 1].key > r[i].key;
			wrong += r[i].check != (uint8_t)(r[i].key ^ 0x5a);
			sum -= r[i].key;
		}
		EXPECT_EQ(wrong, 0);
		EXPECT_EQ(sum, 0);
		EXPECT(compares <= 2 * n * 9 + n);
	}
}

TEST(lib, hash_spreads_neighbours)
{
	uint8_t seen[256] = {0};
	int empty = 0;

	for (uint64_t i = 0; i < 2048; i++)
		seen[hash_u64(i << 12) % 256] = 1;
	for (size_t i = 0; i < 256; i++)
		empty += !seen[i];
	EXPECT(empty < 4); // expected 0.1 of 256 buckets after 8 balls each
	EXPECT(hash_string("ab", 0) != hash_string("ba", 0));
	EXPECT(hash_string("ab", 0) != hash_string("ab", 1));
	EXPECT_EQ(hash_string("ab", 9), hash_bytes("ab", 2, 9));
	EXPECT(hash_bytes("a\0", 2, 0) != hash_bytes("a", 1, 0));
}

// RFC 8439, section 2.3.2.
TEST(lib, chacha_matches_the_rfc)
{
	static const uint8_t nonce[CHACHA_NONCE_BYTES] = {0, 0, 0, 9, 0, 0, 0, 0x4a};
	static const uint8_t want[CHACHA_BLOCK_BYTES] = {
		0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
		0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
		0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
		0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
		0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
	};
	uint8_t key[CHACHA_KEY_BYTES], out[CHACHA_BLOCK_BYTES];
	struct chacha c;

	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = i;
	chacha_init(&c, key, nonce, 1);
	chacha_block(&c, out);
	EXPECT_EQ(memcmp(out, want, sizeof(want)), 0);
	chacha_block(&c, out); // the counter moved on
	EXPECT(memcmp(out, want, sizeof(want)) != 0);
}

TEST(lib, error_names)
{
	EXPECT(strcmp(err_name(-ENOMEM), "ENOMEM") == 0);
	EXPECT(strcmp(err_name(EHWPOISON), "EHWPOISON") == 0);
	EXPECT(strcmp(err_name(-ERESTARTSYS), "ERESTARTSYS") == 0);
	EXPECT(strcmp(err_name(0), "OK") == 0);
	EXPECT(strcmp(err_name(-9999), "E?") == 0 && strcmp(err_name(INT_MIN), "E?") == 0);
	EXPECT_EQ(EAGAIN, 11);
	EXPECT_EQ(ENOTSUP, 95);
	EXPECT_EQ(ETIMEDOUT, 110);
}
