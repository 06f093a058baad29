// SPDX-License-Identifier: MIT
// Page faults: find the area, find the entry, and put a page there. All under the space's read lock,
// so that faults of one space run side by side; two on one page are told apart by compare-and-
// exchange, and who loses simply returns: the access is made again.
//
// Whether a private page may be written in place is told by its frame: with one holder it is ours
// alone (a page cache or an object holds a reference of its own; fork adds one). A frame's only
// holder is this mapping, so nobody can add a holder while we hold the lock but fork, a writer.
//
// Replacing a page (copy-on-write) is over when every CPU has forgotten the old one: none reads it
// after another has written the new. The entry is *busy* until then, or a third CPU could find the new page and
// write it; and Arm forbids that two translations of a page exist at a time (Arm ARM D8.14, break-before-make).
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

#define ROUNDS_MAX 16 // of a fault that finds no frame
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

/** Put @frame, whose reference becomes the mapping's, into the empty @entry, or drop it: false. The
 *  caller counts. */
static always_inline bool place(pte_t *entry, vaddr_t va, pte_t leaf, struct frame *frame)
{
	pte_t none = hal_pte_none();
	if (unlikely(!pte_cas(entry, &none, leaf_at(leaf, frame_paddr(frame))))) {
		frame_put(frame);
		return false;
	}
	hal_mmu_sync_new(va);
	return true;
}

static inline void install(struct mm_space *space, pte_t *entry, vaddr_t va, pte_t leaf,
			   struct frame *frame)
{
	if (likely(place(entry, va, leaf, frame)))
		fetch_add_relaxed(&space->pages_in, 1);
}

static always_inline err_t fault_anonymous(struct mm_space *space, const struct mm_area *area,
					   vaddr_t va, pte_t *entry)
{
	struct frame *frame = frame_alloc(0);
	if (unlikely(!frame))
		return -ENOMEM;
	mem_zero_page(frame_direct(frame));
	install(space, entry, va, area->leaf, frame);
	return 0;
}

static inline struct frame *copy_frame(const struct mm_area *area, struct frame *from)
{
	struct frame *copy = frame_alloc(0);
	if (!copy)
		return NULL;
	mem_copy_page(frame_direct(copy), frame_direct(from));
	sync_code(area, copy);
	return copy;
}

/** A present page of @fault's area becomes writable in place. */
static always_inline void make_writable(const struct fault *fault, pte_t old, struct frame *frame)
{
	if (pte_cas(fault->entry, &old, leaf_at(fault->area->leaf, frame_paddr(frame))))
		tlb_flush_page_here(fault->space, fault->va);
}

/** Put @copy in the place of the page of @old. False: another CPU has changed the entry. */
static always_inline bool replace_page(const struct fault *fault, pte_t old, struct frame *copy)
{
	if (!pte_cas(fault->entry, &old, (pte_t){PTE_BUSY}))
		return false;
	tlb_flush_page(fault->space, fault->va);
	pte_store(fault->entry, leaf_at(fault->area->leaf, frame_paddr(copy)));
	hal_mmu_sync_new(fault->va);
	return true;
}

/** A write to a private page that is not writable: in place if it is ours alone, else a copy. */
static always_inline err_t break_sharing(const struct fault *fault, pte_t old)
{
	struct frame *frame = entry_frame(old);
	if (load_acquire(&frame->refs) == 1) {
		make_writable(fault, old, frame);
		return 0;
	}
	struct frame *copy = copy_frame(fault->area, frame);
	if (!copy)
		return -ENOMEM;
	frame_put(replace_page(fault, old, copy) ? frame : copy);
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
	unsigned placed = 0;
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
		placed += place(entry, start + i * HAL_PAGE_SIZE, leaf, frames[i]);
	}
	fetch_add_relaxed(&fault->space->pages_in, placed);
	if (placed > 1)
		fetch_add_relaxed(&fault->space->pages_around, placed - 1);
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
	if (!object->ops->is_memory)
		fetch_add_relaxed(&space->major_faults, 1);
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

/** Who takes the object's memory away says so first and then waits for the lock that is held here. */
static err_t map_device_page(struct fault *fault)
{
	struct mm_object *object = fault->area->object;
	pte_t none = hal_pte_none();
	paddr_t pa;
	err_t err = object->ops->get_device(object, page_index(fault->area, fault->va), &pa);
	if (!err && pte_cas(fault->entry, &none, leaf_at(fault->area->leaf, pa)))
		hal_mmu_sync_new(fault->va);
	return err;
}

static err_t fault_object(struct fault *fault)
{
	if (fault->area->flags & MM_DEVICE)
		return map_device_page(fault);
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
		tlb_flush_page(fault->space, fault->va);
		fetch_add_release(&fault->space->pages_out, 1);
		frame_put(entry_frame(old));
	}
	return wait_for_page(fault);
}

/** Another CPU was faster or is at it, or this one had an old translation in its TLB. */
static always_inline bool is_spurious(const struct fault *fault, pte_t old)
{
	if (!hal_pte_is_present(old)) {
		hal_cpu_relax(); // busy
		return true;
	}
	if (fault->is_write && !is_writable(fault->area, old))
		return false;
	tlb_flush_page_here(fault->space, fault->va);
	return true;
}

static err_t fault_present(struct fault *fault, pte_t old)
{
	if (is_spurious(fault, old))
		return 0;
	if (fault->area->flags & MM_SHARED)
		return upgrade_shared(fault, old);
	return break_sharing(fault, old);
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

/** What @access needs of an area's flags. Hardware has no mapping that cannot be read. */
static const uint8_t needed_prot[] = {
	[HAL_FAULT_READ] = PROT_RWX,
	[HAL_FAULT_WRITE] = HAL_PROT_WRITE,
	[HAL_FAULT_EXEC] = HAL_PROT_EXEC,
};

/** All but the first touch of anonymous memory whose area was used last. */
static no_inline err_t fault_slow(struct mm_space *space, vaddr_t va, enum hal_fault_access access)
{
	struct mm_area *area = area_find(space, va);
	if (!area || va < area->start) {
		sched_read_unlock(&space->lock);
		return fault_outside(space, va);
	}
	atomic_store_explicit(&space->hint, area, memory_order_relaxed);
	struct fault fault = {.space = space, .area = area, .va = va,
			      .is_write = access == HAL_FAULT_WRITE};
	err_t err = -EACCES;
	if (!(area->flags & needed_prot[access]))
		goto unlock;
	err = -ENOMEM;
	fault.entry = pagetable_entry(&space->table, va, true);
	if (!fault.entry)
		goto unlock;
	pte_t old = pte_load(fault.entry);
	if (old.bits != 0)
		err = fault_present(&fault, old);
	else if (area->object)
		err = fault_object(&fault);
	else
		err = fault_anonymous(space, area, va, fault.entry);
unlock:
	if (!fault.is_unlocked)
		sched_read_unlock(&space->lock);
	return err;
}

/** A fault on a present page of private anonymous memory. */
static no_inline err_t fault_shared_page(struct mm_space *space, struct mm_area *area, vaddr_t va,
					 pte_t *entry, pte_t old, enum hal_fault_access access)
{
	struct fault fault = {.space = space, .area = area, .va = va, .entry = entry,
			      .is_write = access == HAL_FAULT_WRITE};
	err_t err = is_spurious(&fault, old) ? 0 : break_sharing(&fault, old);
	sched_read_unlock(&space->lock);
	return err;
}

/** The two faults that programs take most come first, with everything else ruled out by a few tests:
 *  first touch of anonymous memory, and a write to a page shared by fork. */
err_t mm_fault(struct mm_space *space, vaddr_t addr, enum hal_fault_access access)
{
	vaddr_t va = align_down(addr, HAL_PAGE_SIZE);
	sched_read_lock(&space->lock);
	struct mm_area *area = load_relaxed(&space->hint);
	if (unlikely(!area || va - area->start >= area->end - area->start))
		return fault_slow(space, va, access);
	if (unlikely(!(area->flags & needed_prot[access]) || area->object))
		return fault_slow(space, va, access);
	pte_t *entry;
	if (unlikely(!pagetable_find(&space->table, va, &entry)))
		return fault_slow(space, va, access);
	pte_t old = pte_load(entry);
	if (old.bits != 0)
		return fault_shared_page(space, area, va, entry, old, access);
	err_t err = fault_anonymous(space, area, va, entry);
	sched_read_unlock(&space->lock);
	return err;
}

/** There was no frame. Programs are promised their memory, so a fault takes of what is kept back, and then
 *  has somebody killed. One that holds a lock for which the victim may sleep takes some more, after a moment.
 *  (The fault can fail although memory can be had, by bad luck or by a file's server: not for ever.) */
static no_inline err_t fault_when_short(struct mm_space *space, vaddr_t addr, enum hal_fault_access access)
{
	struct thread *self = current_thread();
	uint32_t claim = self->mm.claim;
	bool holds_nothing = !load_relaxed(&self->sched.lock_depth);
	unsigned rounds = 0;
	err_t err;
	self->mm.claim = max(claim, (uint32_t)FRAME_CLAIM_FAULT);
	while ((err = mm_fault(space, addr, access)) == -ENOMEM) {
		bool is_short = frame_is_short();
		if (!is_short && ++rounds == ROUNDS_MAX)
			break;
		if (is_short && upcall_out_of_memory(holds_nothing))
			break;
		if (!holds_nothing)
			self->mm.claim = max(claim, (uint32_t)FRAME_CLAIM_HOLDER);
	}
	self->mm.claim = claim;
	return err;
}

err_t upcall_mm_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access)
{
	(void)tf;
	struct mm_space *space = current_thread()->mm.space;
	err_t err = space ? mm_fault(space, addr, access) : -EFAULT;
	return likely(err != -ENOMEM) ? err : fault_when_short(space, addr, access);
}
