// SPDX-License-Identifier: MIT
// The pages of a file: a radix tree of frames by index, 64 slots per node.
//
// Adding and taking: the owner's spinning lock. Finding needs no lock against adding; against taking the
// owner keeps them apart.
#pragma once

#include <mm/frame.h>

#define PAGE_TREE_BITS 6
#define PAGE_TREE_SLOTS (1u << PAGE_TREE_BITS)

struct page_tree {
	_Atomic uintptr_t root; // frame or node, and in the low 4 bits how many levels of nodes
};

struct page_node {
	_Atomic uintptr_t slots[PAGE_TREE_SLOTS];
	uint32_t count; // of slots that are not 0
};

void page_tree_init_cache(void);

/** The frame at @index, or NULL. */
static inline struct frame *page_tree_find(const struct page_tree *tree, uint64_t index)
{
	uintptr_t at = load_acquire(&((struct page_tree *)(uintptr_t)tree)->root);
	unsigned shift = (unsigned)(at & 15) * PAGE_TREE_BITS;
	at &= ~(uintptr_t)15;
	if (index >> shift)
		return NULL;
	while (shift && at) {
		shift -= PAGE_TREE_BITS;
		at = load_acquire(&((struct page_node *)at)->slots[(index >> shift) &
								   (PAGE_TREE_SLOTS - 1)]);
	}
	return (struct frame *)at;
}

/** Put @frame at the empty @index: 0, -ENOMEM. */
must_check err_t page_tree_add(struct page_tree *tree, uint64_t index, struct frame *frame);
/** The first frame at *@index or behind it, which becomes its index; NULL = none. */
struct frame *page_tree_next(const struct page_tree *tree, uint64_t *index);
/** Take the frame at @index out, which is there. */
void page_tree_take(struct page_tree *tree, uint64_t index);

#define PAGE_TREE_BATCH 256
/** Take up to PAGE_TREE_BATCH frames of [*@first, @last] out, onto @taken; *@first moves on. Returns how
 *  many: fewer means all. */
unsigned page_tree_take_some(struct page_tree *tree, uint64_t *first, uint64_t last, struct list *taken);
/** Drop the references of the frames on @taken. */
void page_tree_put_taken(struct list *taken);

/** Fill @frames with pages [@first, @first + @count), of which those below @end count, each with a reference;
 *  NULL where there is none. Returns how many. The owner's lock is held. */
unsigned page_tree_get_resident(const struct page_tree *tree, uint64_t end, uint64_t first, unsigned count,
				struct frame **frames);
