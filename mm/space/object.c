// SPDX-License-Identifier: MIT
// Objects as the areas that map them see them, and the one that is wholly mm's own: anonymous shared
// memory.
//
// Unmapping a range everywhere. The list of areas is guarded by a spinning lock, the areas by the
// sleeping locks of their spaces. So the walk takes the first area that has not its mark, goes to its
// space without the list's lock, deals with all areas of that space, marks them, and begins again.
// Marked areas are moved to the end; what is cut from or copied from an area stands behind it with the
// same mark, so everything without the mark stands in front, but for areas that are mapped meanwhile:
// those only get pages that the owner still gives out.
#include <kernel/assert.h>
#include <lib/string.h>
#include <uapi/errno.h>

#include "private.h"

/** One walk at a time, in all objects: the marks are its. */
static struct sched_rwlock unmap_lock;
static uint32_t unmap_mark; // (unmap_lock)

void object_init_once(void)
{
	sched_rwlock_init(&unmap_lock);
}

void mm_object_init(struct mm_object *object, const struct mm_object_ops *ops)
{
	object->ops = ops;
	object->identity = object;
	spin_init(&object->lock);
	list_init(&object->areas);
	atomic_init(&object->unmaps, 0);
}

static void mark_locked(struct mm_object *object, struct mm_area *area, uint32_t mark)
{
	area->unmap_mark = mark;
	list_remove(&area->object_node);
	list_push_back(&object->areas, &area->object_node);
}

/** The space of the first area without @mark, with a reference; NULL = all have it. */
static struct mm_space *next_space(struct mm_object *object, uint32_t mark)
{
	struct mm_space *space = NULL;
	spin_lock(&object->lock);
	while (!space) {
		struct mm_area *area = list_first_entry(&object->areas, struct mm_area, object_node);
		if (!area || area->unmap_mark == mark)
			break;
		if (mm_space_try_get(area->space))
			space = area->space;
		else
			mark_locked(object, area, mark); // its space is being destroyed
	}
	spin_unlock(&object->lock);
	return space;
}

static void unmap_part(struct mm_gather *gather, struct mm_area *area, uint64_t first,
		       uint64_t last)
{
	uint64_t area_last = area->first_page + area_pages(area) - 1;
	if (area_last < first || area->first_page > last)
		return;
	vaddr_t start = area->start;
	if (first > area->first_page)
		start += (first - area->first_page) << HAL_PAGE_SHIFT;
	vaddr_t end = area->end;
	if (last < area_last)
		end -= (area_last - last) << HAL_PAGE_SHIFT;
	gather_unmap(gather, &gather->space->table, start, end);
}

static void unmap_in_space(struct mm_space *space, struct mm_object *object, uint64_t first,
			   uint64_t last, uint32_t mark)
{
	struct mm_gather gather;
	gather_init(&gather, space);
	sched_write_lock(&space->lock);
	struct mm_area *area = rbtree_first_entry(&space->areas, struct mm_area, node);
	for (; area; area = area_next(area)) {
		if (area->object != object)
			continue;
		unmap_part(&gather, area, first, last);
		spin_lock(&object->lock);
		mark_locked(object, area, mark);
		spin_unlock(&object->lock);
	}
	gather_finish(&gather);
	sched_write_unlock(&space->lock);
}

bool mm_object_is_mapped_writable(struct mm_object *object)
{
	struct mm_area *area;
	bool result = false;
	spin_lock(&object->lock);
	list_for_each_entry(area, &object->areas, object_node)
		result |= (area->flags & MM_SHARED) && (area->max_prot & HAL_PROT_WRITE);
	spin_unlock(&object->lock);
	return result;
}

void mm_object_unmap(struct mm_object *object, uint64_t first, uint64_t last)
{
	// Faults that have a page and not yet mapped it see this, or are waited for.
	fetch_add_acq_rel(&object->unmaps, 1);
	spin_lock(&object->lock);
	bool is_mapped = !list_is_empty(&object->areas);
	spin_unlock(&object->lock);
	if (!is_mapped)
		return;
	sched_write_lock(&unmap_lock);
	// 0 is the mark of areas that no walk has met.
	uint32_t mark = ++unmap_mark ? unmap_mark : ++unmap_mark;
	struct mm_space *space;
	while ((space = next_space(object, mark))) {
		unmap_in_space(space, object, first, last, mark);
		mm_space_put(space);
	}
	sched_write_unlock(&unmap_lock);
}

// Anonymous shared memory: a table of tables of frames, filled on demand.

#define ANON_PAGES_MAX (1ul << 40)
#define CHUNK_PAGES (HAL_PAGE_SIZE / sizeof(struct frame *))

struct anon_object {
	struct mm_object base;
	_Atomic uint32_t refs;
	uint64_t pages;
	struct frame ***chunks; // (base.lock)
};

static struct anon_object *anon_of(struct mm_object *object)
{
	return container_of(object, struct anon_object, base);
}

static uint64_t chunk_count(const struct anon_object *anon)
{
	return (anon->pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
}

static void anon_get(struct mm_object *object)
{
	fetch_add_relaxed(&anon_of(object)->refs, 1);
}

static void anon_put(struct mm_object *object)
{
	struct anon_object *anon = anon_of(object);
	if (fetch_sub_acq_rel(&anon->refs, 1) != 1)
		return;
	for (uint64_t i = 0; i < chunk_count(anon); i++) {
		struct frame **chunk = anon->chunks[i];
		for (size_t j = 0; chunk && j < CHUNK_PAGES; j++) {
			if (chunk[j])
				frame_put(chunk[j]);
		}
		kfree(chunk);
	}
	kfree(anon->chunks);
	kfree(anon);
}

/** The page if it is there, with a reference. Locked. */
static struct frame *anon_find_locked(struct anon_object *anon, uint64_t index)
{
	struct frame **chunk = index < anon->pages ? anon->chunks[index / CHUNK_PAGES] : NULL;
	struct frame *frame = chunk ? chunk[index % CHUNK_PAGES] : NULL;
	if (frame)
		frame_get(frame);
	return frame;
}

static unsigned anon_get_resident(struct mm_object *object, uint64_t first, unsigned count,
				  struct frame **frames)
{
	struct anon_object *anon = anon_of(object);
	unsigned found = 0;
	spin_lock(&object->lock);
	for (unsigned i = 0; i < count; i++) {
		frames[i] = anon_find_locked(anon, first + i);
		found += frames[i] != NULL;
	}
	spin_unlock(&object->lock);
	return found;
}

/** Put @fresh at @index unless another was faster; the page with a reference in *@frame. Consumes
 *  @chunk where it is not needed. */
static void anon_store(struct anon_object *anon, uint64_t index, struct frame **chunk,
		       struct frame *fresh, struct frame **frame)
{
	spin_lock(&anon->base.lock);
	struct frame ***slot = &anon->chunks[index / CHUNK_PAGES];
	if (!*slot) {
		*slot = chunk;
		chunk = NULL;
	}
	struct frame **page = &(*slot)[index % CHUNK_PAGES];
	if (!*page) {
		*page = fresh;
		fresh = NULL;
	}
	*frame = *page;
	frame_get(*frame);
	spin_unlock(&anon->base.lock);
	kfree(chunk);
	if (fresh)
		frame_put(fresh);
}

static err_t anon_get_page(struct mm_object *object, uint64_t index, bool for_write,
			   struct frame **frame)
{
	(void)for_write;
	struct anon_object *anon = anon_of(object);
	if (index >= anon->pages)
		return -EIO;
	spin_lock(&object->lock);
	*frame = anon_find_locked(anon, index);
	bool has_chunk = anon->chunks[index / CHUNK_PAGES] != NULL;
	spin_unlock(&object->lock);
	if (*frame)
		return 0;
	struct frame **chunk = has_chunk ? NULL : kzalloc(HAL_PAGE_SIZE);
	struct frame *fresh = has_chunk || chunk ? frame_alloc_zeroed() : NULL;
	if (!fresh) {
		kfree(chunk);
		return -ENOMEM;
	}
	anon_store(anon, index, chunk, fresh, frame);
	return 0;
}

static void anon_describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	(void)object;
	*inode = 0;
	strlcpy(buf, "/dev/zero (deleted)", len);
}

static const struct mm_object_ops anon_ops = {
	.get_page = anon_get_page,
	.get = anon_get,
	.put = anon_put,
	.describe = anon_describe,
	.get_resident = anon_get_resident,
	.is_memory = true,
	.reports_writes = true, // the kernel writes into none but the vDSO's, before they are mapped
};

struct mm_object *mm_object_create_anon(uint64_t pages)
{
	struct anon_object *anon = pages <= ANON_PAGES_MAX ? kzalloc(sizeof(*anon)) : NULL;
	if (!anon)
		return NULL;
	anon->pages = pages;
	anon->chunks = kcalloc(chunk_count(anon), sizeof(*anon->chunks));
	if (!anon->chunks) {
		kfree(anon);
		return NULL;
	}
	mm_object_init(&anon->base, &anon_ops);
	atomic_init(&anon->refs, 1);
	return &anon->base;
}
