// SPDX-License-Identifier: MIT
// Reading, writing and seeking on any open file: positions.
#include "private.h"

#define COPY_CHUNK KIB(16)

/** Nobody else can reach @file at this moment: its only holder is one slot of a table that is this
 *  thread's alone (else the look-up would have counted, kernel/object/file.c). */
static inline bool is_exclusive(struct file *file)
{
	return load_relaxed(&file->object.refs) == 1 && load_relaxed(&file->grant.refs) == 1;
}

static inline bool pos_lock(struct file *file)
{
	if (likely(is_exclusive(file)))
		return false;
	sched_mutex_lock(&file->pos_lock);
	return true;
}

static inline void pos_unlock(struct file *file, bool is_locked)
{
	if (unlikely(is_locked))
		sched_mutex_unlock(&file->pos_lock);
}

static no_inline int64_t cannot(const struct file *file)
{
	return file->vnode && vnode_is_dir(file->vnode) ? -EISDIR : -EINVAL;
}

static inline int64_t read_at(struct file *file, struct io_vec *io, int64_t pos)
{
	if (unlikely(!file->ops->read))
		return cannot(file);
	if (file->is_stream)
		return likely(pos < 0) ? file->ops->read(file, io, -1) : -ESPIPE;
	if (pos >= 0)
		return file->ops->read(file, io, pos);
	bool is_locked = pos_lock(file);
	int64_t n = file->ops->read(file, io, file->pos);
	if (n > 0)
		file->pos += n;
	pos_unlock(file, is_locked);
	return n;
}

static inline int64_t write_at(struct file *file, struct io_vec *io, int64_t pos)
{
	if (unlikely(!file->ops->write))
		return cannot(file);
	if (file->is_stream)
		return likely(pos < 0) ? file->ops->write(file, io, -1) : -ESPIPE;
	if (pos >= 0)
		return file->ops->write(file, io, pos);
	bool is_locked = pos_lock(file);
	int64_t n = file->ops->write(file, io, file->pos);
	if (n > 0) {
		// An appending write went where the end was then; the position is the end now.
		bool appends = (load_relaxed(&file->flags) & O_APPEND) && file->vnode;
		file->pos = appends ? (int64_t)file->vnode->size : file->pos + n;
	}
	pos_unlock(file, is_locked);
	return n;
}

int64_t fs_read(struct file *file, struct io_vec *io, int64_t pos)
{
	int64_t n = read_at(file, io, pos);
	if (inotify_is_used() && n > 0)
		inotify_tell_file(file, FS_IN_ACCESS);
	return n;
}

int64_t fs_write(struct file *file, struct io_vec *io, int64_t pos)
{
	int64_t n = write_at(file, io, pos);
	if (inotify_is_used() && n > 0)
		inotify_tell_file(file, FS_IN_MODIFY);
	return n;
}

int64_t fs_seek_in(const struct file *file, int64_t offset, int whence, uint64_t size)
{
	int64_t base = 0, pos;
	switch (whence) {
	case FS_SEEK_SET:
		break;
	case FS_SEEK_CUR:
		base = file->pos;
		break;
	case FS_SEEK_END:
		base = (int64_t)size;
		break;
	case FS_SEEK_DATA:
		return offset >= 0 && (uint64_t)offset < size ? offset : -ENXIO;
	case FS_SEEK_HOLE:
		return offset >= 0 && (uint64_t)offset < size ? (int64_t)size : -ENXIO;
	default:
		return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &pos))
		return offset < 0 ? -EINVAL : -EOVERFLOW;
	return pos < 0 ? -EINVAL : pos;
}

int64_t fs_seek(struct file *file, int64_t offset, int whence)
{
	if (file->is_stream || !file->ops->seek)
		return -ESPIPE;
	bool is_locked = pos_lock(file);
	int64_t pos = file->ops->seek(file, offset, whence);
	if (pos >= 0)
		file->pos = pos;
	pos_unlock(file, is_locked);
	return pos;
}

int64_t fs_read_kernel(struct file *file, void *buf, size_t len, uint64_t pos)
{
	size_t done = 0;
	if (!file->ops->read)
		return cannot(file);
	while (done < len) {
		struct io_vec io;
		io_vec_init_kernel(&io, (char *)buf + done, len - done);
		int64_t n = file->ops->read(file, &io, file->is_stream ? -1 : (int64_t)(pos + done));
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (int64_t)done;
}

/** One chunk through @buf: bytes that arrived. What a stream gave and @out did not take is lost. */
static int64_t copy_chunk(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos,
			  char *buf, size_t len)
{
	struct io_vec io;
	io_vec_init_kernel(&io, buf, len);
	int64_t n = fs_read(in, &io, in_pos ? *in_pos : -1);
	if (n <= 0)
		return n;
	io_vec_init_kernel(&io, buf, (uint64_t)n);
	int64_t put = fs_write(out, &io, out_pos ? *out_pos : -1);
	int64_t moved = max(put, (int64_t)0);
	if (in_pos)
		*in_pos += moved;
	else if (moved < n && !in->is_stream)
		(void)fs_seek(in, moved - n, FS_SEEK_CUR);
	if (out_pos)
		*out_pos += moved;
	return put;
}

int64_t fs_copy(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, size_t len)
{
	size_t done = 0, size = min(len, COPY_CHUNK);
	char *buf = kmalloc(max(size, (size_t)1));
	if (!buf)
		return -ENOMEM;
	int64_t n = 0;
	while (done < len) {
		size_t wanted = min(len - done, size);
		n = copy_chunk(in, in_pos, out, out_pos, buf, wanted);
		if (n <= 0)
			break;
		done += (size_t)n;
		// A short transfer is an answer: a stream may have no more for a long time.
		if ((size_t)n < wanted)
			break;
	}
	kfree(buf);
	return done ? (int64_t)done : n;
}
