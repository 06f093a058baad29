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

static always_inline void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
	*a += *b, *d = rotl(*d ^ *a, 16);
	*c += *d, *b = rotl(*b ^ *c, 12);
	*a += *b, *d = rotl(*d ^ *a, 8);
	*c += *d, *b = rotl(*b ^ *c, 7);
}

void chacha_block(struct chacha *c, uint8_t *out)
{
	struct chacha s = *c;
	uint32_t *x = s.words;

	// Written out: with constant indices the state stays in registers.
	for (unsigned round = 0; round < 20; round += 2) {
		quarter_round(&x[0], &x[4], &x[8], &x[12]);
		quarter_round(&x[1], &x[5], &x[9], &x[13]);
		quarter_round(&x[2], &x[6], &x[10], &x[14]);
		quarter_round(&x[3], &x[7], &x[11], &x[15]);
		quarter_round(&x[0], &x[5], &x[10], &x[15]);
		quarter_round(&x[1], &x[6], &x[11], &x[12]);
		quarter_round(&x[2], &x[7], &x[8], &x[13]);
		quarter_round(&x[3], &x[4], &x[9], &x[14]);
	}
	for (unsigned i = 0; i < 16; i++)
		store_le32(out + 4 * i, x[i] + c->words[i]);
	c->words[12]++;
}
