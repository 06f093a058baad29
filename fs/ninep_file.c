// SPDX-License-Identifier: MIT
// Regular files of 9P. read and write go to the server each time, so both sides see each other's changes.
// Mappings need pages: those are read once and kept while the vnode lives, and thrown away when the file is
// opened and found changed. Shared writable mappings are refused, as nobody would write them back.
//
// User memory is touched without a lock of this file's: a fault may come back here for a page.
#include <sched/sched.h>

#include "ninep.h"

#define READ_AHEAD (NINEP_DATA_MAX / HAL_PAGE_SIZE) // pages

static struct ninep_node *node_of_object(struct mm_object *object)
{
	return container_of(object, struct ninep_node, object);
}

static uint64_t pages_for(uint64_t size)
{
	return (size + HAL_PAGE_SIZE - 1) >> HAL_PAGE_SHIFT;
}

static uint32_t fid_of(const struct file *file)
{
	return (uint32_t)(uintptr_t)file->data;
}

static int64_t read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct ninep *session = ninep_of(file->vnode);
	uint8_t *buf = kmalloc(min(io->left, (uint64_t)NINEP_DATA_MAX));
	int64_t done = 0, n = buf ? 0 : -ENOMEM;
	while (buf && io->left) {
		size_t wanted = min(io->left, (uint64_t)NINEP_DATA_MAX);
		n = ninep_read(session, fid_of(file), (uint64_t)(pos + done), buf, wanted);
		size_t put = n > 0 ? io_vec_put(io, buf, (size_t)n) : 0;
		done += (int64_t)put;
		if (n > 0 && put < (size_t)n)
			n = -EFAULT;
		if (n < (int64_t)wanted)
			break;
		sched_preempt_point();
	}
	kfree(buf);
	return done ? done : n < 0 ? n : 0;
}

/** The end of the file grew, or bytes in it changed: pages read before are old. */
static void note_written(struct vnode *vnode, uint64_t end)
{
	store_relaxed(&ninep_node_of(vnode)->is_outdated, true);
	spin_lock(&ninep_node_of(vnode)->object.lock);
	vnode->size = max(vnode->size, end);
	spin_unlock(&ninep_node_of(vnode)->object.lock);
	vnode_written(vnode);
}

static int64_t write_some(struct file *file, struct io_vec *io, uint64_t pos, uint8_t *buf)
{
	size_t taken = io_vec_take(io, buf, min(io->left, (uint64_t)NINEP_DATA_MAX));
	if (!taken)
		return -EFAULT;
	for (size_t at = 0; at < taken;) {
		int64_t n = ninep_write(ninep_of(file->vnode), fid_of(file), pos + at, buf + at, taken - at);
		if (n <= 0)
			return at ? (int64_t)at : n ? n : -EIO;
		at += (size_t)n;
	}
	return (int64_t)taken;
}

static int64_t write_locked(struct file *file, struct io_vec *io, uint64_t pos)
{
	struct ninep_attr attr;
	uint8_t *buf = kmalloc(min(io->left, (uint64_t)NINEP_DATA_MAX));
	int64_t done = 0, n = buf ? 0 : -ENOMEM;
	if (buf && load_relaxed(&file->flags) & O_APPEND) {
		n = ninep_getattr(ninep_of(file->vnode), fid_of(file), &attr);
		pos = n ? pos : attr.size;
	}
	if (!n && io->left > INT64_MAX - pos)
		n = -EFBIG;
	while (!n && io->left) {
		uint64_t wanted = min(io->left, (uint64_t)NINEP_DATA_MAX);
		int64_t some = write_some(file, io, pos + (uint64_t)done, buf);
		if (some < (int64_t)wanted)
			n = some < 0 ? some : 1;
		done += max(some, (int64_t)0);
		sched_preempt_point();
	}
	kfree(buf);
	if (done)
		note_written(file->vnode, pos + (uint64_t)done);
	return done ? done : n;
}

static int64_t write(struct file *file, struct io_vec *io, int64_t pos)
{
	if (!io->left)
		return 0;
	sched_write_lock(&file->vnode->lock);
	int64_t n = write_locked(file, io, (uint64_t)pos);
	sched_write_unlock(&file->vnode->lock);
	return n;
}

static int64_t seek(struct file *file, int64_t offset, int whence)
{
	return fs_seek_in(file, offset, whence, file->vnode->size);
}

/** Pages are read by a fid of the vnode's own: the file that is mapped may be closed. */
static err_t prepare_reading(struct vnode *vnode)
{
	struct ninep_node *node = ninep_node_of(vnode);
	uint32_t fid, none = NINEP_NO_FID;
	if (load_acquire(&node->reading_fid) != NINEP_NO_FID)
		return 0;
	err_t err = ninep_open_copy(vnode, O_RDONLY, &fid);
	if (!err && !cas_acq_rel(&node->reading_fid, &none, fid))
		ninep_clunk(ninep_of(vnode), fid); // another was faster
	return err;
}

static err_t mmap_object(struct file *file, bool is_shared, struct mm_object **object)
{
	if (is_shared && (load_relaxed(&file->flags) & O_ACCMODE) != O_RDONLY)
		return -ENODEV;
	err_t err = prepare_reading(file->vnode);
	if (err)
		return err;
	*object = &ninep_node_of(file->vnode)->object;
	vnode_get(file->vnode);
	return 0;
}

static void release(struct file *file)
{
	ninep_clunk(ninep_of(file->vnode), fid_of(file));
}

static const struct file_ops ops = {
	.name = "file",
	.read = read,
	.write = write,
	.seek = seek,
	.mmap_object = mmap_object,
	.release = release,
};

/** Pages [@first, @last] go: out of the tree, out of all mappings, then free. */
static void drop_pages(struct ninep_node *node, uint64_t first, uint64_t last, bool is_mapped)
{
	struct list taken;
	unsigned count;
	uint64_t at = first;
	list_init(&taken);
	do {
		spin_lock(&node->object.lock);
		count = page_tree_take_some(&node->pages, &at, last, &taken);
		spin_unlock(&node->object.lock);
		(void)fetch_sub_acq_rel(&kept_pages, count);
		sched_preempt_point();
	} while (count == PAGE_TREE_BATCH);
	if (is_mapped && !list_is_empty(&taken))
		mm_object_unmap(&node->object, first, last);
	page_tree_put_taken(&taken);
}

static err_t open_fid(struct vnode *vnode, uint32_t flags, uint32_t *fid)
{
	*fid = exchange_acq_rel(&ninep_node_of(vnode)->created_fid, NINEP_NO_FID);
	return *fid != NINEP_NO_FID ? 0 : ninep_open_copy(vnode, flags & O_ACCMODE, fid);
}

err_t ninep_file_open(struct vnode *vnode, uint32_t flags, struct file **file)
{
	struct ninep_node *node = ninep_node_of(vnode);
	uint32_t fid;
	err_t err = open_fid(vnode, flags, &fid);
	if (err)
		return err;
	if (exchange_acq_rel(&node->is_outdated, false))
		drop_pages(node, 0, UINT64_MAX, true);
	*file = file_create(&ops, flags, (void *)(uintptr_t)fid);
	if (*file)
		return 0;
	ninep_clunk(ninep_of(vnode), fid);
	return -ENOMEM;
}

err_t ninep_file_resize(struct vnode *vnode, uint64_t size)
{
	struct ninep_node *node = ninep_node_of(vnode);
	struct fs_setattr attr = {.valid = FS_SET_SIZE, .size = size};
	err_t err = ninep_setattr(ninep_of(vnode), node->fid, &attr);
	if (err)
		return err;
	spin_lock(&node->object.lock);
	vnode->size = size;
	spin_unlock(&node->object.lock);
	// The page of the new end is read again as well: what follows the end in it is zero now.
	drop_pages(node, size >> HAL_PAGE_SHIFT, UINT64_MAX, true);
	return 0;
}

/** Put the page at @index that was read into @fresh, unless it is there meanwhile or behind the end. */
static err_t add_page(struct ninep_node *node, uint64_t index, struct frame *fresh)
{
	err_t err = 0;
	spin_lock(&node->object.lock);
	bool is_wanted = index < pages_for(node->vnode.size) && !page_tree_find(&node->pages, index);
	if (is_wanted)
		err = page_tree_add(&node->pages, index, fresh);
	spin_unlock(&node->object.lock);
	if (err || !is_wanted)
		frame_put(fresh);
	else
		fetch_add_relaxed(&kept_pages, 1);
	return err;
}

/** Read pages from @first on: at least that one, or an error. */
static err_t read_pages(struct ninep_node *node, uint64_t first)
{
	uint8_t *buf = kmalloc(NINEP_DATA_MAX);
	int64_t n = -ENOMEM;
	if (buf)
		n = ninep_read(ninep_of(&node->vnode), load_relaxed(&node->reading_fid), first << HAL_PAGE_SHIFT, buf, NINEP_DATA_MAX);
	err_t err = n < 0 ? (err_t)n : 0;
	uint64_t count = n < 0 ? 0 : max(pages_for((uint64_t)n), (uint64_t)1);
	for (uint64_t i = 0; i < count && !err; i++) {
		struct frame *fresh = frame_alloc_zeroed();
		uint64_t start = i << HAL_PAGE_SHIFT;
		size_t len = (uint64_t)n > start ? min((uint64_t)n - start, (uint64_t)HAL_PAGE_SIZE) : 0;
		if (fresh)
			memcpy(frame_direct(fresh), buf + start, len);
		err = fresh ? add_page(node, first + i, fresh) : -ENOMEM;
		if (i)
			err = 0; // reading ahead is a favour
	}
	kfree(buf);
	return err == -ENOMEM ? err : err ? -EIO : 0;
}

static err_t get_page(struct mm_object *object, uint64_t index, bool for_write, struct frame **frame)
{
	struct ninep_node *node = node_of_object(object);
	(void)for_write;
	for (;;) {
		spin_lock(&object->lock);
		bool is_inside = index < pages_for(node->vnode.size);
		*frame = is_inside ? page_tree_find(&node->pages, index) : NULL;
		if (*frame)
			frame_get(*frame);
		spin_unlock(&object->lock);
		if (*frame || !is_inside)
			return *frame ? 0 : -EIO;
		err_t err = read_pages(node, index);
		if (err)
			return err;
	}
}

static unsigned get_resident(struct mm_object *object, uint64_t first, unsigned count, struct frame **frames)
{
	struct ninep_node *node = node_of_object(object);
	spin_lock(&object->lock);
	unsigned found = page_tree_get_resident(&node->pages, pages_for(node->vnode.size), first, count, frames);
	spin_unlock(&object->lock);
	return found;
}

static void get_ref(struct mm_object *object)
{
	vnode_get(&node_of_object(object)->vnode);
}

static void put_ref(struct mm_object *object)
{
	vnode_put(&node_of_object(object)->vnode);
}

static void describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	vnode_describe(&node_of_object(object)->vnode, buf, len, inode);
}

static const struct mm_object_ops object_ops = {
	.get_page = get_page,
	.get = get_ref,
	.put = put_ref,
	.describe = describe,
	.get_resident = get_resident,
	.reports_writes = true, // nobody writes into a page once it was read
};

void ninep_file_init(struct ninep_node *node)
{
	mm_object_init(&node->object, &object_ops);
	atomic_init(&node->pages.root, 0);
}

void ninep_file_evict(struct ninep_node *node)
{
	drop_pages(node, 0, UINT64_MAX, false); // nobody maps it: mappings hold references
}
