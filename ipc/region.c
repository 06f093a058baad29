// SPDX-License-Identifier: MIT
// Regions.
//
// Every mmap() makes a view: an object of mm's own kind that gives out the region's pages and holds the
// grant that it was mapped through. So a grant lives while memory is mapped through it, even when its
// last descriptor is closed; and when it is revoked, its views, and no others, give no page any more and
// are unmapped on all CPUs before the revocation returns.
//
// Against a view that is being made while its grant is revoked: the revoker clears the grant's rights,
// then takes the lock and looks at the views; the maker adds the view under the lock, then looks at
// the rights.
//
// Moving takes the pages away from all views in the same manner, and gives them to another region.
#include <hal/mmu.h>
#include <ipc/region.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#define RIGHTS_ALL (IPC_RIGHT_READ | IPC_RIGHT_WRITE | IPC_RIGHT_GRANT)

struct region_view {
	struct mm_object base;
	_Atomic uint32_t refs;
	_Atomic uint32_t is_dead; // gives no pages
	struct region *region; // holds a reference
	struct mm_object *pages; // holds a reference
	struct grant *grant; // holds a reference
	struct list node; // of the region (its lock)
};

static struct region *region_of(struct object *object)
{
	return container_of(object, struct region, object);
}

static struct region_view *view_of(struct mm_object *object)
{
	return container_of(object, struct region_view, base);
}

// ---- views ----------------------------------------------------------------------------------------

static err_t view_get_page(struct mm_object *object, uint64_t index, bool for_write, struct frame **frame)
{
	struct region_view *view = view_of(object);
	if (load_acquire(&view->is_dead))
		return -EIO;
	return view->pages->ops->get_page(view->pages, index, for_write, frame);
}

static unsigned view_get_resident(struct mm_object *object, uint64_t first, unsigned count,
				  struct frame **frames)
{
	struct region_view *view = view_of(object);
	if (load_acquire(&view->is_dead)) {
		memset(frames, 0, count * sizeof(*frames));
		return 0;
	}
	return view->pages->ops->get_resident(view->pages, first, count, frames);
}

static err_t view_get_device(struct mm_object *object, uint64_t index, paddr_t *pa)
{
	struct region_view *view = view_of(object);
	if (load_acquire(&view->is_dead))
		return -EIO;
	return view->pages->ops->get_device(view->pages, index, pa);
}

static void view_get(struct mm_object *object)
{
	fetch_add_relaxed(&view_of(object)->refs, 1);
}

static void view_put(struct mm_object *object)
{
	struct region_view *view = view_of(object);
	if (fetch_sub_acq_rel(&view->refs, 1) != 1)
		return;
	struct region *region = view->region;
	sched_mutex_lock(&region->lock);
	list_remove(&view->node);
	sched_mutex_unlock(&region->lock);
	view->pages->ops->put(view->pages);
	grant_put(view->grant);
	kfree(view);
	object_put(&region->object);
}

static void view_describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	(void)object;
	*inode = 0;
	strlcpy(buf, "region", len);
}

static const struct mm_object_ops view_ops = {
	.get_page = view_get_page,
	.get = view_get,
	.put = view_put,
	.describe = view_describe,
	.get_resident = view_get_resident,
	.get_device = view_get_device,
	.is_memory = true,
};

/** Enter @view, which has all but its pages, if its grant is alive and the region has pages. */
static err_t enter_view(struct region *region, struct region_view *view)
{
	err_t err = 0;
	sched_mutex_lock(&region->lock);
	list_push_back(&region->views, &view->node);
	fence_seq_cst();
	if (!load_relaxed(&view->grant->rights))
		err = -EBADF;
	else if (!region->pages)
		err = -ENXIO;
	if (err) {
		list_remove(&view->node);
	} else {
		view->pages = region->pages;
		view->pages->ops->get(view->pages);
		view->base.identity = view->pages;
	}
	sched_mutex_unlock(&region->lock);
	return err;
}

err_t ipc_region_view(struct grant *grant, struct mm_object **object)
{
	struct region *region = region_of(grant->object);
	struct region_view *view = kzalloc(sizeof(*view));
	if (!view)
		return -ENOMEM;
	mm_object_init(&view->base, &view_ops);
	atomic_init(&view->refs, 1);
	view->region = region;
	view->grant = grant;
	err_t err = enter_view(region, view);
	if (err) {
		kfree(view);
		return err;
	}
	grant_get(grant);
	object_get(&region->object);
	*object = &view->base;
	return 0;
}

/** A view that shall give no pages and still does, with a reference: of a dead grant, or, if there are no
 *  pages to give, any. Now it does not. */
static struct region_view *kill_one(struct region *region)
{
	struct region_view *view, *found = NULL;
	sched_mutex_lock(&region->lock);
	list_for_each_entry(view, &region->views, node) {
		bool is_over = !region->pages || !load_relaxed(&view->grant->rights);
		// One whose last reference has just gone leaves by itself.
		uint32_t refs = load_relaxed(&view->refs);
		while (is_over && refs && !load_relaxed(&view->is_dead) &&
		       !cas_acq_rel(&view->refs, &refs, refs + 1))
			;
		if (is_over && refs && !load_relaxed(&view->is_dead)) {
			store_release(&view->is_dead, 1);
			found = view;
			break;
		}
	}
	sched_mutex_unlock(&region->lock);
	return found;
}

static void kill_views(struct region *region)
{
	struct region_view *view;
	while ((view = kill_one(region))) {
		mm_object_unmap(&view->base, 0, UINT64_MAX >> HAL_PAGE_SHIFT);
		view_put(&view->base);
	}
}

// ---- regions --------------------------------------------------------------------------------------

static void region_grant_gone(struct object *object, uint32_t rights)
{
	(void)rights;
	kill_views(region_of(object));
}

static void free_region(struct quiesce *head)
{
	kfree(container_of(head, struct region, quiesce));
}

static void region_destroy(struct object *object)
{
	struct region *region = region_of(object);
	if (region->pages)
		region->pages->ops->put(region->pages);
	quiesce_defer(&region->quiesce, free_region);
}

static const struct object_ops region_ops = {
	.name = "region",
	.destroy = region_destroy,
	.grant_gone = region_grant_gone,
};

/** A region without pages. */
static struct region *new_region(void)
{
	struct region *region = kzalloc(sizeof(*region));
	if (!region)
		return NULL;
	object_init(&region->object, &region_ops);
	sched_mutex_init(&region->lock);
	list_init(&region->views);
	return region;
}

static err_t make_region(struct grant **grant)
{
	struct region *region = new_region();
	if (!region)
		return -ENOMEM;
	err_t err = grant_create(&region->object, OBJECT_REGION | RIGHTS_ALL, 0, sizeof(*region), grant);
	if (err)
		kfree(region);
	return err;
}

err_t ipc_region_create(uint64_t size, struct grant **grant)
{
	if (!size)
		return -EINVAL;
	if (size > HAL_USER_TOP)
		return -ENOMEM;
	size = align_up(size, HAL_PAGE_SIZE);
	struct mm_object *pages = mm_object_create_anon(size >> HAL_PAGE_SHIFT);
	if (!pages)
		return -ENOMEM;
	err_t err = make_region(grant);
	if (err) {
		pages->ops->put(pages);
		return err;
	}
	struct region *region = region_of((*grant)->object);
	region->pages = pages;
	region->size = size;
	return 0;
}

/** Take the pages out of @from. */
static err_t take_pages(struct region *from, struct mm_object **pages, uint64_t *size)
{
	sched_mutex_lock(&from->lock);
	*pages = from->pages;
	*size = from->size;
	from->pages = NULL;
	from->size = 0;
	sched_mutex_unlock(&from->lock);
	return *pages ? 0 : -ENXIO;
}

err_t ipc_region_move(struct grant *grant, struct grant **moved)
{
	struct region *from = region_of(grant->object);
	err_t err = grant_check(grant, OBJECT_REGION, RIGHTS_ALL);
	if (!err && from->is_device)
		err = -EPERM;
	if (!err)
		err = make_region(moved);
	if (err)
		return err;
	struct region *to = region_of((*moved)->object);
	err = take_pages(from, &to->pages, &to->size);
	if (err)
		grant_put(*moved);
	else
		kill_views(from);
	return err;
}

struct region *ipc_region_of_device(struct mm_object *memory, uint64_t size)
{
	struct region *region = new_region();
	if (region) {
		region->pages = memory;
		region->size = size;
		region->is_device = true;
		region->has_registers = memory->ops->get_device;
	}
	return region;
}

void ipc_region_end(struct region *region)
{
	struct mm_object *pages;
	uint64_t size;
	if (take_pages(region, &pages, &size) != 0)
		return;
	kill_views(region);
	pages->ops->put(pages);
}

uint64_t ipc_region_size(struct region *region)
{
	sched_mutex_lock(&region->lock);
	uint64_t size = region->size;
	sched_mutex_unlock(&region->lock);
	return size;
}
