// SPDX-License-Identifier: MIT
// Shootdown: after an entry lost permissions, every CPU that may hold its translation forgets it
// before the caller goes on. Only CPUs in space->active are asked. A CPU that is asked and does not
// have the space any more forgets all of it and leaves the set, so it is asked only once.
//
// Whoever changes entries stores them first, then (after a fence) reads the set; who joins the set
// puts in his bit first and (after a fence) walks tables. So a CPU missing in the set sees the change.
// Where hardware broadcasts flushes the same holds of the space's ASID in place of the set (tests/litmus/shootdown).
#include <hal/bootinfo.h>
#include <kernel/assert.h>
#include <lib/string.h>
#include <sched/sched.h>

#include "private.h"

#define FLUSH_PAGES_MAX 16 // beyond, all of the space

struct flush {
	struct mm_space *space;
	vaddr_t start, end;
};

static inline void flush_range_by(uint32_t asid, vaddr_t start, vaddr_t end)
{
	if (end - start > FLUSH_PAGES_MAX * HAL_PAGE_SIZE) {
		hal_tlb_flush_asid(asid);
		return;
	}
	for (vaddr_t va = start; va < end; va += HAL_PAGE_SIZE)
		hal_tlb_flush_page(asid, va);
}

static inline unsigned long *active_word(struct mm_space *space, cpuid_t cpu)
{
	return &space->active.bits[cpu / BITS_PER_LONG];
}

/** On each CPU of the set. */
static void flush_here(const struct flush *flush)
{
	struct mm_cpu *cpu = mm_this_cpu();
	if (load_relaxed(&cpu->space) == flush->space) {
		flush_range_by(load_relaxed(&cpu->asid_tag) & MM_ASID_MASK, flush->start,
			       flush->end);
		return;
	}
	// Entries under an ASID of an older generation cannot be used before this CPU flushes all.
	uint32_t asid = load_relaxed(&flush->space->asid_tag) & MM_ASID_MASK;
	if (asid)
		hal_tlb_flush_asid(asid);
	// No hint without a bit: the fast path believes the hint. It is not running here now.
	uint32_t self = this_cpu();
	(void)cas_acq_rel(&flush->space->last_cpu, &self, MM_NO_CPU);
	__atomic_fetch_and(active_word(flush->space, this_cpu()),
			   ~(1ul << (this_cpu() % BITS_PER_LONG)), __ATOMIC_SEQ_CST);
}

static void flush_call(void *arg)
{
	flush_here(arg);
}

/** Ask the other CPUs of the set. */
static no_inline void flush_elsewhere(struct flush *flush)
{
	struct cpuset others;
	for (unsigned i = 0; i < array_len(others.bits); i++)
		others.bits[i] = __atomic_load_n(&flush->space->active.bits[i], __ATOMIC_RELAXED);
	bitmap_clear(others.bits, this_cpu());
	smp_call_many(&others, flush_call, flush);
}

/** CPUs in @space->active beside @self; this one is flushed on the way. */
static inline unsigned long flush_self(struct flush *flush, cpuid_t self)
{
	unsigned long others = 0;
	size_t words = (bootinfo.cpu_count + BITS_PER_LONG - 1) / BITS_PER_LONG;
	for (size_t i = 0; i < words; i++) {
		unsigned long word = __atomic_load_n(&flush->space->active.bits[i], __ATOMIC_RELAXED);
		unsigned long bit = 1ul << (self % BITS_PER_LONG);
		if (i == self / BITS_PER_LONG && (word & bit)) {
			flush_here(flush);
			word &= ~bit;
		}
		others |= word;
	}
	return others;
}

static no_inline void flush_all_cpus(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct flush flush = {space, start, end};
	if (flush_self(&flush, this_cpu()))
		flush_elsewhere(&flush);
}

/** The usual case: the space is this CPU's, and no other CPU has it. */
static inline bool is_only_here(struct mm_space *space, struct mm_cpu *cpu)
{
	return bootinfo.cpu_count <= BITS_PER_LONG && load_relaxed(&cpu->space) == space &&
	       __atomic_load_n(&space->active.bits[0], __ATOMIC_RELAXED) == 1ul << this_cpu();
}

// Threads change CPUs only at preemption points, so in these this CPU stays this one.

/** Behind a fence after the entries' stores. */
static void flush_range(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	if (HAL_TLB_BROADCASTS) {
		uint32_t asid = load_relaxed(&space->asid_tag) & MM_ASID_MASK;
		if (asid)
			flush_range_by(asid, start, end);
		return;
	}
	struct mm_cpu *cpu = mm_this_cpu();
	if (likely(is_only_here(space, cpu)))
		flush_range_by(load_relaxed(&cpu->asid_tag) & MM_ASID_MASK, start, end);
	else
		flush_all_cpus(space, start, end);
}

void tlb_flush_range(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	fence_seq_cst();
	flush_range(space, start, end);
}

void tlb_flush_page(struct mm_space *space, vaddr_t va)
{
	fence_seq_cst();
	struct mm_cpu *cpu = mm_this_cpu();
	if (!HAL_TLB_BROADCASTS && likely(is_only_here(space, cpu)))
		hal_tlb_flush_page(load_relaxed(&cpu->asid_tag) & MM_ASID_MASK, va);
	else
		flush_range(space, va, va + HAL_PAGE_SIZE);
}

void tlb_flush_page_here(struct mm_space *space, vaddr_t va)
{
	struct mm_cpu *cpu = mm_this_cpu();
	if (load_relaxed(&cpu->space) == space)
		hal_tlb_flush_page(load_relaxed(&cpu->asid_tag) & MM_ASID_MASK, va);
}

void gather_init(struct mm_gather *gather, struct mm_space *space)
{
	gather->space = space;
	gather->start = HAL_USER_TOP;
	gather->end = 0;
	gather->count = 0;
}

void gather_finish(struct mm_gather *gather)
{
	if (gather->space && gather->start + HAL_PAGE_SIZE == gather->end) {
		tlb_flush_page(gather->space, gather->start);
	} else if (gather->space && gather->start < gather->end) {
		mm_note_peak(gather->space);
		tlb_flush_range(gather->space, gather->start, gather->end);
	}
	if (gather->space && gather->count)
		fetch_add_release(&gather->space->pages_out, gather->count);
	for (unsigned i = 0; i < gather->count; i++)
		frame_put(gather->frames[i]);
	gather_init(gather, gather->space);
}

void gather_unmap(struct mm_gather *gather, struct pagetable *table, vaddr_t start, vaddr_t end)
{
	vaddr_t next;
	for (; start < end; start = next) {
		pte_t *entry = pagetable_run(table, start, end, &next);
		if (!entry)
			continue;
		sched_preempt_point();
		for (; start < next; start += HAL_PAGE_SIZE, entry++) {
			pte_t old = pte_load(entry);
			if (old.bits == 0)
				continue;
			pte_store(entry, hal_pte_none());
			gather->start = min(gather->start, start);
			gather->end = start + HAL_PAGE_SIZE;
			if (unlikely(hal_pte_prot(old) & HAL_PROT_DEVICE))
				continue; // no frame
			gather->frames[gather->count++] = entry_frame(old);
			if (gather->count == GATHER_MAX)
				gather_finish(gather);
		}
	}
}
