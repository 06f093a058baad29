// SPDX-License-Identifier: MIT
// ChaCha20 (RFC 8439): the block function under the kernel's random numbers.
#pragma once

#include <lib/types.h>

#define CHACHA_KEY_BYTES 32
#define CHACHA_NONCE_BYTES 12
#define CHACHA_BLOCK_BYTES 64

// The 16 words: constants, key, counter (word 12), nonce.
struct chacha {
	uint32_t words[16];
};

void chacha_init(struct chacha *c, const uint8_t *key, const uint8_t *nonce, uint32_t counter);

/** Write the block of the current counter and step the counter (modulo 2^32). */
void chacha_block(struct chacha *c, uint8_t *out);
