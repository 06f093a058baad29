// SPDX-License-Identifier: MIT
// FNV-1a, finished by a full mix.
#include <lib/hash.h>

#define FNV_OFFSET 0xcbf29ce484222325ull
#define FNV_PRIME 0x100000001b3ull

uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const uint8_t *p = data;
	uint64_t h = FNV_OFFSET ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * FNV_PRIME;
	return hash_u64(h);
}

uint64_t hash_string(const char *s, uint64_t seed)
{
	uint64_t h = FNV_OFFSET ^ seed;

	for (; *s; s++)
		h = (h ^ (uint8_t)*s) * FNV_PRIME;
	return hash_u64(h);
}
