// SPDX-License-Identifier: MIT
// Random bytes: a ChaCha20 generator seeded by the hardware, the boot loader's seed and the clock; its
// key is replaced after each draw, so that what was handed out cannot be computed back.
#pragma once

#include <lib/types.h>

/** Boot: take what entropy there is. */
void random_init(void);
/** Mix in more (device tree's rng-seed, writes to /dev/urandom, interrupt times). Any context. */
void random_mix(const void *data, size_t len);
void random_bytes(void *buf, size_t len);
