// SPDX-License-Identifier: MIT
// Life of an address space, and what others read of it: /proc, exec, futexes, long messages.
#include <hal/cache.h>
#include <kernel/assert.h>
#include <lib/string.h>
#include <mm/ucopy.h>
#include <sched/sched.h>
#include <uapi/errno.h>

#include "private.h"

/** Between mmap_top and HAL_USER_NEAR_TOP: the stack, and the addresses it may grow to. */
#define STACK_ROOM MIB(16)

#define VADDR_MAX ((vaddr_t)-1)

static struct slab_cache *space_cache;

/** Caches exist from the first space on, which is made before there is a second thread to race. */
static void init_once(void)
{
	static struct spinlock lock = SPINLOCK_INIT;
	spin_lock(&lock);
	if (!space_cache) {
		// private.h's tricks with entries.
		pte_t leaf = hal_pte_leaf(0, HAL_PROT_READ, 0);
		verify(leaf.bits & PTE_PRESENT);
		verify(!hal_pte_is_present((pte_t){leaf.bits & ~PTE_PRESENT}));
		verify(!hal_pte_is_present((pte_t){PTE_BUSY}));
		area_init();
		object_init_once();
		space_cache = slab_cache_create("mm_space", sizeof(struct mm_space), 64);
	}
	spin_unlock(&lock);
}

struct mm_space *mm_space_create(void)
{
	if (unlikely(!space_cache))
		init_once();
	struct mm_space *space = slab_alloc_zeroed(space_cache);
	if (!space)
		return NULL;
	if (pagetable_init_user(&space->table) != 0) {
		slab_free(space_cache, space);
		return NULL;
	}
	atomic_init(&space->refs, 1);
	atomic_init(&space->asid_tag, MM_ASID_NONE);
	atomic_init(&space->last_cpu, MM_NO_CPU);
	space->root = hal_direct_paddr(space->table.root);
	space->mmu_token = hal_mmu_token(space->root, 0);
	sched_rwlock_init(&space->lock);
	space->mmap_top = HAL_USER_NEAR_TOP - STACK_ROOM;
	space->search_from = space->mmap_top;
	space->limit_as_pages = UINT64_MAX;
	space->limit_data_pages = UINT64_MAX;
	space->limit_stack = MIB(8);
	return space;
}

void mm_space_get(struct mm_space *space)
{
	fetch_add_relaxed(&space->refs, 1);
}

bool mm_space_try_get(struct mm_space *space)
{
	uint32_t refs = load_relaxed(&space->refs);
	while (refs != 0) {
		if (cas_acquire(&space->refs, &refs, refs + 1))
			return true;
	}
	return false;
}

static void destroy_areas(struct mm_space *space)
{
	struct mm_gather gather;
	gather_init(&gather, NULL);
	struct mm_area *area = rbtree_first_entry(&space->areas, struct mm_area, node);
	while (area) {
		struct mm_area *next = area_next(area);
		gather_unmap(&gather, &space->table, area->start, area->end);
		pagetable_free_below(&space->table, area->start, area->end,
				     next ? next->start : VADDR_MAX);
		area_remove(area);
		area_drop(area);
		area = next;
	}
	gather_finish(&gather);
	area_release_chain(space->gone);
}

void mm_space_put(struct mm_space *space)
{
	if (fetch_sub_acq_rel(&space->refs, 1) != 1)
		return;
	asid_chase_away(space);
	destroy_areas(space);
	// What earlier unmapping left where no area is any more.
	pagetable_free_all(&space->table);
	pagetable_destroy_user(&space->table);
	slab_free(space_cache, space);
}

/** The name of memory that no object describes. */
static const char *anonymous_name(const struct mm_space *space, const struct mm_area *area)
{
	if (area->flags & MM_STACK)
		return "[stack]";
	bool is_heap = !area->object && area->start < space->brk && area->end > space->brk_start;
	return is_heap ? "[heap]" : "";
}

static uint64_t count_resident(const struct mm_space *space, const struct mm_area *area)
{
	uint64_t count = 0;
	vaddr_t next;
	for (vaddr_t va = area->start; va < area->end; va = next) {
		pte_t *entry = pagetable_run(&space->table, va, area->end, &next);
		if (!entry)
			continue;
		sched_preempt_point();
		for (; va < next; va += HAL_PAGE_SIZE, entry++)
			count += pte_load(entry).bits != 0;
	}
	return count;
}

bool mm_area_next(struct mm_space *space, vaddr_t addr, struct mm_area_info *info)
{
	struct mm_object *object = NULL;
	sched_read_lock(&space->lock);
	struct mm_area *area = area_find(space, addr);
	if (area) {
		info->start = area->start;
		info->end = area->end;
		info->flags = area->flags;
		info->offset = area->object ? area->first_page << HAL_PAGE_SHIFT : 0;
		info->inode = 0;
		info->resident_pages = count_resident(space, area);
		strlcpy(info->name, anonymous_name(space, area), sizeof(info->name));
		object = area->object;
		if (object)
			object->ops->get(object);
	}
	sched_read_unlock(&space->lock);
	// Without the lock: names have locks of their own.
	if (object && object->ops->describe)
		object->ops->describe(object, info->name, sizeof(info->name), &info->inode);
	if (object)
		object->ops->put(object);
	return area != NULL;
}

/** The frame that @addr is mapped to with the right to write, if @is_write; with a reference; NULL: none yet.
 *  -EFAULT: none ever. As a writer: a fault under the read lock could drop the frame before the reference
 *  is taken. */
static err_t mapped_frame(struct mm_space *space, vaddr_t addr, bool is_write, struct frame **found)
{
	struct frame *frame = NULL;
	sched_write_lock(&space->lock);
	struct mm_area *area = area_find(space, addr);
	pte_t *entry = pagetable_walk(&space->table, addr);
	bool is_in = area && area->start <= addr;
	bool is_device = is_in && (area->flags & MM_DEVICE);
	if (is_in && entry && !is_device) {
		pte_t pte = pte_load(entry);
		if (hal_pte_is_present(pte) && (!is_write || is_writable(area, pte))) {
			frame = entry_frame(pte);
			frame_get(frame);
		}
	}
	sched_write_unlock(&space->lock);
	*found = frame;
	return is_device ? -EFAULT : 0;
}

err_t mm_space_pin(struct mm_space *space, vaddr_t addr, bool is_write, struct frame **frame)
{
	if (addr >= HAL_USER_TOP)
		return -EFAULT;
	for (;;) {
		err_t err = mapped_frame(space, addr, is_write, frame);
		if (err || *frame)
			return err;
		err = mm_fault(space, addr, is_write ? HAL_FAULT_WRITE : HAL_FAULT_READ);
		if (err)
			return err;
	}
}

/** Whether @addr is mapped to @frame still: if not, what was written there while it was held may be lost, for fork
 *  shared it meanwhile, and a write to it made a copy. */
static bool is_mapped_to(struct mm_space *space, vaddr_t addr, struct frame *frame)
{
	sched_read_lock(&space->lock);
	pte_t *entry = pagetable_walk(&space->table, addr);
	pte_t pte = entry ? pte_load(entry) : hal_pte_none();
	sched_read_unlock(&space->lock);
	return hal_pte_is_present(pte) && hal_pte_paddr(pte) == frame_paddr(frame);
}

/** How much of [@addr, @addr+@len) lies in @addr's page. */
static size_t in_page(vaddr_t addr, size_t len)
{
	return min(len, (size_t)(HAL_PAGE_SIZE - addr % HAL_PAGE_SIZE));
}

err_t mm_space_read(struct mm_space *space, vaddr_t addr, void *buf, size_t len)
{
	for (size_t part; len > 0; addr += part, buf = (char *)buf + part, len -= part) {
		struct frame *frame;
		err_t err = mm_space_pin(space, addr, false, &frame);
		if (err)
			return err;
		part = in_page(addr, len);
		memcpy(buf, (char *)frame_direct(frame) + addr % HAL_PAGE_SIZE, part);
		frame_put(frame);
	}
	return 0;
}

static bool is_executable(struct mm_space *space, vaddr_t addr)
{
	sched_read_lock(&space->lock);
	struct mm_area *area = area_find(space, addr);
	bool is_exec = area && area->start <= addr && (area->flags & HAL_PROT_EXEC);
	sched_read_unlock(&space->lock);
	return is_exec;
}

/** Write @len bytes at @addr, within one page: those at @buf, zeros where it is NULL. */
static err_t write_page(struct mm_space *space, vaddr_t addr, const void *buf, size_t len)
{
	bool is_there;
	do {
		struct frame *frame;
		err_t err = mm_space_pin(space, addr, true, &frame);
		if (err)
			return err;
		char *to = (char *)frame_direct(frame) + addr % HAL_PAGE_SIZE;
		if (buf)
			memcpy(to, buf, len);
		else
			memset(to, 0, len);
		frame_written(frame);
		if (is_executable(space, addr))
			hal_cache_sync_code(to, len);
		is_there = is_mapped_to(space, addr, frame);
		frame_put(frame);
	} while (!is_there); // once more
	return 0;
}

err_t mm_space_write(struct mm_space *space, vaddr_t addr, const void *buf, size_t len)
{
	err_t err = 0;
	for (size_t part; !err && len > 0; addr += part, buf = (const char *)buf + part, len -= part) {
		part = in_page(addr, len);
		err = write_page(space, addr, buf, part);
	}
	return err;
}

err_t mm_space_zero(struct mm_space *space, vaddr_t addr, size_t len)
{
	err_t err = 0;
	for (size_t part; !err && len > 0; addr += part, len -= part) {
		part = in_page(addr, len);
		err = write_page(space, addr, NULL, part);
	}
	return err;
}

/** The two directions differ in one call each. */
static err_t copy_page(struct frame *frame, vaddr_t there, vaddr_t here, size_t len, bool is_write)
{
	char *page = (char *)frame_direct(frame) + there % HAL_PAGE_SIZE;
	if (!is_write)
		return mm_copy_out(here, page, len);
	err_t err = mm_copy_in(page, here, len);
	frame_written(frame);
	return err;
}

static err_t copy_pages(struct mm_space *space, vaddr_t there, vaddr_t here, size_t len, bool is_write,
			bool *is_theirs)
{
	err_t err = 0;
	*is_theirs = false;
	for (size_t part; !err && len > 0; there += part, here += part, len -= part) {
		struct frame *frame;
		part = in_page(there, len);
		err = mm_space_pin(space, there, is_write, &frame);
		if (err) {
			*is_theirs = true;
			return err == -ENOMEM ? err : -EFAULT;
		}
		err = copy_page(frame, there, here, part, is_write);
		if (is_write && !is_mapped_to(space, there, frame))
			part = 0; // once more
		frame_put(frame);
	}
	return err;
}

err_t mm_copy_to_space(struct mm_space *space, vaddr_t there, vaddr_t here, size_t len, bool *is_theirs)
{
	return copy_pages(space, there, here, len, true, is_theirs);
}

err_t mm_copy_from_space(struct mm_space *space, vaddr_t there, vaddr_t here, size_t len, bool *is_theirs)
{
	return copy_pages(space, there, here, len, false, is_theirs);
}

err_t mm_futex_key(struct mm_space *space, vaddr_t addr, bool is_private, struct mm_key *key)
{
	if (!is_aligned(addr, sizeof(uint32_t)))
		return -EINVAL;
	if (addr >= HAL_USER_TOP)
		return -EFAULT;
	*key = (struct mm_key){(uintptr_t)space, addr};
	if (is_private)
		return 0;
	err_t err = 0;
	sched_read_lock(&space->lock);
	struct mm_area *area = area_find(space, addr);
	if (!area || area->start > addr)
		err = -EFAULT;
	else if (area->flags & MM_SHARED)
		*key = (struct mm_key){(uintptr_t)area->object->identity,
				       (area->first_page << HAL_PAGE_SHIFT) + (addr - area->start)};
	sched_read_unlock(&space->lock);
	return err;
}
