// SPDX-License-Identifier: MIT
// ChaCha20, RFC 8439 section 2.3.
#include <lib/chacha.h>

static uint32_t load_le32(const uint8_t *p)
{
	return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static void store_le32(uint8_t *p, uint32_t x)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = x >> (8 * i);
}

void chacha_init(struct chacha *c, const uint8_t *key, const uint8_t *nonce, uint32_t counter)
{
	c->words[0] = 0x61707865; // "expand 32-byte k"
	c->words[1] = 0x3320646e;
	c->words[2] = 0x79622d32;
	c->words[3] = 0x6b206574;
	for (unsigned i = 0; i < 8; i++)
		c->words[4 + i] = load_le32(key + 4 * i);
	c->words[12] = counter;
	for (unsigned i = 0; i < 3; i++)
		c->words[13 + i] = load_le32(nonce + 4 * i);
}

static always_inline uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static always_inline void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
	x[a] += x[b], x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d], x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b], x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d], x[b] = rotl(x[b] ^ x[c], 7);
}

void chacha_block(struct chacha *c, uint8_t *out)
{
	uint32_t x[16];

	for (unsigned i = 0; i < 16; i++)
		x[i] = c->words[i];
	for (unsigned round = 0; round < 20; round += 2) {
		for (unsigned i = 0; i < 4; i++)
			quarter_round(x, i, 4 + i, 8 + i, 12 + i);
		for (unsigned i = 0; i < 4; i++)
			quarter_round(x, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
	}
	for (unsigned i = 0; i < 16; i++)
		store_le32(out + 4 * i, x[i] + c->words[i]);
	c->words[12]++;
}
