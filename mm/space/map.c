// SPDX-License-Identifier: MIT
// mmap, munmap, mprotect, brk: changes of areas under the space's write lock. What may fail for want
// of memory is done first, so that a call that fails has changed nothing.
#include <kernel/assert.h>
#include <lib/string.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#include "private.h"

bool round_range(vaddr_t addr, uint64_t size, vaddr_t *start, vaddr_t *end)
{
	if (!is_aligned(addr, HAL_PAGE_SIZE) || size == 0 || size > HAL_USER_TOP)
		return false;
	size = align_up(size, (uint64_t)HAL_PAGE_SIZE);
	if (addr > HAL_USER_TOP || size > HAL_USER_TOP - addr)
		return false;
	*start = addr;
	*end = addr + size;
	return true;
}

bool is_over_limit(const struct mm_space *space, uint64_t pages, bool is_data)
{
	if (pages > space->limit_as_pages || space->total_pages > space->limit_as_pages - pages)
		return true;
	if (!is_data)
		return false;
	return pages > space->limit_data_pages ||
	       space->data_pages > space->limit_data_pages - pages;
}

static void bump_changes(struct mm_space *space)
{
	fetch_add_relaxed(&space->changes, 1);
}

/** Tables that map nothing are left for the next mapping there; but not without bound. */
static void trim_tables(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	bool is_large = end - start >= PAGETABLE_SPAN;
	if (load_relaxed(&space->table.table_count) > 64 + space->total_pages / 64) {
		// Also what earlier calls left in this gap.
		struct mm_area *above = area_find(space, start);
		struct mm_area *below = above ? area_prev(above)
					      : rbtree_last_entry(&space->areas, struct mm_area, node);
		start = below ? below->end : 0;
		end = above ? above->start : HAL_USER_TOP;
		is_large = true;
	}
	pte_t *chain = is_large ? pagetable_detach_range(&space->table, start, end) : NULL;
	if (!chain)
		return;
	// A CPU may be walking them until it has flushed.
	tlb_flush_range(space, 0, HAL_USER_TOP);
	pagetable_free_chain(chain);
}

static void drop_area(struct mm_area *area)
{
	area_remove(area);
	area_drop(area);
}

/** Take [@start, @end) away from @area, which reaches into it but not over both its ends. */
static void cut_area(struct mm_area *area, vaddr_t start, vaddr_t end)
{
	if (area->start >= start && area->end <= end)
		drop_area(area);
	else if (area->start < start)
		area_set_end(area, start);
	else
		area_set_start(area, end);
}

err_t unmap_locked(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct mm_area *area = area_find(space, start);
	if (!area || area->start >= end)
		return 0;
	if (area->start < start && area->end > end) {
		err_t err = area_split(area, end);
		if (err)
			return err;
	}
	struct mm_gather gather;
	gather_init(&gather, space);
	bump_changes(space);
	while (area && area->start < end) {
		struct mm_area *next = area_next(area);
		gather_unmap(&gather, &space->table, max(area->start, start), min(area->end, end));
		cut_area(area, start, end);
		area = next;
	}
	gather_finish(&gather);
	trim_tables(space, start, end);
	area_note_free(space, end);
	return 0;
}

err_t mm_unmap(struct mm_space *space, vaddr_t addr, uint64_t size)
{
	vaddr_t start, end;
	if (!round_range(addr, size, &start, &end))
		return -EINVAL;
	sched_write_lock(&space->lock);
	err_t err = unmap_locked(space, start, end);
	space_write_unlock(space);
	return err;
}

static bool is_free_locked(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct mm_area *area = area_find(space, start);
	return !area || area->start >= end;
}

/** A place for @size bytes (page-rounded). 0 = none; else in *@start. */
static err_t choose_place(struct mm_space *space, const struct mm_map_request *request,
			  uint64_t size, vaddr_t *start)
{
	vaddr_t end;
	if (request->is_fixed) {
		if (!round_range(request->addr, size, start, &end))
			return is_aligned(request->addr, HAL_PAGE_SIZE) ? -ENOMEM : -EINVAL;
		if (*start < MM_USER_BASE)
			return -EPERM;
		return request->no_replace && !is_free_locked(space, *start, end) ? -EEXIST : 0;
	}
	vaddr_t hint = align_down(request->addr, HAL_PAGE_SIZE);
	if (hint >= MM_USER_BASE && round_range(hint, size, start, &end) &&
	    is_free_locked(space, hint, end))
		return 0;
	*start = area_find_free(space, size);
	return *start ? 0 : -ENOMEM;
}

static err_t check_request(const struct mm_map_request *request, uint64_t *size)
{
	if (request->size == 0 || !is_aligned(request->offset, (uint64_t)HAL_PAGE_SIZE))
		return -EINVAL;
	if (request->size > HAL_USER_TOP)
		return -ENOMEM;
	*size = align_up(request->size, (uint64_t)HAL_PAGE_SIZE);
	// The page number after the last must be one that an offset can have.
	uint64_t offset_end;
	if (__builtin_add_overflow(request->offset, *size, &offset_end) || offset_end > INT64_MAX)
		return -EOVERFLOW;
	return 0;
}

static struct mm_area *area_of_request(struct mm_space *space, const struct mm_map_request *request)
{
	struct mm_area *area = area_alloc(space);
	if (!area)
		return NULL;
	area->object = request->object;
	area->first_page = request->offset >> HAL_PAGE_SHIFT;
	area->max_prot = request->max_prot | (request->flags & PROT_RWX);
	area_set_flags(area, request->flags);
	return area;
}

/** Private anonymous memory that continues the area below it (a grown heap, a new neighbour): that
 *  area's end moves. False: there is none that maps alike. */
static bool extend_below(struct mm_space *space, const struct mm_map_request *request, vaddr_t start,
			 vaddr_t end)
{
	struct mm_area *below = area_find(space, start - 1);
	if (request->object || !below || below->end != start || below->object ||
	    below->flags != request->flags || (below->flags & MM_STACK) ||
	    below->max_prot != (request->max_prot | (request->flags & PROT_RWX)))
		return false;
	area_set_end(below, end);
	area_merge(below);
	return true;
}

static err_t map_locked(struct mm_space *space, const struct mm_map_request *request, uint64_t size,
			vaddr_t *addr)
{
	vaddr_t start;
	err_t err = choose_place(space, request, size, &start);
	if (err)
		return err;
	bool is_private_write = (request->flags & (HAL_PROT_WRITE | MM_SHARED)) == HAL_PROT_WRITE;
	if (is_over_limit(space, size >> HAL_PAGE_SHIFT, is_private_write))
		return -ENOMEM;
	struct mm_area *area = area_of_request(space, request);
	if (!area)
		return -ENOMEM;
	if (request->is_fixed)
		err = unmap_locked(space, start, start + size);
	if (err) {
		area_free(area);
		return err;
	}
	bump_changes(space);
	*addr = start;
	if (extend_below(space, request, start, start + size)) {
		area_free(area);
		return 0;
	}
	area->start = start;
	area->end = start + size;
	area_insert(area);
	area_merge(area);
	return 0;
}

err_t mm_map(struct mm_space *space, const struct mm_map_request *request, vaddr_t *addr)
{
	uint64_t size;
	err_t err = check_request(request, &size);
	if (err)
		return err;
	sched_write_lock(&space->lock);
	err = map_locked(space, request, size, addr);
	space_write_unlock(space);
	return err;
}

bool is_mapped_locked(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	for (struct mm_area *area = area_find(space, start); area && area->start <= start;
	     area = area_next(area)) {
		start = area->end;
		if (start >= end)
			return true;
	}
	return false;
}

err_t split_at_edges(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct mm_area *area = area_find(space, start);
	if (area && area->start < start) {
		err_t err = area_split(area, start);
		if (err)
			return err;
	}
	area = area_find(space, end);
	return area && area->start < end ? area_split(area, end) : 0;
}

/** What a present or hidden @old becomes under @area's new permissions. */
static pte_t reprotected(const struct mm_area *area, pte_t old, bool was_writable)
{
	if (!(area->flags & PROT_RWX))
		return (pte_t){old.bits & ~PTE_PRESENT};
	bool can_write;
	if (area->flags & MM_SHARED)
		can_write = was_writable || area->object->ops->is_memory;
	else
		can_write = load_acquire(&entry_frame(old)->refs) == 1;
	// Where the area allows no writes, both leaves are the same.
	return leaf_at(can_write ? area->leaf : area->leaf_ro, entry_paddr(old));
}

/** Bring the entries of @area in step with its new flags. */
static void reprotect_pages(struct mm_area *area, const struct mm_area *before)
{
	struct mm_space *space = area->space;
	bool gains_exec = (area->flags & ~before->flags) & HAL_PROT_EXEC;
	vaddr_t first = area->end, last = area->start, next;
	for (vaddr_t va = area->start; va < area->end; va = next) {
		pte_t *entry = pagetable_run(&space->table, va, area->end, &next);
		if (!entry)
			continue;
		sched_preempt_point();
		for (; va < next; va += HAL_PAGE_SIZE, entry++) {
			pte_t old = pte_load(entry);
			if (old.bits == 0)
				continue;
			if (gains_exec)
				sync_code(area, entry_frame(old));
			pte_store(entry, reprotected(area, old, is_writable(before, old)));
			first = min(first, va);
			last = va + HAL_PAGE_SIZE;
		}
	}
	if (first < last)
		tlb_flush_range(space, first, last);
}

/** [@start, @end) is mapped and @prot is allowed in all of it. */
static err_t check_protect(struct mm_space *space, vaddr_t start, vaddr_t end, unsigned prot)
{
	uint64_t new_data = 0;
	vaddr_t at = start;
	struct mm_area *area = area_find(space, start);
	for (; at < end; area = area_next(area)) {
		if (!area || area->start > at)
			return -ENOMEM;
		if (prot & ~area->max_prot)
			return -EACCES;
		at = min(area->end, end);
		bool becomes_data = (prot & HAL_PROT_WRITE) && !is_data(area) &&
				    !(area->flags & (MM_SHARED | MM_STACK));
		if (becomes_data)
			new_data += (at - max(area->start, start)) >> HAL_PAGE_SHIFT;
	}
	if (new_data > space->limit_data_pages ||
	    space->data_pages > space->limit_data_pages - new_data)
		return -ENOMEM;
	return 0;
}

static err_t protect_locked(struct mm_space *space, vaddr_t start, vaddr_t end, unsigned prot)
{
	err_t err = check_protect(space, start, end, prot);
	if (!err)
		err = split_at_edges(space, start, end);
	if (err)
		return err;
	bump_changes(space);
	struct mm_area *area = area_find(space, start);
	while (area && area->start < end) {
		if ((area->flags & PROT_RWX) != prot) {
			struct mm_area before = *area;
			area_set_flags(area, (area->flags & ~(uint32_t)PROT_RWX) | prot);
			reprotect_pages(area, &before);
		}
		// Also what was cut above and stays as it was.
		area = area_next(area_merge(area));
	}
	return 0;
}

err_t mm_protect(struct mm_space *space, vaddr_t addr, uint64_t size, unsigned prot)
{
	vaddr_t start, end;
	prot &= PROT_RWX;
	if (size == 0 && is_aligned(addr, HAL_PAGE_SIZE))
		return 0;
	if (!round_range(addr, size, &start, &end))
		return is_aligned(addr, HAL_PAGE_SIZE) ? -ENOMEM : -EINVAL;
	sched_write_lock(&space->lock);
	err_t err = protect_locked(space, start, end, prot);
	space_write_unlock(space);
	return err;
}

static err_t grow_heap(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct mm_map_request request = {
		.addr = start,
		.size = end - start,
		.flags = HAL_PROT_READ | HAL_PROT_WRITE,
		.is_fixed = true,
		.no_replace = true,
		.max_prot = PROT_RWX,
	};
	if (is_over_limit(space, request.size >> HAL_PAGE_SHIFT, true))
		return -ENOMEM;
	// The usual case, without an area that is thrown away again.
	if (is_free_locked(space, start, end) && extend_below(space, &request, start, end)) {
		bump_changes(space);
		return 0;
	}
	vaddr_t addr;
	return map_locked(space, &request, request.size, &addr);
}

vaddr_t mm_brk(struct mm_space *space, vaddr_t new_brk)
{
	sched_write_lock(&space->lock);
	if (new_brk < space->brk_start || new_brk > HAL_USER_TOP - HAL_PAGE_SIZE)
		goto unlock;
	vaddr_t old_end = align_up(space->brk, HAL_PAGE_SIZE);
	vaddr_t new_end = align_up(new_brk, HAL_PAGE_SIZE);
	err_t err = 0;
	if (new_end > old_end)
		err = grow_heap(space, old_end, new_end);
	else if (new_end < old_end)
		err = unmap_locked(space, new_end, old_end);
	if (!err)
		space->brk = new_brk;
unlock:
	new_brk = space->brk;
	space_write_unlock(space);
	return new_brk;
}
