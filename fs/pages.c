// SPDX-License-Identifier: MIT
// The radix tree of a file's pages. It grows at the root and shrinks when a node becomes empty.
#include "pages.h"

#include <kernel/assert.h>
#include <mm/slab.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#define LEVELS_MAX 9 // 2^54 pages and more: all of int64_t bytes
#define LEVEL_MASK ((uintptr_t)15)

static struct slab_cache *node_cache;

void page_tree_init_cache(void)
{
	node_cache = slab_cache_create("page_node", sizeof(struct page_node), 16);
}

static unsigned slot_of(uint64_t index, unsigned level)
{
	return (unsigned)(index >> (level * PAGE_TREE_BITS)) & (PAGE_TREE_SLOTS - 1);
}

static unsigned levels_for(uint64_t index)
{
	unsigned levels = 0;
	while (index) {
		levels++;
		index >>= PAGE_TREE_BITS;
	}
	return levels;
}

/** A new root above the old one until @index has a slot. */
static err_t grow(struct page_tree *tree, uint64_t index)
{
	uintptr_t root = load_relaxed(&tree->root);
	unsigned levels = (unsigned)(root & LEVEL_MASK), wanted = levels_for(index);
	if (!root) {
		store_relaxed(&tree->root, wanted);
		return 0;
	}
	for (; levels < wanted; levels++) {
		struct page_node *node = slab_alloc_zeroed(node_cache);
		if (!node)
			return -ENOMEM;
		uintptr_t old = load_relaxed(&tree->root) & ~LEVEL_MASK;
		store_relaxed(&node->slots[0], old);
		node->count = old != 0;
		store_release(&tree->root, (uintptr_t)node | (levels + 1));
	}
	return 0;
}

/** Empty nodes go, from @path[@level] upward. path[l] is the node whose slots are those of level l - 1. */
static void prune(struct page_tree *tree, struct page_node **path, uint64_t index, unsigned level,
		  unsigned levels)
{
	for (; level <= levels && !path[level]->count; level++) {
		if (level == levels) {
			store_relaxed(&tree->root, 0);
		} else {
			store_relaxed(&path[level + 1]->slots[slot_of(index, level)], 0);
			path[level + 1]->count--;
		}
		slab_free(node_cache, path[level]);
	}
}

err_t page_tree_add(struct page_tree *tree, uint64_t index, struct frame *frame)
{
	struct page_node *path[LEVELS_MAX + 2];
	err_t err = grow(tree, index);
	assert(!((uintptr_t)frame & LEVEL_MASK)); // descriptors are 32 bytes each, from a page's start
	if (err)
		return err;
	unsigned levels = (unsigned)(load_relaxed(&tree->root) & LEVEL_MASK), level = levels;
	_Atomic uintptr_t *slot = &tree->root;
	uintptr_t tag = levels;
	for (; level; level--) {
		path[level] = (struct page_node *)(load_relaxed(slot) & ~LEVEL_MASK);
		if (!path[level]) {
			path[level] = slab_alloc_zeroed(node_cache);
			if (!path[level]) {
				prune(tree, path, index, level + 1, levels);
				return -ENOMEM;
			}
			if (level < levels)
				path[level + 1]->count++;
			store_release(slot, (uintptr_t)path[level] | tag);
		}
		tag = 0;
		slot = &path[level]->slots[slot_of(index, level - 1)];
	}
	store_release(slot, (uintptr_t)frame | tag);
	if (levels)
		path[1]->count++;
	return 0;
}

struct frame *page_tree_next(const struct page_tree *tree, uint64_t *index)
{
	uintptr_t root = load_acquire(&((struct page_tree *)(uintptr_t)tree)->root);
	unsigned levels = (unsigned)(root & LEVEL_MASK);
	for (;;) {
		uintptr_t at = root & ~LEVEL_MASK;
		unsigned level = levels;
		if (!at || (*index >> (levels * PAGE_TREE_BITS)))
			return NULL;
		while (level && at) {
			level--;
			at = load_acquire(&((struct page_node *)at)->slots[slot_of(*index, level)]);
		}
		if (at)
			return (struct frame *)at;
		// Nothing below the slot of @level that was empty: skip what it stands for.
		uint64_t step = 1ull << (level * PAGE_TREE_BITS);
		*index = (*index & ~(step - 1)) + step;
		if (*index == 0)
			return NULL;
	}
}

void page_tree_take(struct page_tree *tree, uint64_t index)
{
	struct page_node *path[LEVELS_MAX + 2];
	unsigned levels = (unsigned)(load_relaxed(&tree->root) & LEVEL_MASK);
	uintptr_t at = load_relaxed(&tree->root) & ~LEVEL_MASK;
	if (!levels) {
		store_relaxed(&tree->root, 0);
		return;
	}
	for (unsigned level = levels; level; level--) {
		path[level] = (struct page_node *)at;
		at = load_relaxed(&path[level]->slots[slot_of(index, level - 1)]);
	}
	store_relaxed(&path[1]->slots[slot_of(index, 0)], 0);
	path[1]->count--;
	prune(tree, path, index, 1, levels);
}

unsigned page_tree_take_some(struct page_tree *tree, uint64_t *first, uint64_t last, struct list *taken)
{
	unsigned count = 0;
	struct frame *frame = NULL;
	while (count < PAGE_TREE_BATCH && (frame = page_tree_next(tree, first)) && *first <= last) {
		page_tree_take(tree, *first);
		list_push_back(taken, &frame->node);
		count++;
	}
	return count;
}

void page_tree_put_taken(struct list *taken)
{
	unsigned count = 0;
	struct frame *frame;
	while ((frame = list_pop_front_entry(taken, struct frame, node))) {
		frame_put(frame);
		if (++count % PAGE_TREE_BATCH == 0)
			sched_preempt_point();
	}
}

unsigned page_tree_get_resident(const struct page_tree *tree, uint64_t end, uint64_t first, unsigned count,
				struct frame **frames)
{
	unsigned found = 0;
	for (unsigned i = 0; i < count; i++) {
		frames[i] = first + i < end ? page_tree_find(tree, first + i) : NULL;
		if (!frames[i])
			continue;
		frame_get(frames[i]);
		found++;
	}
	return found;
}
