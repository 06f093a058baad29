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

/** Where the page of @va can be written, as by its mapping; false: not without a fault. @space is locked for reading
 *  or writing: such a page stays, as faults replace only what cannot be written. */
static always_inline bool mm_writable_page(struct mm_space *space, vaddr_t va, char **page)
{
	pte_t *entry;
	if (unlikely(!pagetable_find(&space->table, va, &entry)))
		return false;
	// The bits that say "writable" and "device", from entries that differ in nothing else.
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE, device = prot | HAL_PROT_DEVICE;
	uint64_t memory = hal_pte_leaf(0, prot, 0).bits;
	uint64_t differ = (memory ^ hal_pte_leaf(0, HAL_PROT_READ, 0).bits) |
			  (memory ^ hal_pte_leaf(0, device, 0).bits) |
			  (memory ^ hal_pte_leaf(0, device | HAL_PROT_COMBINE, 0).bits);
	pte_t pte = pte_load(entry);
	if (unlikely(!hal_pte_is_present(pte) || ((pte.bits ^ memory) & differ)))
		return false;
	frame_written(frame_of(hal_pte_paddr(pte)));
	*page = hal_direct(hal_pte_paddr(pte));
	return true;
}
