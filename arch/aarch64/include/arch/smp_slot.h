// SPDX-License-Identifier: MIT
// What a starting CPU must know; it finds its slot by its MPIDR.
#pragma once

#include <lib/types.h>

struct arch_smp_slot {
	uint64_t hwid;
	vaddr_t stack_top; // 0: not asked to start yet
	void *percpu;
	_Atomic uint32_t is_penned; // a CPU from a spin table that waits to be let out again
};

/** By dense CPU number; the first arch_smp_slot_count are filled. */
extern struct arch_smp_slot arch_smp_slots[];
extern uint64_t arch_smp_slot_count;
