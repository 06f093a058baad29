// SPDX-License-Identifier: MIT
// All registers of a program: filled by a pattern, kept while somebody interrupts, compared.
#pragma once

#include "check.h"

struct registers {
	uint64_t general[32];
	uint64_t floating[64]; // 32 of 128 bits
	uint64_t flags;
};

/** Load all registers from @r, spin @loops times (at least 1), store them into @r. */
void registers_spin(struct registers *r, uint64_t loops);

static inline void registers_fill(struct registers *r, uint64_t seed)
{
	for (unsigned i = 0; i < 32; i++)
		r->general[i] = seed * 0x9e3779b97f4a7c15ull + i;
	for (unsigned i = 0; i < 64; i++)
		r->floating[i] = seed * 0xc2b2ae3d27d4eb4full + i;
#if defined(__x86_64__)
	r->flags = 0x202 | (seed & 1) | (seed & 2 ? 0x40 : 0) | (seed & 4 ? 0x800 : 0) | (seed & 8 ? 0x400 : 0);
#elif defined(__aarch64__)
	r->flags = (seed & 15) << 28;
#else
	r->flags = 0;
#endif
}

/** Fill, spin, compare; ends the program on the first difference. */
static inline void registers_check(uint64_t seed, uint64_t loops)
{
	struct registers now, expected;
	memset(&now, 0, sizeof(now));
	registers_fill(&now, seed);
	expected = now;
	registers_spin(&now, loops);
	for (unsigned i = 0; i < sizeof(now) / 8; i++) {
		if (((uint64_t *)&now)[i] != ((uint64_t *)&expected)[i]) {
			printf("register word %u: %#lx instead of %#lx\n", i,
				(unsigned long)((uint64_t *)&now)[i], (unsigned long)((uint64_t *)&expected)[i]);
			exit(1);
		}
	}
}
