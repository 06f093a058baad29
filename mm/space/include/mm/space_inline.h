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
DECLARE_PERCPU(struct mm_cpu, mm_cpu);
extern _Atomic uint64_t mm_asid_generation; // << MM_ASID_SHIFT

static inline bool mm_space_is_fast(struct mm_space *space)
{
	if (HAL_ASIDS && (load_relaxed(&space->asid_tag) & ~(uint64_t)MM_ASID_MASK) !=
				 this_cpu_ptr(mm_cpu)->generation)
		return false;
	return HAL_TLB_BROADCASTS || bitmap_test(space->active.bits, this_cpu());
}

static inline void mm_space_activate_fast(struct mm_space *space)
{
	struct mm_cpu *cpu = this_cpu_ptr(mm_cpu);
	uint64_t tag = load_relaxed(&space->asid_tag);
	if (HAL_ASIDS)
		atomic_store_explicit(&cpu->asid_tag, tag, memory_order_relaxed);
	if (HAL_TLB_BROADCASTS) {
		// Either a roll-over of ASIDs on another CPU sees the tag, or it is seen here.
		fence_seq_cst();
		if (unlikely(load_relaxed(&mm_asid_generation) != cpu->generation)) {
			mm_space_activate_slow(space);
			return;
		}
	}
	hal_mmu_activate(space->root, tag & MM_ASID_MASK);
	atomic_store_explicit(&cpu->space, space, memory_order_release);
}
