// SPDX-License-Identifier: MIT
// If these fail, a frame is handed out twice, lost, or handed out though somebody keeps it.
#include <hal/bootinfo.h>
#include <lib/test.h>
#include <mm/bootmem.h>
#include <mm/failpoint.h>
#include <mm/frame.h>

static uint64_t free_now(void)
{
	struct frame_stats stats;
	frame_drain_all();
	frame_get_stats(&stats);
	return stats.free;
}

TEST(mm, frame_blocks_are_aligned_and_distinct)
{
	uint64_t before = free_now();
	struct frame *blocks[FRAME_ORDER_MAX + 1];
	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
		blocks[order] = frame_alloc(order);
		EXPECT(blocks[order] != NULL);
		if (!blocks[order])
			continue;
		paddr_t pa = frame_paddr(blocks[order]);
		EXPECT(is_aligned(pa, HAL_PAGE_SIZE << order));
		EXPECT(frame_of(pa) == blocks[order]);
		EXPECT(frame_is_ram(pa) && frame_is_ram(pa + (HAL_PAGE_SIZE << order) - 1));
		for (unsigned i = 0; i < order; i++) {
			paddr_t other = frame_paddr(blocks[i]);
			EXPECT(other + (HAL_PAGE_SIZE << i) <= pa ||
			       pa + (HAL_PAGE_SIZE << order) <= other);
		}
	}
	EXPECT(frame_alloc(FRAME_ORDER_MAX + 1) == NULL);
	for (unsigned order = 0; order <= FRAME_ORDER_MAX; order++) {
		if (blocks[order])
			frame_free(blocks[order], order);
	}
	EXPECT_EQ(free_now(), before);
}

TEST(mm, frame_all_memory_can_be_had_and_joins_again)
{
	uint64_t before = free_now(), count = 0;
	struct list all = LIST_INIT(all);
	struct frame *frame;
	while ((frame = frame_alloc(0))) {
		list_push_back(&all, &frame->node);
		count++;
	}
	EXPECT_EQ(count, before);
	while ((frame = list_pop_front_entry(&all, struct frame, node)))
		frame_free(frame, 0);
	EXPECT_EQ(free_now(), before);
	// The blocks have joined: large ones can be had again, as many as memory holds.
	uint64_t large = 0;
	while ((frame = frame_alloc(FRAME_ORDER_MAX))) {
		list_push_back(&all, &frame->node);
		large++;
	}
	EXPECT(large >= (before >> FRAME_ORDER_MAX) / 2);
	while ((frame = list_pop_front_entry(&all, struct frame, node)))
		frame_free(frame, FRAME_ORDER_MAX);
	EXPECT_EQ(free_now(), before);
}

TEST(mm, frame_single_frames_join_to_their_block)
{
	uint64_t before = free_now();
	struct frame *block = frame_alloc(FRAME_ORDER_MAX);
	EXPECT(block != NULL);
	if (!block)
		return;
	// Freed one by one in an order that leaves holes until the end.
	for (unsigned odd = 0; odd < 2; odd++) {
		for (unsigned i = odd; i < 1u << FRAME_ORDER_MAX; i += 2)
			frame_free(block + i, 0);
	}
	EXPECT_EQ(free_now(), before);
	EXPECT_EQ(atomic_load(&block->flags) & FRAME_FREE, FRAME_FREE);
}

TEST(mm, frame_lives_until_the_last_holder)
{
	uint64_t before = free_now();
	struct frame *frame = frame_alloc_zeroed();
	EXPECT(frame != NULL);
	if (!frame)
		return;
	const unsigned char *bytes = frame_direct(frame);
	unsigned sum = 0;
	for (size_t i = 0; i < HAL_PAGE_SIZE; i++)
		sum |= bytes[i];
	EXPECT_EQ(sum, 0);
	frame_get(frame);
	frame_put(frame);
	EXPECT_EQ(atomic_load(&frame->refs), 1);
	EXPECT_EQ(free_now(), before - 1);
	frame_put(frame);
	EXPECT_EQ(free_now(), before);
}

TEST(mm, frame_reserved_ram_is_not_managed)
{
	struct boot_range taken[8];
	unsigned count = bootmem_taken(taken, array_len(taken));
	EXPECT(count > 0);
	for (unsigned i = 0; i < count; i++) {
		EXPECT(!frame_is_ram(taken[i].base));
		EXPECT(!frame_is_ram(taken[i].base + taken[i].size - 1));
	}
	EXPECT(!frame_is_ram(bootinfo.image.base));
	EXPECT(!frame_is_ram(0));
	EXPECT(!frame_is_ram(UINT64_MAX));
	struct frame_stats stats;
	frame_get_stats(&stats);
	uint64_t ram = 0;
	for (unsigned i = 0; i < bootinfo.ram_count; i++)
		ram += bootinfo.ram[i].size >> HAL_PAGE_SHIFT;
	EXPECT_EQ(stats.total + stats.reserved, ram);
}

TEST(mm, frame_fails_when_told)
{
	uint64_t before = free_now();
	alloc_fail_arm(2);
	struct frame *first = frame_alloc(0), *second = frame_alloc(0), *third = frame_alloc(0);
	EXPECT(first != NULL && second == NULL && third != NULL);
	EXPECT(!alloc_fail_is_armed());
	if (first)
		frame_free(first, 0);
	if (third)
		frame_free(third, 0);
	EXPECT_EQ(free_now(), before);
}
