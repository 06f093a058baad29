// SPDX-License-Identifier: MIT
// fork: the child gets copies of all areas and maps the same frames. Pages of private areas lose
// their write permission in both spaces, so that the first write to one makes a copy. Both spaces are
// locked as writers: the child can already be found through the objects that it maps.
#include <kernel/assert.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#include "private.h"

static void copy_settings(struct mm_space *child, const struct mm_space *parent)
{
	child->brk_start = parent->brk_start;
	child->brk = parent->brk;
	child->mmap_top = parent->mmap_top;
	child->search_from = parent->search_from;
	child->gap_above = parent->gap_above;
	child->limit_as_pages = parent->limit_as_pages;
	child->limit_data_pages = parent->limit_data_pages;
	child->limit_stack = parent->limit_stack;
	child->arg_start = parent->arg_start;
	child->arg_end = parent->arg_end;
	child->env_start = parent->env_start;
	child->env_end = parent->env_end;
	child->auxv_start = parent->auxv_start;
	child->auxv_end = parent->auxv_end;
	child->stack_top = parent->stack_top;
	child->code_start = parent->code_start;
	child->code_end = parent->code_end;
}

static struct mm_area *copy_area(struct mm_space *child, struct mm_area *from)
{
	struct mm_area *area = area_alloc(child);
	if (!area)
		return NULL;
	area->start = from->start;
	area->end = from->end;
	area->flags = from->flags & ~(uint32_t)MM_LOCKED; // locks on memory are not inherited
	area->max_prot = from->max_prot;
	area->leaf = from->leaf;
	area->leaf_ro = from->leaf_ro;
	area->object = from->object;
	area->first_page = from->first_page;
	area_insert_behind(area, from);
	return area;
}

/** One more mapping of @frame, whose present ones cannot go away meanwhile. */
static inline void share_frame(struct frame *frame)
{
	// The only holder is the parent's mapping, which is locked: nobody else can touch the count.
	if (load_relaxed(&frame->refs) == 1)
		store_relaxed(&frame->refs, 2);
	else
		frame_get(frame);
}

struct copy {
	struct mm_space *child, *parent;
	uint64_t pages;
	bool has_protected; // some entry of the parent lost its write permission
};

/** Copy @count entries at @from, for addresses from @va on, of one leaf table. */
static err_t copy_run(struct copy *copy, const struct mm_area *area, vaddr_t va, pte_t *from,
		      size_t count)
{
	uint64_t writable = area->leaf.bits ^ area->leaf_ro.bits;
	if (area->flags & MM_SHARED)
		writable = 0;
	uint64_t value = area->leaf.bits & writable;
	pte_t *to = NULL;
	for (size_t i = 0; i < count; i++) {
		uint64_t bits = pte_load(&from[i]).bits;
		if (bits == 0)
			continue;
		if (!to) {
			to = pagetable_entry(&copy->child->table, va, true);
			if (!to)
				return -ENOMEM;
		}
		share_frame(entry_frame((pte_t){bits}));
		if (writable && (bits & writable) == value) {
			bits ^= writable;
			pte_store(&from[i], (pte_t){bits});
			copy->has_protected = true;
		}
		pte_store(&to[i], (pte_t){bits});
		copy->pages++;
	}
	return 0;
}

static err_t copy_pages(struct copy *copy, const struct mm_area *area)
{
	vaddr_t next;
	for (vaddr_t va = area->start; va < area->end; va = next) {
		pte_t *from = pagetable_run(&copy->parent->table, va, area->end, &next);
		if (!from)
			continue;
		sched_preempt_point();
		err_t err = copy_run(copy, area, va, from, (next - va) >> HAL_PAGE_SHIFT);
		if (err)
			return err;
	}
	return 0;
}

static err_t copy_areas(struct copy *copy)
{
	struct mm_area *area = rbtree_first_entry(&copy->parent->areas, struct mm_area, node);
	for (; area; area = area_next(area)) {
		if (area->flags & (MM_DONTFORK | MM_DEVICE))
			continue;
		if (!copy_area(copy->child, area))
			return -ENOMEM;
		if (area->flags & MM_WIPEONFORK)
			continue;
		err_t err = copy_pages(copy, area);
		if (err)
			return err;
	}
	return 0;
}

struct mm_space *mm_space_fork(struct mm_space *parent)
{
	struct mm_space *child = mm_space_create();
	if (!child)
		return NULL;
	struct copy copy = {.child = child, .parent = parent};
	sched_write_lock(&parent->lock);
	sched_write_lock(&child->lock);
	copy_settings(child, parent);
	err_t err = copy_areas(&copy);
	store_relaxed(&child->pages_out, -copy.pages); // resident without a fault
	if (copy.has_protected)
		tlb_flush_range(parent, 0, HAL_USER_TOP);
	sched_write_unlock(&child->lock);
	sched_write_unlock(&parent->lock);
	if (!err)
		return child;
	mm_space_put(child);
	return NULL;
}
