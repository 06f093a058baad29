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

/** The CPU may hold translations of @space, so shootdowns reach it. */
static inline bool mm_space_is_known(struct hal_percpu *cpu, struct mm_space *space)
{
	return likely(load_relaxed(&space->last_cpu) == cpu->cpu) ||
	       (__atomic_load_n(&space->active.bits[cpu->cpu / BITS_PER_LONG], __ATOMIC_RELAXED) >>
			(cpu->cpu % BITS_PER_LONG) &
		1);
}

/** @tag is of the generation whose ASIDs this CPU's TLB may hold. */
static inline bool mm_tag_is_current(const struct mm_cpu *cpu, uint64_t tag)
{
	return (tag ^ cpu->generation) >> MM_ASID_SHIFT == 0;
}

/** @space may be made this CPU's by mm_space_activate_fast(). @cpu is this CPU. */
static inline bool mm_space_is_fast(struct hal_percpu *cpu, struct mm_space *space)
{
	if (HAL_TLB_BROADCASTS)
		return mm_tag_is_current(mm_cpu_of(cpu), load_relaxed(&space->asid_tag));
	return mm_space_is_known(cpu, space);
}

/** What the MMU gets for @space under @tag. */
static inline uint64_t mm_space_token(const struct mm_space *space, uint64_t tag)
{
	if (!HAL_ASIDS)
		return space->mmu_token;
	return space->mmu_token | (tag & MM_ASID_MASK) << HAL_MMU_TOKEN_ASID_SHIFT;
}

/** Interrupts off. User addresses are @space's once the CPU is in user mode, or after hal_mmu_sync(). */
static inline void mm_space_activate_fast(struct hal_percpu *this_cpu, struct mm_space *space)
{
	struct mm_cpu *cpu = mm_cpu_of(this_cpu);
	// Read once: another CPU may give the space its tag in the next generation at any moment.
	uint64_t tag = HAL_ASIDS ? load_relaxed(&space->asid_tag) : 0;
	if (HAL_ASIDS && !HAL_TLB_BROADCASTS && unlikely(!mm_tag_is_current(cpu, tag))) {
		mm_space_activate_slow(space);
		return;
	}
	if (HAL_ASIDS)
		store_relaxed(&cpu->asid_tag, tag);
	if (HAL_TLB_BROADCASTS) {
		// Either a roll-over of ASIDs on another CPU sees the tag, or it is seen here.
		fence_seq_cst();
		if (unlikely(load_relaxed(&mm_asid_generation) != cpu->generation)) {
			mm_space_activate_slow(space);
			return;
		}
	}
	hal_mmu_activate(mm_space_token(space, tag));
	store_release(&cpu->space, space);
}
