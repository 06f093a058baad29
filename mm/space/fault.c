// SPDX-License-Identifier: MIT
// Page faults: find the area, find the entry, and put a page there. All under the space's read lock,
// so that faults of one space run side by side; two on one page are told apart by compare-and-
// exchange, and who loses simply returns: the access is made again.
//
// Whether a private page may be written in place is told by its frame: with one holder it is ours
// alone (a page cache or an object holds a reference of its own; fork adds one). A frame's only
// holder is this mapping, so nobody can add a holder while we hold the lock but fork, a writer.
//
// Replacing a page (copy-on-write) goes present -> busy -> flush -> new: no CPU ever has two
// translations of one page, which the Arm architecture forbids, and none reads the old page after
// another has written the new.
//
// Anonymous pages are always fresh, zeroed and mapped with all permissions at once: a shared zero
// page would save memory that few programs read without writing, and cost those that write a second
// fault.
#include <hal/cache.h>
#include <hal/cpu.h>
#include <kernel/assert.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <sched/thread.h>
#include <uapi/errno.h>

#include "private.h"

#define AROUND 16 // pages that one fault may map, aligned to their number

/** A fault under way; the space's read lock is held. */
struct fault {
	struct mm_space *space;
	struct mm_area *area;
	vaddr_t va; // of the page
	pte_t *entry;
	bool is_write;
	bool is_unlocked; // the lock was released on the way
};

void sync_code(const struct mm_area *area, struct frame *frame)
{
	if (!(area->flags & HAL_PROT_EXEC))
		return;
	bool is_tracked = area->object && area->object->ops->reports_writes;
	if (is_tracked && load_relaxed(&frame->flags) & FRAME_CODE_SYNCED)
		return;
	hal_cache_sync_code(frame_direct(frame), HAL_PAGE_SIZE);
	if (is_tracked)
		fetch_or_acq_rel(&frame->flags, FRAME_CODE_SYNCED);
}

/** Put @frame, whose reference becomes the mapping's, into the empty @entry, or drop it. */
static inline void install(struct mm_space *space, pte_t *entry, vaddr_t va, pte_t leaf,
			   struct frame *frame)
{
	pte_t none = hal_pte_none();
	if (unlikely(!pte_cas(entry, &none, leaf_at(leaf, frame_paddr(frame))))) {
		frame_put(frame);
		return;
	}
	fetch_add_relaxed(&space->resident_pages, 1);
	hal_mmu_sync_new(va);
}

static inline err_t fault_anonymous(struct fault *fault)
{
	struct frame *frame = frame_alloc(0);
	if (unlikely(!frame))
		return -ENOMEM;
	mem_zero_page(frame_direct(frame));
	install(fault->space, fault->entry, fault->va, fault->area->leaf, frame);
	return 0;
}

static struct frame *copy_frame(struct mm_area *area, struct frame *from)
{
	struct frame *copy = frame_alloc(0);
	if (!copy)
		return NULL;
	mem_copy_page(frame_direct(copy), frame_direct(from));
	sync_code(area, copy);
	return copy;
}

/** A present page of @fault's area becomes writable in place. */
static void make_writable(struct fault *fault, pte_t old, struct frame *frame)
{
	if (pte_cas(fault->entry, &old, leaf_at(fault->area->leaf, frame_paddr(frame))))
		tlb_flush_page_here(fault->space, fault->va);
}

/** A write to a private page that is not writable: in place if it is ours alone, else a copy. */
static err_t break_sharing(struct fault *fault, pte_t old)
{
	struct frame *frame = entry_frame(old);
	if (load_acquire(&frame->refs) == 1) {
		make_writable(fault, old, frame);
		return 0;
	}
	struct frame *copy = copy_frame(fault->area, frame);
	if (!copy)
		return -ENOMEM;
	if (!pte_cas(fault->entry, &old, (pte_t){PTE_BUSY})) {
		frame_put(copy);
		return 0;
	}
	tlb_flush_range(fault->space, fault->va, fault->va + HAL_PAGE_SIZE);
	pte_store(fault->entry, leaf_at(fault->area->leaf, frame_paddr(copy)));
	hal_mmu_sync_new(fault->va);
	frame_put(frame);
	return 0;
}

/** How pages of @area's object are mapped after a read; @frame belongs to the object. */
static inline pte_t read_leaf(const struct mm_area *area)
{
	bool is_direct = (area->flags & MM_SHARED) && area->object->ops->is_memory;
	return is_direct ? area->leaf : area->leaf_ro;
}

/** Map @frame, the object's page at the fault, whose reference is consumed. */
static err_t map_object_page(struct fault *fault, struct frame *frame)
{
	struct mm_area *area = fault->area;
	if (!fault->is_write || area->flags & MM_SHARED) {
		sync_code(area, frame);
		pte_t leaf = fault->is_write ? area->leaf : read_leaf(area);
		install(fault->space, fault->entry, fault->va, leaf, frame);
		return 0;
	}
	struct frame *copy = copy_frame(area, frame);
	frame_put(frame);
	if (!copy)
		return -ENOMEM;
	install(fault->space, fault->entry, fault->va, area->leaf, copy);
	return 0;
}

/** Map what the object has ready around the fault. True: the fault's page was among it. */
static bool map_resident(struct fault *fault)
{
	struct mm_area *area = fault->area;
	struct frame *frames[AROUND];
	vaddr_t start = align_down(fault->va, AROUND * HAL_PAGE_SIZE);
	vaddr_t end = min(start + AROUND * HAL_PAGE_SIZE, area->end);
	start = max(start, area->start);
	unsigned count = (unsigned)((end - start) >> HAL_PAGE_SHIFT);
	unsigned at = (unsigned)((fault->va - start) >> HAL_PAGE_SHIFT);
	area->object->ops->get_resident(area->object, page_index(area, start), count, frames);
	pte_t leaf = read_leaf(area);
	for (unsigned i = 0; i < count; i++) {
		// The window lies within one leaf table: its entries are neighbours.
		pte_t *entry = fault->entry + i - at;
		if (!frames[i])
			continue;
		if (pte_load(entry).bits != 0) {
			frame_put(frames[i]);
			continue;
		}
		sync_code(area, frames[i]);
		install(fault->space, entry, start + i * HAL_PAGE_SIZE, leaf, frames[i]);
	}
	return frames[at] != NULL;
}

/** The object's page at the fault, if it is there without waiting. */
static struct frame *resident_page(struct fault *fault)
{
	struct mm_object *object = fault->area->object;
	struct frame *frame = NULL;
	if (object->ops->get_resident)
		object->ops->get_resident(object, page_index(fault->area, fault->va), 1, &frame);
	return frame;
}

/** Ask the object for the page, which may sleep: without the lock, which stays released. If what was
 *  found before has changed meanwhile, the access is made again. */
static err_t wait_for_page(struct fault *fault)
{
	struct mm_space *space = fault->space;
	struct mm_object *object = fault->area->object;
	bool is_shared_write = fault->is_write && (fault->area->flags & MM_SHARED);
	uint64_t index = page_index(fault->area, fault->va);
	uint32_t changes = load_relaxed(&space->changes);
	uint32_t unmaps = load_acquire(&object->unmaps);
	object->ops->get(object);
	sched_read_unlock(&space->lock);
	struct frame *frame = NULL;
	err_t err = object->ops->get_page(object, index, is_shared_write, &frame);
	sched_read_lock(&space->lock);
	if (!err) {
		if (load_relaxed(&space->changes) != changes || load_acquire(&object->unmaps) != unmaps)
			frame_put(frame);
		else
			err = map_object_page(fault, frame);
	}
	sched_read_unlock(&space->lock);
	fault->is_unlocked = true;
	object->ops->put(object);
	return err;
}

static err_t fault_object(struct fault *fault)
{
	const struct mm_object_ops *ops = fault->area->object->ops;
	bool is_shared_write = fault->is_write && (fault->area->flags & MM_SHARED);
	if (!fault->is_write && ops->get_resident && map_resident(fault))
		return 0;
	// The object must hear of a shared write, unless it does not care.
	if (fault->is_write && (!is_shared_write || ops->is_memory)) {
		struct frame *frame = resident_page(fault);
		if (frame)
			return map_object_page(fault, frame);
	}
	return wait_for_page(fault);
}

/** A write to a page of a shared mapping that was mapped for reading. */
static err_t upgrade_shared(struct fault *fault, pte_t old)
{
	if (fault->area->object->ops->is_memory) {
		make_writable(fault, old, entry_frame(old));
		return 0;
	}
	// Unmapped, the page is fetched again, for writing.
	if (pte_cas(fault->entry, &old, hal_pte_none())) {
		tlb_flush_range(fault->space, fault->va, fault->va + HAL_PAGE_SIZE);
		fetch_sub_release(&fault->space->resident_pages, 1);
		frame_put(entry_frame(old));
	}
	return wait_for_page(fault);
}

static no_inline err_t fault_present(struct fault *fault, pte_t old)
{
	if (!hal_pte_is_present(old)) {
		hal_cpu_relax(); // busy
		return 0;
	}
	if (!fault->is_write || is_writable(fault->area, old)) {
		// Another CPU was faster, or this one had an old translation in its TLB.
		tlb_flush_page_here(fault->space, fault->va);
		return 0;
	}
	if (fault->area->flags & MM_SHARED)
		return upgrade_shared(fault, old);
	return break_sharing(fault, old);
}

static inline bool is_allowed(const struct mm_area *area, enum hal_fault_access access)
{
	if (access == HAL_FAULT_READ)
		return area->flags & PROT_RWX; // hardware has no mapping that cannot be read
	return area->flags & (access == HAL_FAULT_WRITE ? HAL_PROT_WRITE : HAL_PROT_EXEC);
}

/** The area of @va, or NULL; first where the last fault was. */
static inline struct mm_area *find_hinted(struct mm_space *space, vaddr_t va)
{
	struct mm_area *area = load_relaxed(&space->hint);
	if (likely(area && va - area->start < area->end - area->start))
		return area;
	area = area_find(space, va);
	if (!area || va < area->start)
		return NULL;
	atomic_store_explicit(&space->hint, area, memory_order_relaxed);
	return area;
}

/** @va lies below a stack that may grow to it. Write lock held. */
static bool grow_stack_locked(struct mm_space *space, vaddr_t va)
{
	struct mm_area *stack = area_find(space, va);
	if (!stack || !(stack->flags & MM_STACK))
		return false;
	if (stack->start <= va)
		return true;
	uint64_t limit = min(space->limit_stack, stack->end - MM_USER_BASE);
	struct mm_area *below = area_prev(stack);
	vaddr_t lowest = max(stack->end - limit, below ? below->end + STACK_GAP : MM_USER_BASE);
	lowest = align_up(lowest, HAL_PAGE_SIZE);
	if (va < lowest)
		return false;
	// A step at a time is fewer faults than a page at a time.
	vaddr_t start = max(align_down(va, STACK_GROWTH), lowest);
	if (is_over_limit(space, (stack->start - start) >> HAL_PAGE_SHIFT, false))
		return false;
	area_set_start(stack, start);
	fetch_add_relaxed(&space->changes, 1);
	return true;
}

static no_inline err_t fault_outside(struct mm_space *space, vaddr_t va)
{
	sched_write_lock(&space->lock);
	bool is_grown = grow_stack_locked(space, va);
	sched_write_unlock(&space->lock);
	return is_grown ? 0 : -EFAULT;
}

err_t mm_fault(struct mm_space *space, vaddr_t addr, enum hal_fault_access access)
{
	vaddr_t va = align_down(addr, HAL_PAGE_SIZE);
	sched_read_lock(&space->lock);
	struct fault fault = {.space = space, .area = find_hinted(space, va), .va = va,
			      .is_write = access == HAL_FAULT_WRITE};
	if (unlikely(!fault.area)) {
		sched_read_unlock(&space->lock);
		return fault_outside(space, va);
	}
	err_t err = -EACCES;
	if (unlikely(!is_allowed(fault.area, access)))
		goto unlock;
	err = -ENOMEM;
	fault.entry = pagetable_walk(&space->table, va);
	if (unlikely(!fault.entry))
		fault.entry = pagetable_entry(&space->table, va, true);
	if (unlikely(!fault.entry))
		goto unlock;
	pte_t old = pte_load(fault.entry);
	if (old.bits != 0)
		err = fault_present(&fault, old);
	else if (!fault.area->object)
		err = fault_anonymous(&fault);
	else
		err = fault_object(&fault);
unlock:
	if (likely(!fault.is_unlocked))
		sched_read_unlock(&space->lock);
	return err;
}

err_t upcall_mm_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access)
{
	(void)tf;
	struct mm_space *space = current_thread()->mm.space;
	return space ? mm_fault(space, addr, access) : -EFAULT;
}
