// SPDX-License-Identifier: MIT
// Kernel stacks in HAL_KMAP, in slots (see kmap.h). A freed stack is kept mapped: a few per CPU, some
// more in common; beyond that its frames go back. Its slot is then *stale*: TLBs may still have the
// old translation, which nobody uses, so the slot waits. When no clean slot is left, one flush on all
// CPUs cleans all stale ones at a time.
//
// Lock: area.lock, interrupts off.
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <kernel/smp.h>
#include <lib/bitmap.h>
#include <mm/frame.h>
#include <mm/kmap.h>
#include <mm/kstack_layout.h>
#include <mm/pagetable.h>

#include "private.h"

#define KEPT_PER_CPU 4
#define KEPT_IN_COMMON 16
#define STACK_PAGES (HAL_KSTACK_SIZE / HAL_PAGE_SIZE)
#define NO_SLOT KSTACK_SLOTS
#define SLOTS_PER_TABLE (PAGETABLE_SPAN / KSTACK_SLOT_SIZE)

struct kstack_cpu {
	uint32_t count;
	int32_t in_use_delta; // allocated minus freed here
	vaddr_t tops[KEPT_PER_CPU];
};
static DEFINE_PERCPU(struct kstack_cpu, kstack_cpu);

static struct {
	struct spinlock lock;
	BITMAP(used, KSTACK_SLOTS); // mapped, or being mapped, or their table is being freed (lock)
	BITMAP(stale, KSTACK_SLOTS); // unmapped since the last flush (lock)
	size_t search_from; // (lock)
	uint32_t kept_count; // (lock)
	vaddr_t kept[KEPT_IN_COMMON]; // (lock)
} area = {.lock = SPINLOCK_INIT};

static vaddr_t slot_top(size_t slot)
{
	return HAL_KMAP_BASE + (slot + 1) * KSTACK_SLOT_SIZE;
}

static size_t top_slot(vaddr_t top)
{
	return (top - HAL_KMAP_BASE) / KSTACK_SLOT_SIZE - 1;
}

static size_t find_clean_slot_locked(size_t from)
{
	while (from < KSTACK_SLOTS) {
		from = bitmap_find_next_zero(area.used, KSTACK_SLOTS, from);
		if (from < KSTACK_SLOTS && !bitmap_test(area.stale, from))
			return from;
		from++;
	}
	return NO_SLOT;
}

static size_t take_clean_slot(void)
{
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	size_t slot = find_clean_slot_locked(area.search_from);
	if (slot == NO_SLOT)
		slot = find_clean_slot_locked(0);
	if (slot != NO_SLOT) {
		bitmap_set(area.used, slot);
		area.search_from = slot + 1;
	}
	spin_unlock_irqrestore(&area.lock, flags);
	return slot;
}

static void flush_call(void *unused)
{
	(void)unused;
	hal_tlb_flush_all();
}

static void flush_all_cpus(void)
{
	if (HAL_TLB_BROADCASTS || cpus_online_count() <= 1)
		flush_call(NULL);
	else
		smp_call_many(&cpus_online, flush_call, NULL);
}

/** Make stale slots usable. Slots that become stale meanwhile are not counted in. */
static void clean_slots(void)
{
	static BITMAP(cleaned, KSTACK_SLOTS); // (cleaner)
	static struct spinlock cleaner = SPINLOCK_INIT;
	spin_lock(&cleaner);
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	bitmap_copy(cleaned, area.stale, KSTACK_SLOTS);
	spin_unlock_irqrestore(&area.lock, flags);
	flush_all_cpus();
	flags = spin_lock_irqsave(&area.lock);
	bitmap_andnot(area.stale, area.stale, cleaned, KSTACK_SLOTS);
	spin_unlock_irqrestore(&area.lock, flags);
	spin_unlock(&cleaner);
}

/** Slots from @from on that fill whole tables and are all unused become used: [*@first, *@end). */
static bool claim_tables(size_t from, size_t *first, size_t *end)
{
	bool is_found = false;
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	for (; from < KSTACK_SLOTS && !is_found; from = *end + 1) {
		*end = bitmap_find_next_set(area.used, KSTACK_SLOTS, from);
		*first = align_up(from, SLOTS_PER_TABLE);
		is_found = *first + SLOTS_PER_TABLE <= *end;
	}
	if (is_found) {
		*end = align_down(*end, SLOTS_PER_TABLE);
		bitmap_set_range(area.used, *first, *end - *first);
	}
	spin_unlock_irqrestore(&area.lock, flags);
	return is_found;
}

static void free_empty_tables(void)
{
	size_t first, end;
	for (size_t from = 0; claim_tables(from, &first, &end); from = end) {
		pte_t *chain = pagetable_detach_range(&kernel_pagetable, HAL_KMAP_BASE + first * KSTACK_SLOT_SIZE,
						      HAL_KMAP_BASE + end * KSTACK_SLOT_SIZE);
		if (chain)
			flush_all_cpus();
		pagetable_free_chain(chain);
		irqflags_t flags = spin_lock_irqsave(&area.lock);
		bitmap_clear_range(area.used, first, end - first);
		spin_unlock_irqrestore(&area.lock, flags);
	}
}

void kstack_reuse_slots(void)
{
	clean_slots();
	free_empty_tables();
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	area.search_from = 0;
	spin_unlock_irqrestore(&area.lock, flags);
}

static void release_slot(size_t slot, bool is_stale)
{
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	bitmap_clear(area.used, slot);
	if (is_stale)
		bitmap_set(area.stale, slot);
	spin_unlock_irqrestore(&area.lock, flags);
}

/** Unmap the stack's pages from @va up to its top and free their frames. */
static void unmap_pages(vaddr_t va, vaddr_t top)
{
	for (; va < top; va += HAL_PAGE_SIZE) {
		pte_t old = pte_exchange(pagetable_entry(&kernel_pagetable, va, false), hal_pte_none());
		// Here at least, a use after this is caught.
		hal_tlb_flush_kernel_page(va);
		frame_free(frame_of(hal_pte_paddr(old)), 0);
	}
}

static bool map_page(vaddr_t va)
{
	struct frame *frame = frame_alloc(0);
	if (!frame)
		return false;
	pte_t *entry = pagetable_entry(&kernel_pagetable, va, true);
	if (!entry) {
		frame_free(frame, 0);
		return false;
	}
	unsigned prot = HAL_PROT_READ | HAL_PROT_WRITE | HAL_PROT_GLOBAL;
	pte_store(entry, hal_pte_leaf(frame_paddr(frame), prot, 0));
	hal_mmu_sync_new(va);
	return true;
}

static vaddr_t map_new_stack(void)
{
	size_t slot = take_clean_slot();
	if (slot == NO_SLOT) {
		clean_slots();
		slot = take_clean_slot();
	}
	if (slot == NO_SLOT)
		return 0;
	vaddr_t top = slot_top(slot);
	// From the top down, so that what is mapped when memory ends is one range up to the top.
	for (vaddr_t va = top; va > top - HAL_KSTACK_SIZE; va -= HAL_PAGE_SIZE) {
		if (map_page(va - HAL_PAGE_SIZE))
			continue;
		unmap_pages(va, top);
		release_slot(slot, true);
		return 0;
	}
	return top;
}

static vaddr_t take_common(void)
{
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	vaddr_t top = area.kept_count ? area.kept[--area.kept_count] : 0;
	spin_unlock_irqrestore(&area.lock, flags);
	return top;
}

static bool keep_in_common(vaddr_t top)
{
	irqflags_t flags = spin_lock_irqsave(&area.lock);
	bool is_kept = area.kept_count < KEPT_IN_COMMON;
	if (is_kept)
		area.kept[area.kept_count++] = top;
	spin_unlock_irqrestore(&area.lock, flags);
	return is_kept;
}

static void destroy_stack(vaddr_t top)
{
	unmap_pages(top - HAL_KSTACK_SIZE, top);
	release_slot(top_slot(top), true);
}

vaddr_t kstack_alloc(void)
{
	irqflags_t flags = hal_irq_save();
	struct kstack_cpu *cpu = this_cpu_ptr(kstack_cpu);
	vaddr_t top = cpu->count ? cpu->tops[--cpu->count] : 0;
	cpu->in_use_delta++;
	hal_irq_restore(flags);
	if (!top)
		top = take_common();
	if (!top)
		top = map_new_stack();
	if (!top) {
		flags = hal_irq_save();
		this_cpu_ptr(kstack_cpu)->in_use_delta--;
		hal_irq_restore(flags);
	}
	return top;
}

void kstack_free(vaddr_t top)
{
	irqflags_t flags = hal_irq_save();
	struct kstack_cpu *cpu = this_cpu_ptr(kstack_cpu);
	bool is_kept = cpu->count < KEPT_PER_CPU;
	if (is_kept)
		cpu->tops[cpu->count++] = top;
	cpu->in_use_delta--;
	hal_irq_restore(flags);
	if (!is_kept && !keep_in_common(top))
		destroy_stack(top);
}

void kstack_drain_this_cpu(void)
{
	struct kstack_cpu *cpu = this_cpu_ptr(kstack_cpu);
	while (cpu->count)
		destroy_stack(cpu->tops[--cpu->count]);
	vaddr_t top;
	while ((top = take_common()))
		destroy_stack(top);
}

bool kstack_is_guard(vaddr_t addr)
{
	vaddr_t offset = addr - HAL_KMAP_BASE;
	return offset < KSTACK_AREA_SIZE && !(offset & HAL_KSTACK_SIZE);
}

uint64_t kstack_count(void)
{
	int64_t count = 0;
	size_t cpu;
	bitmap_for_each_set(cpu, cpus_online.bits, CPUS_MAX)
		count += cpu_ptr(kstack_cpu, cpu)->in_use_delta;
	return (uint64_t)max(count, (int64_t)0);
}
