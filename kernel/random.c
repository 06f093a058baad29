// SPDX-License-Identifier: MIT
// Random bytes. The key is 32 bytes; each draw makes a block stream whose first 32 bytes become the
// next key before any of the rest is handed out.
#include <hal/clock.h>
#include <hal/cpu.h>
#include <kernel/lock.h>
#include <kernel/random.h>
#include <lib/chacha.h>
#include <lib/string.h>

static struct spinlock lock = SPINLOCK_INIT;
static uint8_t key[CHACHA_KEY_BYTES]; // lock
static uint8_t nonce[CHACHA_NONCE_BYTES]; // lock; counts draws

static void next_nonce(void)
{
	for (unsigned i = 0; i < sizeof(nonce) && ++nonce[i] == 0; i++)
		;
}

/** Begin a stream and replace the key by its first half block (lock held). */
static void begin(struct chacha *stream, uint8_t *spare)
{
	uint8_t block[CHACHA_BLOCK_BYTES];
	next_nonce();
	chacha_init(stream, key, nonce, 0);
	chacha_block(stream, block);
	memcpy(key, block, sizeof(key));
	memcpy(spare, block + sizeof(key), sizeof(block) - sizeof(key));
}

void random_mix(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	uint8_t spare[CHACHA_BLOCK_BYTES - CHACHA_KEY_BYTES];
	struct chacha stream;
	irqflags_t flags = spin_lock_irqsave(&lock);
	for (size_t i = 0; i < len; i++) {
		key[i % sizeof(key)] ^= bytes[i];
		if (i % sizeof(key) == sizeof(key) - 1)
			begin(&stream, spare);
	}
	begin(&stream, spare);
	spin_unlock_irqrestore(&lock, flags);
}

void random_init(void)
{
	uint64_t ticks = hal_clock_read();
	uint8_t seed[32];
	random_mix(&ticks, sizeof(ticks));
	if (hal_cpu_random(seed, sizeof(seed)))
		random_mix(seed, sizeof(seed));
}

void random_bytes(void *buf, size_t len)
{
	uint8_t *to = buf, block[CHACHA_BLOCK_BYTES];
	uint8_t spare[CHACHA_BLOCK_BYTES - CHACHA_KEY_BYTES];
	struct chacha stream;
	irqflags_t flags = spin_lock_irqsave(&lock);
	begin(&stream, spare);
	spin_unlock_irqrestore(&lock, flags);
	size_t n = min(len, sizeof(spare));
	memcpy(to, spare, n);
	while (n < len) {
		size_t more = min(len - n, sizeof(block));
		chacha_block(&stream, block);
		memcpy(to + n, block, more);
		n += more;
	}
}
