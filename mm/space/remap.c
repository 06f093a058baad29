// SPDX-License-Identifier: MIT
// mremap: shrink, grow in place, or move. Moving takes the page-table entries along, so nothing is
// copied; tables at the new place are made first, so that the move itself cannot fail.
#include <kernel/assert.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#include "private.h"

enum { MAY_MOVE = 1, FIXED = 2 };

struct remap {
	struct mm_space *space;
	struct mm_area *area; // that the old range lies in
	vaddr_t old, new;
	uint64_t old_size, new_size;
};

static err_t make_tables(struct mm_space *space, vaddr_t start, uint64_t size)
{
	vaddr_t end = start + size;
	for (vaddr_t va = start; va < end; va = align_down(va, PAGETABLE_SPAN) + PAGETABLE_SPAN) {
		if (!pagetable_entry(&space->table, va, true))
			return -ENOMEM;
	}
	return 0;
}

/** Move what is present at the old place. The tables are there. */
static void move_entries(struct mm_space *space, vaddr_t from, vaddr_t to, uint64_t size)
{
	vaddr_t end = from + size, next;
	for (vaddr_t va = from; va < end; va = next) {
		pte_t *entry = pagetable_run(&space->table, va, end, &next);
		if (!entry)
			continue;
		sched_preempt_point();
		for (; va < next; va += HAL_PAGE_SIZE, entry++) {
			pte_t pte = pte_load(entry);
			if (pte.bits == 0)
				continue;
			vaddr_t new_va = to + (va - from);
			pte_store(entry, hal_pte_none());
			pte_store(pagetable_entry(&space->table, new_va, false), pte);
			hal_mmu_sync_new(new_va);
		}
	}
	tlb_flush_range(space, from, end);
}

/** Area at the new place, mapping what the old range maps and its continuation. */
static struct mm_area *new_area(const struct remap *remap)
{
	struct mm_area *area = area_alloc(remap->space);
	if (!area)
		return NULL;
	area->start = remap->new;
	area->end = remap->new + remap->new_size;
	area->max_prot = remap->area->max_prot;
	area->object = remap->area->object;
	area->first_page = page_index(remap->area, remap->old);
	area_set_flags(area, remap->area->flags & ~(uint32_t)MM_STACK);
	return area;
}

static err_t move(struct remap *remap)
{
	struct mm_space *space = remap->space;
	uint64_t moved = min(remap->old_size, remap->new_size);
	struct mm_area *area = new_area(remap);
	err_t err = area ? make_tables(space, remap->new, moved) : -ENOMEM;
	if (!err)
		err = split_at_edges(space, remap->old, remap->old + remap->old_size);
	if (err) {
		if (area)
			area_free(area);
		return err;
	}
	struct mm_area *old = area_find(space, remap->old);
	area_insert_behind(area, old);
	move_entries(space, remap->old, remap->new, moved);
	err = unmap_locked(space, remap->old, remap->old + remap->old_size);
	assert(!err); // it is an area of its own by now
	area_merge(area);
	return err;
}

/** Shared memory mapped a second time: old_size 0. */
static err_t duplicate(struct remap *remap)
{
	if (!(remap->area->flags & MM_SHARED))
		return -EINVAL;
	struct mm_area *area = new_area(remap);
	if (!area)
		return -ENOMEM;
	area_insert_behind(area, remap->area);
	area_merge(area);
	return 0;
}

static bool can_grow_in_place(const struct remap *remap)
{
	vaddr_t old_end = remap->old + remap->old_size, new_end, start;
	if (remap->area->end != old_end || remap->old_size == 0)
		return false;
	if (!round_range(remap->old, remap->new_size, &start, &new_end))
		return false;
	struct mm_area *next = area_next(remap->area);
	return !next || next->start >= new_end;
}

static err_t remap_locked(struct remap *remap, unsigned flags)
{
	struct mm_space *space = remap->space;
	vaddr_t old_end = remap->old + remap->old_size;
	remap->area = area_find(space, remap->old);
	if (!remap->area || remap->area->start > remap->old || remap->area->end < old_end)
		return -EFAULT;
	if (remap->new_size > remap->old_size &&
	    is_over_limit(space, (remap->new_size - remap->old_size) >> HAL_PAGE_SHIFT,
			  is_data(remap->area)))
		return -ENOMEM;
	fetch_add_relaxed(&space->changes, 1);
	if (flags & FIXED) {
		// What is unmapped may cut the old area, or end what follows it.
		err_t err = unmap_locked(space, remap->new, remap->new + remap->new_size);
		if (err)
			return err;
		remap->area = area_find(space, remap->old);
		return remap->old_size ? move(remap) : duplicate(remap);
	}
	remap->new = remap->old;
	if (remap->old_size && remap->new_size <= remap->old_size)
		return remap->new_size == remap->old_size
			       ? 0
			       : unmap_locked(space, remap->old + remap->new_size, old_end);
	if (can_grow_in_place(remap)) {
		area_set_end(remap->area, remap->old + remap->new_size);
		area_merge(remap->area);
		return 0;
	}
	if (!(flags & MAY_MOVE))
		return -ENOMEM;
	remap->new = area_find_free(space, remap->new_size);
	if (!remap->new)
		return -ENOMEM;
	return remap->old_size ? move(remap) : duplicate(remap);
}

err_t mm_remap(struct mm_space *space, vaddr_t old_addr, uint64_t old_size, uint64_t new_size,
	       unsigned flags, vaddr_t fixed_addr, vaddr_t *addr)
{
	if ((flags & ~(unsigned)(MAY_MOVE | FIXED)) || ((flags & FIXED) && !(flags & MAY_MOVE)))
		return -EINVAL;
	if (new_size == 0 || old_size > HAL_USER_TOP || new_size > HAL_USER_TOP)
		return -EINVAL;
	struct remap remap = {.space = space, .old = old_addr, .new = fixed_addr};
	remap.old_size = align_up(old_size, (uint64_t)HAL_PAGE_SIZE);
	remap.new_size = align_up(new_size, (uint64_t)HAL_PAGE_SIZE);
	vaddr_t start, end;
	if (!round_range(old_addr, max(remap.old_size, (uint64_t)1), &start, &end))
		return is_aligned(old_addr, HAL_PAGE_SIZE) ? -EFAULT : -EINVAL;
	if (flags & FIXED) {
		if (fixed_addr < MM_USER_BASE || !round_range(fixed_addr, new_size, &start, &end))
			return -EINVAL;
		if (start < old_addr + remap.old_size && old_addr < end)
			return -EINVAL;
	}
	sched_write_lock(&space->lock);
	err_t err = remap_locked(&remap, flags);
	space_write_unlock(space);
	*addr = remap.new;
	return err;
}
