// SPDX-License-Identifier: MIT
// Address-space identifiers, and which space a CPU has.
//
// ASIDs are given out in generations. A space's tag names the generation and its ASID in it. When a
// generation's ASIDs are used up the next begins, all ASIDs are free again, and each CPU flushes its
// whole TLB before it uses the first ASID of the new generation (mm_cpu.generation says how far it
// is). So on one CPU two spaces never share an ASID within what the TLB may hold. ASID 0 is no space's.
//
// A CPU may go on with a space that it has loaded under an old tag while the space gets a new one on
// another CPU. Where flushes are sent to CPUs, each flushes by the tag that it noted, and all is well.
// Where hardware broadcasts them (HAL_TLB_BROADCASTS), they name one ASID; so there a new generation
// leaves every CPU's present ASID to the space that has it:
//
//   CPU A, activate_fast            CPU B, new generation
//   note tag in mm_cpu              store generation
//   full fence                      full fence
//   load generation                 load tags of all CPUs: these ASIDs stay taken
//
// Either B sees A's tag, or A sees B's generation and takes the long way. With no ASIDs in hardware
// (width 0) every activation flushes, and one generation lasts for ever.
//
// Lock: asid.lock, interrupts off; taken at a switch, so below a run queue's lock.
#include <hal/bootinfo.h>
#include <kernel/assert.h>
#include <kernel/upcall.h>
#include <lib/string.h>

#include "private.h"

#define ASID_MAX (1u << MM_ASID_SHIFT)
#define GENERATION_STEP (1ul << MM_ASID_SHIFT)

_Atomic uint64_t mm_asid_generation = GENERATION_STEP;
#if CONFIG_TESTS
uint32_t mm_asid_test_count;
#endif

static struct {
	struct spinlock lock;
	uint32_t last; // tried in this generation (lock)
	bool has_kept; // some ASIDs of this generation were taken from the start (lock)
	BITMAP(kept, HAL_TLB_BROADCASTS ? ASID_MAX : 1); // which (lock)
	// The CPUs' tags when the generation began (lock)
	uint64_t kept_tags[HAL_TLB_BROADCASTS ? CPUS_MAX : 1];
} asid; // all zero, so that its 12 KiB are not in the image

static uint64_t tag_of_cpu(cpuid_t cpu)
{
	return load_relaxed(&mm_cpu_of(hal_percpu_of(cpu))->asid_tag);
}

/** Begin a new generation. Returns it. */
static uint64_t advance_locked(void)
{
	uint64_t generation = load_relaxed(&mm_asid_generation) + GENERATION_STEP;
	store_relaxed(&mm_asid_generation, generation);
	asid.last = 0;
	if (!HAL_TLB_BROADCASTS)
		return generation;
	fence_seq_cst();
	bitmap_zero(asid.kept, ASID_MAX);
	memset(asid.kept_tags, 0, sizeof(asid.kept_tags));
	asid.has_kept = true;
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		asid.kept_tags[cpu] = tag_of_cpu((cpuid_t)cpu);
		bitmap_set(asid.kept, asid.kept_tags[cpu] & MM_ASID_MASK);
	}
	return generation;
}

/** @tag's ASID was left to its space: a CPU has it, noted in a generation not after @tag's. (In a
 *  later one the ASID was another space's.) */
static bool is_kept_locked(uint64_t tag)
{
	if (!HAL_TLB_BROADCASTS || !asid.has_kept || (tag & MM_ASID_MASK) == 0 ||
	    !bitmap_test(asid.kept, tag & MM_ASID_MASK))
		return false;
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		uint64_t kept = asid.kept_tags[cpu];
		if ((kept & MM_ASID_MASK) == (tag & MM_ASID_MASK) &&
		    kept >> MM_ASID_SHIFT <= tag >> MM_ASID_SHIFT)
			return true;
	}
	return false;
}

/** ASIDs 1 to this - 1 can be given out; 1: there are none. */
static uint32_t asid_count(void)
{
	uint32_t count = 1u << min(hal_mmu_asid_bits(), (unsigned)MM_ASID_SHIFT);
#if CONFIG_TESTS
	if (mm_asid_test_count)
		count = min(count, mm_asid_test_count);
#endif
	return count;
}

/** A free ASID of this generation, or 0. */
static uint32_t take_locked(uint32_t count)
{
	while (asid.last + 1 < count) {
		uint32_t taken = ++asid.last;
		if (!HAL_TLB_BROADCASTS || !asid.has_kept || !bitmap_test(asid.kept, taken))
			return taken;
	}
	return 0;
}

static uint64_t new_tag_locked(uint64_t old_tag)
{
	uint64_t generation = load_relaxed(&mm_asid_generation);
	uint32_t count = asid_count();
	if (count == 1)
		return generation;
	if (is_kept_locked(old_tag))
		return generation | (old_tag & MM_ASID_MASK);
	uint32_t taken = take_locked(count);
	if (taken)
		return generation | taken;
	generation = advance_locked();
	if (is_kept_locked(old_tag))
		return generation | (old_tag & MM_ASID_MASK);
	taken = take_locked(count);
	verify(taken != 0); // more CPUs than ASIDs: no such machine
	return generation | taken;
}

/** Nothing of an old generation is in this CPU's TLB any more, nor comes in through the root that is
 *  loaded under an old ASID. */
static void join_generation(struct mm_cpu *cpu, uint64_t generation)
{
	hal_mmu_deactivate();
	hal_tlb_flush_all();
	cpu->generation = generation;
}

static void mark_active(struct mm_space *space)
{
	cpuid_t cpu = this_cpu();
	unsigned long bit = 1ul << (cpu % BITS_PER_LONG);
	unsigned long *word = &space->active.bits[cpu / BITS_PER_LONG];
	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & bit))
		__atomic_fetch_or(word, bit, __ATOMIC_SEQ_CST);
	store_relaxed(&space->last_cpu, cpu);
	// Who changes an entry and then does not find the bit: his change is seen by this CPU's walks.
	fence_seq_cst();
}

void mm_space_activate_slow(struct mm_space *space)
{
	struct mm_cpu *cpu = mm_this_cpu();
	spin_lock(&asid.lock);
	uint64_t tag = load_relaxed(&space->asid_tag);
	if ((tag ^ load_relaxed(&mm_asid_generation)) >> MM_ASID_SHIFT) {
		tag = new_tag_locked(tag);
		store_relaxed(&space->asid_tag, tag);
	}
	if ((tag ^ cpu->generation) >> MM_ASID_SHIFT)
		join_generation(cpu, tag & ~(uint64_t)MM_ASID_MASK);
	uint64_t token = hal_mmu_token(space->root, tag & MM_ASID_MASK);
	__atomic_store_n(&space->mmu_token, token, __ATOMIC_RELAXED);
	mark_active(space);
	atomic_store_explicit(&cpu->asid_tag, tag, memory_order_relaxed);
	spin_unlock(&asid.lock);
	hal_mmu_activate(token);
	hal_mmu_sync();
	atomic_store_explicit(&cpu->space, space, memory_order_release);
}

void mm_space_activate(struct mm_space *space)
{
	assert_irqs_off();
	if (!space || load_relaxed(&mm_this_cpu()->space) == space)
		return;
	if (mm_space_is_fast(hal_percpu(), space)) {
		mm_space_activate_fast(hal_percpu(), space);
		hal_mmu_sync();
	} else {
		mm_space_activate_slow(space);
	}
}

void upcall_activate_space(struct mm_space *space)
{
	mm_space_activate(space);
}

static void leave_call(void *space)
{
	struct mm_cpu *cpu = mm_this_cpu();
	if (load_relaxed(&cpu->space) != space)
		return;
	hal_mmu_deactivate();
	atomic_store_explicit(&cpu->space, NULL, memory_order_relaxed);
	atomic_store_explicit(&cpu->asid_tag, 0, memory_order_relaxed);
}

void upcall_leave_space(void)
{
	leave_call(load_relaxed(&mm_this_cpu()->space));
}

void asid_chase_away(struct mm_space *space)
{
	// No CPU can come to the space any more, so who is not found with it now never will be.
	struct cpuset there = {{0}};
	bool is_elsewhere = false;
	size_t cpu;
	irqflags_t flags = hal_irq_save();
	leave_call(space);
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX) {
		if (load_acquire(&mm_cpu_of(hal_percpu_of(cpu))->space) == space) {
			bitmap_set(there.bits, cpu);
			is_elsewhere = true;
		}
	}
	hal_irq_restore(flags);
	if (is_elsewhere)
		smp_call_many(&there, leave_call, space);
}
