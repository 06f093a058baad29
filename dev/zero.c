// SPDX-License-Identifier: MIT
// Memory behind a mapping of /dev/zero: pages by index, made when first touched. How far the
// mapping reaches is not known here, so they stand in a tree.
#include <lib/rbtree.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <lib/string.h>
#include <uapi/errno.h>

#include "mem.h"

struct zero_page {
	struct rbnode node;
	uint64_t index;
	struct frame *frame; // holds a reference
};

struct zero_object {
	struct mm_object base;
	_Atomic uint32_t refs;
	struct rbtree pages; // by index (base.lock)
};

static struct zero_object *zero_of(struct mm_object *object)
{
	return container_of(object, struct zero_object, base);
}

static bool page_less(const struct rbnode *a, const struct rbnode *b)
{
	const struct zero_page *page_a = rb_entry(a, struct zero_page, node);
	const struct zero_page *page_b = rb_entry(b, struct zero_page, node);
	return page_a->index < page_b->index;
}

static struct zero_page *find_locked(struct zero_object *zero, uint64_t index)
{
	struct rbnode *at = zero->pages.root;
	while (at) {
		struct zero_page *page = rb_entry(at, struct zero_page, node);
		if (page->index == index)
			return page;
		at = index < page->index ? at->left : at->right;
	}
	return NULL;
}

static void free_page(struct zero_page *page)
{
	if (page->frame)
		frame_put(page->frame);
	kfree(page);
}

static struct zero_page *make_page(uint64_t index)
{
	struct zero_page *page = kzalloc(sizeof(*page));
	if (!page)
		return NULL;
	page->index = index;
	page->frame = frame_alloc_zeroed();
	if (page->frame)
		return page;
	free_page(page);
	return NULL;
}

static err_t zero_get_page(struct mm_object *object, uint64_t index, bool for_write,
			   struct frame **frame)
{
	struct zero_object *zero = zero_of(object);
	(void)for_write;
	spin_lock(&object->lock);
	struct zero_page *page = find_locked(zero, index), *fresh = NULL;
	if (!page) {
		spin_unlock(&object->lock);
		fresh = make_page(index);
		if (!fresh)
			return -ENOMEM;
		spin_lock(&object->lock);
		page = find_locked(zero, index); // another may have been faster
		if (!page) {
			rbtree_insert(&zero->pages, &fresh->node, page_less);
			page = fresh;
			fresh = NULL;
		}
	}
	*frame = page->frame;
	frame_get(*frame);
	spin_unlock(&object->lock);
	if (fresh)
		free_page(fresh);
	return 0;
}

static void zero_get(struct mm_object *object)
{
	fetch_add_relaxed(&zero_of(object)->refs, 1);
}

static void zero_put(struct mm_object *object)
{
	struct zero_object *zero = zero_of(object);
	struct rbnode *node;
	if (fetch_sub_acq_rel(&zero->refs, 1) != 1)
		return;
	while ((node = rbtree_first(&zero->pages))) {
		rbtree_remove(&zero->pages, node);
		free_page(rb_entry(node, struct zero_page, node));
	}
	kfree(zero);
}

static void zero_describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	(void)object;
	strlcpy(buf, "/dev/zero", len);
	*inode = 0;
}

static const struct mm_object_ops zero_object_ops = {
	.get_page = zero_get_page,
	.get = zero_get,
	.put = zero_put,
	.describe = zero_describe,
	.is_memory = true,
};

err_t zero_mmap_object(struct file *file, bool is_shared, struct mm_object **object)
{
	(void)file, (void)is_shared;
	struct zero_object *zero = kzalloc(sizeof(*zero));
	if (!zero)
		return -ENOMEM;
	mm_object_init(&zero->base, &zero_object_ops);
	atomic_init(&zero->refs, 1);
	rbtree_init(&zero->pages);
	*object = &zero->base;
	return 0;
}
