// SPDX-License-Identifier: MIT
// Regular files of tmpfs. Their pages are one mm_object, so read, write, shared and private mappings see
// the same memory.
//
// read holds vnode->lock for reading, write and changes of size for writing: so pages are never taken away
// under a read or write, and a fault (which takes only object.lock) may add one at any time. A fault
// taken while copying from or to user memory, even to a mapping of the same file, therefore never
// meets a lock of its own thread.
#include <sched/sched.h>

#include "tmpfs.h"

enum { FALLOC_KEEP_SIZE = 1, FALLOC_PUNCH_HOLE = 2, FALLOC_ZERO_RANGE = 16 };

#define PAGE_MASK ((uint64_t)HAL_PAGE_SIZE - 1)
#define BLOCKS_PER_PAGE (HAL_PAGE_SIZE / 512)

static struct tmpfs_file *file_of_object(struct mm_object *object)
{
	return container_of(object, struct tmpfs_file, object);
}

static uint64_t pages_for(uint64_t size)
{
	return (size + PAGE_MASK) >> HAL_PAGE_SHIFT;
}

static err_t charge_page(struct tmpfs *tmpfs)
{
	if (likely(fetch_add_relaxed(&tmpfs->pages, 1) < tmpfs->pages_max))
		return 0;
	fetch_sub_release(&tmpfs->pages, 1);
	return -ENOSPC;
}

/** Put the charged @fresh at @index unless a fault was faster; *@frame is what is there then. On error
 *  @fresh is gone. */
static err_t add_page(struct tmpfs_file *file, uint64_t index, struct frame *fresh,
		      struct frame **frame)
{
	err_t err = 0;
	spin_lock(&file->object.lock);
	*frame = page_tree_find(&file->pages, index);
	if (!*frame) {
		err = page_tree_add(&file->pages, index, fresh);
		if (!err) {
			file->vnode.blocks += BLOCKS_PER_PAGE;
			*frame = fresh;
			fresh = NULL;
		}
	}
	spin_unlock(&file->object.lock);
	if (fresh) {
		frame_put(fresh);
		fetch_sub_release(&tmpfs_of(&file->vnode)->pages, 1);
	}
	return err;
}

/** The page at @index, made if absent. vnode->lock held for writing. */
static err_t make_page(struct tmpfs_file *file, uint64_t index, struct frame **frame)
{
	*frame = page_tree_find(&file->pages, index);
	if (*frame)
		return 0;
	err_t err = charge_page(tmpfs_of(&file->vnode));
	if (err)
		return err;
	struct frame *fresh = frame_alloc_zeroed();
	if (!fresh) {
		fetch_sub_release(&tmpfs_of(&file->vnode)->pages, 1);
		return -ENOMEM;
	}
	return add_page(file, index, fresh, frame);
}

/** Take some pages of [*@first, @last] out onto @taken; false: that was all. */
static bool take_batch(struct tmpfs_file *file, uint64_t *first, uint64_t last, struct list *taken)
{
	spin_lock(&file->object.lock);
	unsigned count = page_tree_take_some(&file->pages, first, last, taken);
	file->vnode.blocks -= count * BLOCKS_PER_PAGE;
	spin_unlock(&file->object.lock);
	fetch_sub_release(&tmpfs_of(&file->vnode)->pages, count);
	return count == PAGE_TREE_BATCH;
}

/** Pages [@first, @last] become holes: out of the tree, out of all mappings, then free. */
static void drop_pages(struct tmpfs_file *file, uint64_t first, uint64_t last, bool is_mapped)
{
	struct list taken;
	uint64_t at = first;
	list_init(&taken);
	while (take_batch(file, &at, last, &taken))
		sched_preempt_point();
	if (is_mapped)
		mm_object_unmap(&file->object, first, last);
	page_tree_put_taken(&taken);
}

/** Zero [@start, @end), which lies in one page, if that is there. */
static void zero_in_page(struct tmpfs_file *file, uint64_t start, uint64_t end)
{
	struct frame *frame = page_tree_find(&file->pages, start >> HAL_PAGE_SHIFT);
	if (!frame || start == end)
		return;
	memset((char *)frame_direct(frame) + (start & PAGE_MASK), 0, end - start);
	frame_written(frame);
}

static void set_size(struct tmpfs_file *file, uint64_t size)
{
	spin_lock(&file->object.lock);
	file->vnode.size = size;
	spin_unlock(&file->object.lock);
}

static bool is_sealed(const struct tmpfs_file *file, uint32_t seals)
{
	return load_relaxed(&file->seals) & seals;
}

static err_t resize(struct vnode *vnode, uint64_t size)
{
	struct tmpfs_file *file = tmpfs_file_of(vnode);
	uint64_t old = vnode->size;
	if (is_sealed(file, size < old ? FS_SEAL_SHRINK : size > old ? FS_SEAL_GROW : 0))
		return -EPERM;
	// First the size: from then on no fault adds a page behind it.
	set_size(file, size);
	if (size >= old)
		return 0;
	drop_pages(file, pages_for(size), UINT64_MAX, true);
	if (size & PAGE_MASK)
		zero_in_page(file, size, align_up(size, (uint64_t)HAL_PAGE_SIZE));
	return 0;
}

static err_t punch(struct tmpfs_file *file, uint64_t start, uint64_t end)
{
	uint64_t first = align_up(start, (uint64_t)HAL_PAGE_SIZE);
	uint64_t last = align_down(end, (uint64_t)HAL_PAGE_SIZE);
	if (first > last) { // inside one page
		zero_in_page(file, start, end);
		return 0;
	}
	zero_in_page(file, start, first);
	zero_in_page(file, last, end);
	if (first < last)
		drop_pages(file, first >> HAL_PAGE_SHIFT, (last >> HAL_PAGE_SHIFT) - 1, true);
	return 0;
}

static err_t fallocate(struct vnode *vnode, unsigned mode, uint64_t offset, uint64_t len)
{
	struct tmpfs_file *file = tmpfs_file_of(vnode);
	uint64_t end = offset + len;
	bool writes = mode & (FALLOC_PUNCH_HOLE | FALLOC_ZERO_RANGE);
	if ((writes && is_sealed(file, FS_SEAL_WRITE | FS_SEAL_FUTURE_WRITE)) ||
	    (end > vnode->size && !(mode & FALLOC_KEEP_SIZE) && is_sealed(file, FS_SEAL_GROW)))
		return -EPERM;
	if (mode == (FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE)) {
		vnode->mtime = vnode->ctime = fs_now();
		return punch(file, offset, end);
	}
	if (mode & ~(unsigned)(FALLOC_KEEP_SIZE | FALLOC_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (mode & FALLOC_ZERO_RANGE)
		(void)punch(file, offset, end);
	uint64_t wanted = pages_for(end) - (offset >> HAL_PAGE_SHIFT);
	struct tmpfs *tmpfs = tmpfs_of(vnode);
	if (wanted > tmpfs->pages_max)
		return -ENOSPC;
	for (uint64_t index = offset >> HAL_PAGE_SHIFT; index < pages_for(end); index++) {
		struct frame *frame;
		err_t err = make_page(file, index, &frame);
		if (err) { // as if never asked, behind the end
			uint64_t first = max(offset >> HAL_PAGE_SHIFT, pages_for(vnode->size));
			if (first < index)
				drop_pages(file, first, index - 1, false);
			return err;
		}
		sched_preempt_point();
	}
	if (!(mode & FALLOC_KEEP_SIZE) && end > vnode->size)
		set_size(file, end);
	vnode->mtime = vnode->ctime = fs_now();
	return 0;
}

/** As relatime: the first read after a change. */
static void note_read(struct vnode *vnode, uint32_t flags)
{
	if (unlikely(vnode->atime <= vnode->mtime) && !(flags & O_NOATIME))
		vnode->atime = max(fs_now(), vnode->mtime + 1);
}

static int64_t read_locked(struct tmpfs_file *file, struct io_vec *io, uint64_t pos)
{
	uint64_t size = file->vnode.size, done = 0;
	if (pos >= size)
		return 0;
	uint64_t left = min(io->left, size - pos);
	while (left) {
		uint64_t offset = pos & PAGE_MASK, n = min(left, (uint64_t)HAL_PAGE_SIZE - offset);
		struct frame *frame = page_tree_find(&file->pages, pos >> HAL_PAGE_SHIFT);
		uint64_t copied = frame ? put_bytes(io, (char *)frame_direct(frame) + offset, n)
					: io_vec_put_zeros(io, n);
		done += copied;
		if (unlikely(copied < n))
			return done ? (int64_t)done : -EFAULT;
		pos += n;
		left -= n;
		if (left)
			sched_preempt_point();
	}
	return (int64_t)done;
}

static int64_t tmpfs_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct vnode *vnode = file->vnode;
	sched_read_lock(&vnode->lock);
	int64_t n = read_locked(tmpfs_file_of(vnode), io, (uint64_t)pos);
	sched_read_unlock(&vnode->lock);
	note_read(vnode, load_relaxed(&file->flags));
	return n;
}

/** Fill a page that nobody can see yet, being behind the end: it need not be zeroed before. */
static int64_t write_new_page(struct tmpfs_file *file, struct io_vec *io, uint64_t index)
{
	struct tmpfs *tmpfs = tmpfs_of(&file->vnode);
	err_t err = charge_page(tmpfs);
	if (err)
		return err;
	struct frame *fresh = frame_alloc(0), *frame;
	size_t n = fresh ? io_vec_take(io, frame_direct(fresh), HAL_PAGE_SIZE) : 0;
	if (!n) {
		if (fresh)
			frame_put(fresh);
		fetch_sub_release(&tmpfs->pages, 1);
		return fresh ? -EFAULT : -ENOMEM;
	}
	memset((char *)frame_direct(fresh) + n, 0, HAL_PAGE_SIZE - n);
	err = add_page(file, index, fresh, &frame);
	return err ? err : (int64_t)n;
}

/** Up to the end of the page: bytes written or an error. */
static int64_t write_page(struct tmpfs_file *file, struct io_vec *io, uint64_t pos)
{
	struct frame *frame;
	uint64_t offset = pos & PAGE_MASK, n = min(io->left, (uint64_t)HAL_PAGE_SIZE - offset);
	uint64_t index = pos >> HAL_PAGE_SHIFT;
	bool is_behind = index >= pages_for(file->vnode.size) && n == HAL_PAGE_SIZE;
	if (is_behind && !page_tree_find(&file->pages, index))
		return write_new_page(file, io, index);
	err_t err = make_page(file, index, &frame);
	if (err)
		return err;
	size_t copied = take_bytes(io, (char *)frame_direct(frame) + offset, n);
	frame_written(frame);
	return copied ? (int64_t)copied : -EFAULT;
}

static int64_t write_locked(struct tmpfs_file *file, struct io_vec *io, uint64_t pos)
{
	int64_t done = 0;
	while (io->left) {
		uint64_t wanted = min(io->left, (uint64_t)HAL_PAGE_SIZE - (pos & PAGE_MASK));
		int64_t n = write_page(file, io, pos);
		if (unlikely(n < 0))
			return done ? done : n;
		done += n;
		pos += (uint64_t)n;
		if (pos > file->vnode.size)
			set_size(file, pos);
		if (unlikely((uint64_t)n < wanted))
			break;
		if (io->left)
			sched_preempt_point();
	}
	return done;
}

static int64_t tmpfs_write(struct file *open, struct io_vec *io, int64_t pos)
{
	struct vnode *vnode = open->vnode;
	if (unlikely(!io->left))
		return 0;
	sched_write_lock(&vnode->lock);
	if (load_relaxed(&open->flags) & O_APPEND)
		pos = (int64_t)vnode->size;
	int64_t n = -EFBIG;
	uint64_t limit = min(fs_size_limit(), (uint64_t)INT64_MAX);
	if (unlikely((uint64_t)pos < limit && io->left > limit - (uint64_t)pos))
		io->left = limit - (uint64_t)pos;
	struct tmpfs_file *file = tmpfs_file_of(vnode);
	bool grows = (uint64_t)pos + io->left > vnode->size;
	if (unlikely(is_sealed(file, FS_SEAL_WRITE | FS_SEAL_FUTURE_WRITE | (grows ? FS_SEAL_GROW : 0))))
		n = -EPERM;
	else if (likely((uint64_t)pos < limit))
		n = write_locked(file, io, (uint64_t)pos);
	if (likely(n > 0))
		vnode_written(vnode);
	sched_write_unlock(&vnode->lock);
	return n;
}

/** SEEK_DATA and SEEK_HOLE: by pages. */
static int64_t seek_data(struct tmpfs_file *file, uint64_t pos, bool wants_data)
{
	int64_t found = -ENXIO;
	sched_read_lock(&file->vnode.lock);
	uint64_t size = file->vnode.size, index = pos >> HAL_PAGE_SHIFT, start = index;
	if (pos < size && wants_data) {
		if (page_tree_next(&file->pages, &index) && index << HAL_PAGE_SHIFT < size)
			found = (int64_t)(index == start ? pos : index << HAL_PAGE_SHIFT);
	} else if (pos < size) {
		while (page_tree_find(&file->pages, index))
			index++;
		uint64_t hole = index == start ? pos : index << HAL_PAGE_SHIFT;
		found = (int64_t)min(hole, size);
	}
	sched_read_unlock(&file->vnode.lock);
	return found;
}

static int64_t tmpfs_seek(struct file *file, int64_t offset, int whence)
{
	if (whence != FS_SEEK_DATA && whence != FS_SEEK_HOLE)
		return fs_seek_in(file, offset, whence, file->vnode->size);
	return offset < 0 ? -ENXIO
			  : seek_data(tmpfs_file_of(file->vnode), (uint64_t)offset, whence == FS_SEEK_DATA);
}

static err_t mmap_object(struct file *file, bool is_shared, struct mm_object **object)
{
	(void)is_shared;
	*object = &tmpfs_file_of(file->vnode)->object;
	vnode_get(file->vnode);
	return 0;
}

static const struct file_ops tmpfs_file_ops = {
	.name = "file",
	.read = tmpfs_read,
	.write = tmpfs_write,
	.seek = tmpfs_seek,
	.mmap_object = mmap_object,
};

static err_t open(struct vnode *vnode, uint32_t flags, struct file **file)
{
	(void)vnode;
	*file = file_create(&tmpfs_file_ops, flags, NULL);
	return likely(*file) ? 0 : -ENOMEM;
}

static err_t object_get_page(struct mm_object *object, uint64_t index, bool for_write,
			     struct frame **frame)
{
	struct tmpfs_file *file = file_of_object(object);
	struct tmpfs *tmpfs = tmpfs_of(&file->vnode);
	struct frame *fresh = NULL;
	err_t err = 0;
	(void)for_write;
	for (;;) {
		spin_lock(&object->lock);
		*frame = page_tree_find(&file->pages, index);
		if (index >= pages_for(file->vnode.size)) {
			err = -EIO;
		} else if (!*frame && fresh) {
			err = page_tree_add(&file->pages, index, fresh);
			if (!err) {
				file->vnode.blocks += BLOCKS_PER_PAGE;
				*frame = fresh;
				fresh = NULL;
			}
		}
		bool is_done = err || *frame;
		if (!err && *frame)
			frame_get(*frame);
		spin_unlock(&object->lock);
		if (is_done)
			break;
		if (charge_page(tmpfs))
			return -EIO; // no room: SIGBUS, as Linux
		fresh = frame_alloc_zeroed();
		if (!fresh) {
			fetch_sub_release(&tmpfs->pages, 1);
			return -ENOMEM;
		}
	}
	if (fresh) {
		frame_put(fresh);
		fetch_sub_release(&tmpfs->pages, 1);
	}
	return err;
}

static unsigned object_get_resident(struct mm_object *object, uint64_t first, unsigned count,
				    struct frame **frames)
{
	struct tmpfs_file *file = file_of_object(object);
	spin_lock(&object->lock);
	unsigned found = page_tree_get_resident(&file->pages, pages_for(file->vnode.size), first, count, frames);
	spin_unlock(&object->lock);
	return found;
}

static void object_get_ref(struct mm_object *object)
{
	vnode_get(&file_of_object(object)->vnode);
}

static void object_put_ref(struct mm_object *object)
{
	vnode_put(&file_of_object(object)->vnode);
}

static void object_describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	vnode_describe(&file_of_object(object)->vnode, buf, len, inode);
}

static const struct mm_object_ops object_ops = {
	.get_page = object_get_page,
	.get = object_get_ref,
	.put = object_put_ref,
	.describe = object_describe,
	.get_resident = object_get_resident,
	.reports_writes = true,
	.is_memory = true,
};

void tmpfs_file_init(struct tmpfs_file *file)
{
	mm_object_init(&file->object, &object_ops);
	atomic_init(&file->pages.root, 0);
	atomic_init(&file->seals, FS_SEAL_SEAL); // a memfd's may be open
}

static void evict(struct vnode *vnode)
{
	drop_pages(tmpfs_file_of(vnode), 0, UINT64_MAX, false); // nobody maps it: mappings hold references
	fetch_sub_release(&tmpfs_of(vnode)->files, 1);
}

const struct vnode_ops tmpfs_file_vnode_ops = {
	.open = open,
	.setattr = vnode_setattr,
	.resize = resize,
	.fallocate = fallocate,
	.evict = evict,
	.release = tmpfs_release,
};
