// SPDX-License-Identifier: MIT
// If these fail, a file loses pages, shows another's, or keeps memory after it was cut.
#include <lib/test.h>
#include <mm/slab.h>

#include "../pages.h"
#include "fs_test.h"

static _Alignas(16) struct frame fake[5000]; // never looked into: the tree keeps addresses

static struct frame *frame_for(uint64_t index)
{
	return &fake[index % array_len(fake)];
}

static void fill(struct page_tree *tree, uint64_t first, uint64_t count, uint64_t step)
{
	for (uint64_t i = 0; i < count; i++)
		EXPECT_EQ(page_tree_add(tree, first + i * step, frame_for(i)), 0);
}

/** Take all from @first on; how many there were. */
static uint64_t take_from(struct page_tree *tree, uint64_t first)
{
	uint64_t count = 0;
	while (page_tree_next(tree, &first)) {
		page_tree_take(tree, first);
		count++;
	}
	return count;
}

TEST(fs, pages_are_found_where_they_were_put)
{
	struct page_tree tree = {0};
	fs_test_init();
	fill(&tree, 0, 1600, 1);
	EXPECT(page_tree_find(&tree, 0) == frame_for(0));
	EXPECT(page_tree_find(&tree, 1599) == frame_for(1599));
	EXPECT(page_tree_find(&tree, 1600) == NULL);
	EXPECT(page_tree_find(&tree, 1ull << 51) == NULL);
	EXPECT_EQ(take_from(&tree, 25), 1575);
	EXPECT(page_tree_find(&tree, 24) == frame_for(24) && !page_tree_find(&tree, 25));
	fill(&tree, 25, 4000, 1);
	EXPECT_EQ(take_from(&tree, 0), 4025);
	EXPECT_EQ(load_relaxed(&tree.root), 0);
}

TEST(fs, pages_far_apart_need_no_memory_between)
{
	struct page_tree tree = {0};
	fs_test_init();
	fill(&tree, 7, 9, 1ull << 47);
	EXPECT(page_tree_find(&tree, 7 + (3ull << 47)) == frame_for(3));
	uint64_t index = 8;
	EXPECT(page_tree_next(&tree, &index) == frame_for(1) && index == (1ull << 47) + 7);
	EXPECT_EQ(take_from(&tree, 0), 9);
	EXPECT_EQ(load_relaxed(&tree.root), 0);
}
