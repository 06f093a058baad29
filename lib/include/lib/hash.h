// SPDX-License-Identifier: MIT
// Hashes for tables. hash_bytes takes a seed so that a table fed by users can be keyed at boot.
#pragma once

#include <lib/types.h>

/** Mix all bits of @x (the finaliser of splitmix64). */
static inline uint64_t hash_u64(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

static inline uint64_t hash_ptr(const void *p)
{
	return hash_u64((uintptr_t)p);
}

/** FNV-1a over the bytes, finished by hash_u64() so that low bits may index a table. */
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);
uint64_t hash_string(const char *s, uint64_t seed);
