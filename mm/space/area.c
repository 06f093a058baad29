// SPDX-License-Identifier: MIT
// Areas of an address space: a red-black tree by address, the accounts of what is mapped, and the
// search for free ranges. Callers hold the space's lock, for changes as writers.
//
// The search goes from mmap_top downward and takes the first gap that is large enough. Where the port has
// addresses beyond HAL_USER_NEAR_TOP, the first request that finds none raises mmap_top. So that many
// areas do not make it slow, search_from remembers where the last one ended, and gap_above how large
// the gaps are that it passed by: only a request that fits one of those begins at the top again.
#include <kernel/assert.h>
#include <lib/string.h>
#include <uapi/errno.h>

#include "private.h"

static struct slab_cache *area_cache;

void area_init(void)
{
	area_cache = slab_cache_create("mm_area", sizeof(struct mm_area), 8);
}

uint64_t mm_areas_in_use(void)
{
	return area_cache ? slab_in_use(area_cache) : 0;
}

struct mm_area *area_find(const struct mm_space *space, vaddr_t va)
{
	struct mm_area *best = NULL;
	struct rbnode *node = space->areas.root;
	while (node) {
		struct mm_area *area = rb_entry(node, struct mm_area, node);
		if (va >= area->end) {
			node = node->right;
			continue;
		}
		best = area;
		if (va >= area->start)
			break;
		node = node->left;
	}
	return best;
}

struct mm_area *area_alloc(struct mm_space *space)
{
	struct mm_area *area = slab_alloc_zeroed(area_cache);
	if (!area)
		return NULL;
	area->space = space;
	rbnode_init(&area->node);
	list_init(&area->object_node);
	return area;
}

void area_free(struct mm_area *area)
{
	slab_free(area_cache, area);
}

static void account(struct mm_area *area, int64_t pages)
{
	struct mm_space *space = area->space;
	space->total_pages += (uint64_t)pages;
	if (is_data(area))
		space->data_pages += (uint64_t)pages;
	if (area->flags & MM_LOCKED)
		space->locked_pages += (uint64_t)pages;
}

static bool starts_before(const struct rbnode *a, const struct rbnode *b)
{
	return rb_entry(a, const struct mm_area, node)->start <
	       rb_entry(b, const struct mm_area, node)->start;
}

void area_insert(struct mm_area *area)
{
	rbtree_insert(&area->space->areas, &area->node, starts_before);
	account(area, (int64_t)area_pages(area));
	struct mm_object *object = area->object;
	if (!object)
		return;
	object->ops->get(object);
	spin_lock(&object->lock);
	list_push_back(&object->areas, &area->object_node);
	spin_unlock(&object->lock);
}

/** As area_insert() for @area, which was cut from or copied from @origin: it stands right behind it
 *  on the object's list, so that a walk that has not come to the one has not passed the other. */
void area_insert_behind(struct mm_area *area, struct mm_area *origin)
{
	rbtree_insert(&area->space->areas, &area->node, starts_before);
	account(area, (int64_t)area_pages(area));
	struct mm_object *object = area->object;
	if (!object)
		return;
	object->ops->get(object);
	spin_lock(&object->lock);
	area->unmap_mark = origin->unmap_mark;
	list_insert_after(&origin->object_node, &area->object_node);
	spin_unlock(&object->lock);
}

void area_remove(struct mm_area *area)
{
	struct mm_space *space = area->space;
	if (load_relaxed(&space->hint) == area)
		atomic_store_explicit(&space->hint, NULL, memory_order_relaxed);
	rbtree_remove(&space->areas, &area->node);
	account(area, -(int64_t)area_pages(area));
	struct mm_object *object = area->object;
	if (!object)
		return;
	spin_lock(&object->lock);
	list_remove(&area->object_node);
	spin_unlock(&object->lock);
}

void area_drop(struct mm_area *area)
{
	if (!area->object) {
		area_free(area);
		return;
	}
	area->next_gone = area->space->gone;
	area->space->gone = area;
}

void area_release_chain(struct mm_area *gone)
{
	while (gone) {
		struct mm_area *area = gone;
		gone = area->next_gone;
		area->object->ops->put(area->object);
		area_free(area);
	}
}

void space_write_unlock(struct mm_space *space)
{
	struct mm_area *gone = space->gone;
	space->gone = NULL;
	sched_write_unlock(&space->lock);
	area_release_chain(gone);
}

void area_set_flags(struct mm_area *area, uint32_t flags)
{
	bool is_listed = rbnode_is_linked(&area->node);
	if (is_listed)
		account(area, -(int64_t)area_pages(area));
	area->flags = flags;
	unsigned prot = (flags & (PROT_RWX | MM_DEVICE)) | HAL_PROT_READ | HAL_PROT_USER;
	area->leaf = hal_pte_leaf(0, prot, 0);
	area->leaf_ro = hal_pte_leaf(0, prot & ~(unsigned)HAL_PROT_WRITE, 0);
	if (is_listed)
		account(area, (int64_t)area_pages(area));
}

void area_set_start(struct mm_area *area, vaddr_t start)
{
	account(area, -(int64_t)area_pages(area));
	// Stacks grow downward: they have no object, so the sign of the step does not matter.
	area->first_page += (uint64_t)((int64_t)(start - area->start) >> HAL_PAGE_SHIFT);
	area->start = start;
	account(area, (int64_t)area_pages(area));
}

void area_set_end(struct mm_area *area, vaddr_t end)
{
	account(area, -(int64_t)area_pages(area));
	area->end = end;
	account(area, (int64_t)area_pages(area));
}

err_t area_split(struct mm_area *area, vaddr_t at)
{
	assert(at > area->start && at < area->end);
	struct mm_area *upper = area_alloc(area->space);
	if (!upper)
		return -ENOMEM;
	upper->start = at;
	upper->end = area->end;
	upper->max_prot = area->max_prot;
	upper->object = area->object;
	upper->first_page = page_index(area, at);
	area_set_flags(upper, area->flags);
	area_set_end(area, at);
	area_insert_behind(upper, area);
	return 0;
}

/** @upper continues what @lower maps. */
static inline bool can_join(const struct mm_area *lower, const struct mm_area *upper)
{
	if (lower->end != upper->start || lower->flags != upper->flags ||
	    lower->object != upper->object || lower->max_prot != upper->max_prot)
		return false;
	if (lower->flags & MM_STACK)
		return false;
	return !lower->object || lower->first_page + area_pages(lower) == upper->first_page;
}

/** @upper becomes part of @lower. */
static void join(struct mm_area *lower, struct mm_area *upper)
{
	vaddr_t end = upper->end;
	area_remove(upper);
	area_set_end(lower, end);
	area_drop(upper);
}

struct mm_area *area_merge(struct mm_area *area)
{
	struct mm_area *next;
	while ((next = area_next(area)) && can_join(area, next))
		join(area, next);
	struct mm_area *prev = area_prev(area);
	if (!prev || !can_join(prev, area))
		return area;
	join(prev, area);
	return prev;
}

/** The last area that starts below @va. */
static struct mm_area *find_below(const struct mm_space *space, vaddr_t va)
{
	struct mm_area *best = NULL;
	struct rbnode *node = space->areas.root;
	while (node) {
		struct mm_area *area = rb_entry(node, struct mm_area, node);
		if (area->start < va) {
			best = area;
			node = node->right;
		} else {
			node = node->left;
		}
	}
	return best;
}

/** Where a gap below @area ends: stacks keep their distance. */
static vaddr_t gap_end_below(const struct mm_area *area)
{
	if (!(area->flags & MM_STACK))
		return area->start;
	return area->start > STACK_GAP ? area->start - STACK_GAP : 0;
}

static void search_from_top(struct mm_space *space, vaddr_t top)
{
	space->mmap_top = top;
	space->search_from = top;
	space->gap_above = 0;
}

static vaddr_t find_free(struct mm_space *space, uint64_t size)
{
	if (size <= space->gap_above)
		search_from_top(space, space->mmap_top);
	vaddr_t high = space->search_from;
	struct mm_area *area = find_below(space, high);
	for (;; area = area_prev(area)) {
		vaddr_t low = area ? max(area->end, MM_USER_BASE) : MM_USER_BASE;
		if (high > low && high - low >= size) {
			space->search_from = high - size;
			return high - size;
		}
		if (!area)
			return 0;
		if (high > low)
			space->gap_above = max(space->gap_above, high - low);
		high = min(high, gap_end_below(area));
	}
}

vaddr_t area_find_free(struct mm_space *space, uint64_t size)
{
	vaddr_t start = find_free(space, size);
	vaddr_t top = space->mmap_top, far_top = min(HAL_USER_TOP, HAL_USER_FAR_TOP);
	if (start || far_top <= HAL_USER_NEAR_TOP || top > HAL_USER_NEAR_TOP)
		return start;
	search_from_top(space, far_top);
	start = find_free(space, size);
	if (!start)
		search_from_top(space, top);
	return start;
}

void area_note_free(struct mm_space *space, vaddr_t end)
{
	if (end <= space->search_from)
		return;
	struct mm_area *above = area_find(space, end);
	vaddr_t high = above ? gap_end_below(above) : space->mmap_top;
	space->search_from = max(space->search_from, min(high, space->mmap_top));
}
