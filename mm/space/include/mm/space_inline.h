// SPDX-License-Identifier: MIT
// Which address space a CPU has, and the switch between two that it both knows: space.h's fast forms.
// asid.c has the theory.
#pragma once

/** What this CPU's MMU is set to. Written by its CPU only, read by others. */
struct mm_cpu {
	struct mm_space *_Atomic space; // whose root is loaded; NULL = none
	_Atomic uint64_t asid_tag; // with which ASID; 0 = none
	uint64_t generation; // of ASIDs that this CPU's TLB may hold, << MM_ASID_SHIFT
};
static_assert(sizeof(struct mm_cpu) == sizeof(((struct hal_percpu *)0)->mm), "its place");
extern _Atomic uint64_t mm_asid_generation; // << MM_ASID_SHIFT

/** It stands in the head of the CPU's area, where the fast path reaches it in one load. */
static inline struct mm_cpu *mm_cpu_of(struct hal_percpu *cpu)
{
	return (struct mm_cpu *)cpu->mm;
}

static inline struct mm_cpu *mm_this_cpu(void)
{
	return mm_cpu_of(hal_percpu());
}

/** @space may be made this CPU's by mm_space_activate_fast(). @cpu is this CPU. */
static inline bool mm_space_is_fast(struct hal_percpu *cpu, struct mm_space *space)
{
	if (HAL_ASIDS &&
	    (load_relaxed(&space->asid_tag) ^ mm_cpu_of(cpu)->generation) >> MM_ASID_SHIFT)
		return false;
	return HAL_TLB_BROADCASTS || likely(load_relaxed(&space->last_cpu) == cpu->cpu) ||
	       bitmap_test(space->active.bits, cpu->cpu);
}

/** Interrupts off. User addresses are @space's once the CPU is in user mode, or after hal_mmu_sync(). */
static inline void mm_space_activate_fast(struct hal_percpu *this_cpu, struct mm_space *space)
{
	struct mm_cpu *cpu = mm_cpu_of(this_cpu);
	if (HAL_ASIDS)
		store_relaxed(&cpu->asid_tag, load_relaxed(&space->asid_tag));
	if (HAL_TLB_BROADCASTS) {
		// Either a roll-over of ASIDs on another CPU sees the tag, or it is seen here.
		fence_seq_cst();
		if (unlikely(load_relaxed(&mm_asid_generation) != cpu->generation)) {
			mm_space_activate_slow(space);
			return;
		}
	}
	hal_mmu_activate(space->mmu_token);
	store_release(&cpu->space, space);
}
