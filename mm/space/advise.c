// SPDX-License-Identifier: MIT
// madvise, mincore, and making pages present ahead of their use.
#include <kernel/assert.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#include "private.h"

/** Linux's numbers. */
enum {
	ADV_NORMAL = 0,
	ADV_RANDOM = 1,
	ADV_SEQUENTIAL = 2,
	ADV_WILLNEED = 3,
	ADV_DONTNEED = 4,
	ADV_FREE = 8,
	ADV_DONTFORK = 10,
	ADV_DOFORK = 11,
	ADV_MERGEABLE = 12,
	ADV_UNMERGEABLE = 13,
	ADV_HUGEPAGE = 14,
	ADV_NOHUGEPAGE = 15,
	ADV_DONTDUMP = 16,
	ADV_DODUMP = 17,
	ADV_WIPEONFORK = 18,
	ADV_KEEPONFORK = 19,
	ADV_COLD = 20,
	ADV_PAGEOUT = 21,
	ADV_POPULATE_READ = 22,
	ADV_POPULATE_WRITE = 23,
};

/** Drop the pages: the next access finds zeroes, or the object's page. */
static err_t drop_pages(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct mm_gather gather;
	gather_init(&gather, space);
	struct mm_area *area = area_find(space, start);
	err_t err = 0;
	for (; area && area->start < end; area = area_next(area)) {
		if (area->flags & MM_LOCKED) {
			err = -EINVAL;
			break;
		}
		gather_unmap(&gather, &space->table, max(area->start, start), min(area->end, end));
	}
	gather_finish(&gather);
	return err;
}

static err_t change_flags(struct mm_space *space, vaddr_t start, vaddr_t end, uint32_t set,
			  uint32_t clear)
{
	err_t err = split_at_edges(space, start, end);
	fetch_add_relaxed(&space->changes, 1);
	if (err)
		return err;
	struct mm_area *area = area_find(space, start);
	for (; area && area->start < end; area = area_next(area)) {
		area_set_flags(area, (area->flags | set) & ~clear);
		area = area_merge(area);
	}
	return 0;
}

static bool is_wipeable(struct mm_space *space, vaddr_t start, vaddr_t end)
{
	struct mm_area *area = area_find(space, start);
	for (; area && area->start < end; area = area_next(area)) {
		if (area->object)
			return false;
	}
	return true;
}

static err_t advise_locked(struct mm_space *space, vaddr_t start, vaddr_t end, int advice)
{
	switch (advice) {
	case ADV_DONTNEED:
	case ADV_FREE:
		return drop_pages(space, start, end);
	case ADV_DONTFORK:
		return change_flags(space, start, end, MM_DONTFORK, 0);
	case ADV_DOFORK:
		return change_flags(space, start, end, 0, MM_DONTFORK);
	case ADV_WIPEONFORK:
		if (!is_wipeable(space, start, end))
			return -EINVAL;
		return change_flags(space, start, end, MM_WIPEONFORK, 0);
	case ADV_KEEPONFORK:
		return change_flags(space, start, end, 0, MM_WIPEONFORK);
	default:
		return 0; // hints about what this kernel does not do
	}
}

static bool is_known(int advice)
{
	return (advice >= ADV_NORMAL && advice <= ADV_DONTNEED) || advice == ADV_FREE ||
	       (advice >= ADV_DONTFORK && advice <= ADV_POPULATE_WRITE);
}

err_t mm_advise(struct mm_space *space, vaddr_t addr, uint64_t size, int advice)
{
	vaddr_t start, end;
	if (!is_known(advice) || !is_aligned(addr, HAL_PAGE_SIZE))
		return -EINVAL;
	if (size == 0)
		return 0;
	if (!round_range(addr, size, &start, &end))
		return -EINVAL;
	if (advice == ADV_POPULATE_READ || advice == ADV_POPULATE_WRITE)
		return mm_populate(space, start, end - start, advice == ADV_POPULATE_WRITE);
	sched_write_lock(&space->lock);
	bool is_mapped = is_mapped_locked(space, start, end);
	err_t err = advise_locked(space, start, end, advice);
	space_write_unlock(space);
	// What is mapped was advised all the same, as on Linux.
	return !err && !is_mapped ? -ENOMEM : err;
}

static bool is_resident(struct mm_space *space, struct mm_area *area, vaddr_t va)
{
	pte_t *entry = pagetable_walk(&space->table, va);
	if (entry && pte_load(entry).bits != 0)
		return true;
	struct frame *frame = NULL;
	if (area->object && area->object->ops->get_resident)
		area->object->ops->get_resident(area->object, page_index(area, va), 1, &frame);
	if (frame)
		frame_put(frame);
	return frame != NULL;
}

err_t mm_incore(struct mm_space *space, vaddr_t addr, uint64_t size, uint8_t *vec)
{
	vaddr_t start, end;
	if (!is_aligned(addr, HAL_PAGE_SIZE))
		return -EINVAL;
	if (size == 0)
		return 0;
	if (!round_range(addr, size, &start, &end))
		return -ENOMEM;
	sched_read_lock(&space->lock);
	err_t err = is_mapped_locked(space, start, end) ? 0 : -ENOMEM;
	struct mm_area *area = area_find(space, start);
	for (vaddr_t va = start; !err && va < end; va += HAL_PAGE_SIZE) {
		if (va >= area->end)
			area = area_next(area);
		*vec++ = is_resident(space, area, va);
		sched_preempt_point();
	}
	sched_read_unlock(&space->lock);
	return err;
}

/** What a program can do at @va at best: the access to make for it. -ENOMEM: nothing is mapped. */
static err_t access_for(struct mm_space *space, vaddr_t va, bool for_write, bool *is_there,
			enum hal_fault_access *access)
{
	sched_read_lock(&space->lock);
	struct mm_area *area = area_find(space, va);
	err_t err = area && area->start <= va ? 0 : -ENOMEM;
	if (!err) {
		bool is_write = for_write && (area->flags & HAL_PROT_WRITE);
		pte_t *entry = pagetable_walk(&space->table, va);
		pte_t pte = entry ? pte_load(entry) : hal_pte_none();
		*access = is_write ? HAL_FAULT_WRITE : HAL_FAULT_READ;
		*is_there = (pte.bits & PTE_PRESENT) && (!is_write || is_writable(area, pte));
	}
	sched_read_unlock(&space->lock);
	return err;
}

err_t mm_populate(struct mm_space *space, vaddr_t addr, uint64_t size, bool for_write)
{
	vaddr_t start, end;
	if (!round_range(addr, size, &start, &end))
		return -EINVAL;
	for (vaddr_t va = start; va < end; va += HAL_PAGE_SIZE) {
		bool is_there;
		enum hal_fault_access access;
		err_t err = access_for(space, va, for_write, &is_there, &access);
		if (!err && !is_there)
			err = mm_fault(space, va, access);
		if (err)
			return err == -EACCES ? -ENOMEM : err;
		sched_preempt_point();
	}
	return 0;
}
