// SPDX-License-Identifier: MIT
// If these fail, kernel memory is writable and executable, or a stack overflow goes unseen.
#include <hal/bootinfo.h>
#include <hal/context.h>
#include <hal/irqflags.h>
#include <kernel/smp.h>
#include <lib/string.h>
#include <lib/test.h>
#include <mm/frame.h>
#include <mm/kmap.h>
#include <mm/kstack_layout.h>
#include <mm/pagetable.h>

#include "../private.h"

static unsigned bad_leaves;

static void check_leaves(const pte_t *table, unsigned level)
{
	for (unsigned i = 0; i < HAL_PT_ENTRIES; i++) {
		if (!hal_pte_is_present(table[i]))
			continue;
		if (!hal_pte_is_leaf(table[i], level)) {
			check_leaves(hal_direct(hal_pte_paddr(table[i])), level - 1);
			continue;
		}
		unsigned prot = hal_pte_prot(table[i]);
		bad_leaves += (prot & HAL_PROT_WRITE) && (prot & HAL_PROT_EXEC);
		bad_leaves += (prot & HAL_PROT_USER) != 0;
	}
}

TEST(mm, kernel_map_is_writable_or_executable)
{
	bad_leaves = 0;
	check_leaves(hal_mmu_kernel_root(), hal_pte_levels() - 1);
	EXPECT_EQ(bad_leaves, 0);
}

static unsigned prot_of(const void *va)
{
	paddr_t pa;
	unsigned prot = 0;
	EXPECT(pagetable_lookup(&kernel_pagetable, (vaddr_t)va, &pa, &prot));
	return prot & (HAL_PROT_WRITE | HAL_PROT_EXEC);
}

TEST(mm, kernel_image_is_mapped_by_sections)
{
	if (&_text_start[0] < &_text_end[0]) {
		EXPECT_EQ(prot_of(_text_start), HAL_PROT_EXEC);
		EXPECT_EQ(prot_of(hal_direct(hal_image_paddr(_text_start))), 0);
	}
	if (&_rodata_start[0] < &_rodata_end[0]) {
		EXPECT_EQ(prot_of(_rodata_start), 0);
		EXPECT_EQ(prot_of(hal_direct(hal_image_paddr(_rodata_start))), 0);
	}
	EXPECT_EQ(prot_of(_data_start), HAL_PROT_WRITE);
	const struct boot_range *last = &bootinfo.ram[bootinfo.ram_count - 1];
	EXPECT_EQ(prot_of(hal_direct(last->base + last->size - 1)), HAL_PROT_WRITE);
}

TEST(mm, kstack_has_a_guard)
{
	vaddr_t top = kstack_alloc();
	EXPECT(top != 0);
	if (!top)
		return;
	paddr_t pa;
	unsigned prot;
	for (vaddr_t va = top - HAL_KSTACK_SIZE; va < top; va += HAL_PAGE_SIZE) {
		EXPECT(pagetable_lookup(&kernel_pagetable, va, &pa, &prot));
		EXPECT(!kstack_is_guard(va));
		EXPECT(va & HAL_KSTACK_SIZE);
	}
	memset((void *)(top - HAL_KSTACK_SIZE), 0xa5, HAL_KSTACK_SIZE);
	vaddr_t guard = top - HAL_KSTACK_SIZE - 1;
	EXPECT(!pagetable_lookup(&kernel_pagetable, guard, &pa, &prot));
	EXPECT(kstack_is_guard(guard));
	EXPECT(!kstack_is_guard((vaddr_t)hal_direct(0)));
	EXPECT(!kstack_is_guard(0));
	kstack_free(top);
}

#define STACKS 100
TEST(mm, kstack_memory_comes_back)
{
	static vaddr_t tops[STACKS];
	struct frame_stats before, after;
	uint64_t count = kstack_count();
	frame_drain_all();
	frame_get_stats(&before);
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned i = 0; i < STACKS; i++) {
			tops[i] = kstack_alloc();
			EXPECT(tops[i] != 0);
			if (tops[i])
				*(volatile char *)(tops[i] - 1) = 1;
		}
		EXPECT_EQ(kstack_count(), count + STACKS);
		for (unsigned i = 0; i < STACKS; i++) {
			for (unsigned j = 0; j < i; j++)
				EXPECT(tops[i] != tops[j]);
		}
		for (unsigned i = 0; i < STACKS; i++) {
			if (tops[i])
				kstack_free(tops[i]);
		}
		frame_drain_all();
		frame_get_stats(&after);
		// Page tables too: these many stacks have needed more than one.
		EXPECT_EQ(after.free, before.free);
	}
	EXPECT_EQ(kstack_count(), count);
}

TEST(mm, kstack_addresses_do_not_run_out)
{
	// Each round unmaps the stack, so that its addresses wait for a flush; there are fewer than
	// rounds.
	unsigned got = 0;
	for (unsigned i = 0; i < KSTACK_SLOTS + 8; i++) {
		vaddr_t top = kstack_alloc();
		if (!top)
			continue;
		*(volatile uint64_t *)(top - 8) = i;
		got += *(volatile uint64_t *)(top - 8) == i;
		kstack_free(top);
		irqflags_t flags = hal_irq_save();
		kstack_drain_this_cpu();
		hal_irq_restore(flags);
	}
	EXPECT_EQ(got, KSTACK_SLOTS + 8);
}
