// SPDX-License-Identifier: MIT
// Reading directories whose names are pinned.
//
// Each name has a cookie, growing in order of appearance; the position of an open directory is the cookie
// to go on from, so names removed meanwhile disturb nobody. Where the last call ended is kept as a
// reference to its last name: if that is still in its place, the next call need not search.
#include <sched/sched.h>

#include "private.h"

#define BATCH_SIZE 1024

/** Entries are collected under the lock of names and handed out without it. */
struct batch_entry {
	int64_t next_pos;
	uint64_t ino;
	uint16_t len;
	uint8_t type;
	char name[];
};

struct batch {
	size_t used;
	uint64_t bytes[BATCH_SIZE / sizeof(uint64_t)];
};

static uint8_t type_of(const struct vnode *vnode)
{
	return (uint8_t)(vnode_type(vnode) >> 12); // DT_*
}

bool fs_emit_dots(struct file *file,
		  bool (*emit)(void *arg, const char *name, size_t len, uint64_t ino, uint8_t type,
			       int64_t next_pos),
		  void *arg)
{
	const uint8_t dir = FS_IFDIR >> 12;
	if (file->pos == 0) {
		if (!emit(arg, ".", 1, file->vnode->ino, dir, 1))
			return false;
		file->pos = 1;
	}
	if (file->pos == 1) {
		uint64_t ino = file->vnode->ino;
		names_lock();
		struct fs_dentry *dentry = file->dentry, *covered;
		while ((covered = load_relaxed(&dentry->covers)))
			dentry = covered;
		struct fs_dentry *parent = load_relaxed(&dentry->parent);
		if (parent)
			ino = parent->vnode->ino;
		names_unlock();
		if (!emit(arg, "..", 2, ino, dir, 2))
			return false;
		file->pos = 2;
	}
	return true;
}

static struct batch_entry *entry_at(struct batch *batch, size_t at)
{
	return (struct batch_entry *)((char *)batch->bytes + at);
}

static size_t entry_size(size_t len)
{
	return align_up(sizeof(struct batch_entry) + len, sizeof(uint64_t));
}

static bool batch_add(struct batch *batch, const struct fs_dentry *dentry)
{
	const struct fs_name *name = load_relaxed(&((struct fs_dentry *)(uintptr_t)dentry)->name);
	if (entry_size(name->len) > BATCH_SIZE - batch->used)
		return false;
	struct batch_entry *entry = entry_at(batch, batch->used);
	entry->next_pos = dentry->cookie + 1;
	entry->ino = dentry->vnode->ino;
	entry->len = (uint16_t)name->len;
	entry->type = type_of(dentry->vnode);
	memcpy(entry->name, name->text, name->len);
	batch->used += entry_size(name->len);
	return true;
}

/** The first name at position @file->pos or behind it. */
static struct fs_dentry *find_position(const struct file *file, struct fs_dentry *dir)
{
	struct fs_dentry *last = file->data, *child;
	bool is_in_place = last && (last->flags & DENTRY_HASHED) &&
			   load_relaxed(&last->parent) == dir && last->cookie == file->pos - 1;
	if (is_in_place)
		return list_next_entry(&dir->children, last, sibling);
	list_for_each_entry(child, &dir->children, sibling) {
		if (child->cookie >= file->pos)
			return child;
		sched_preempt_point();
	}
	return NULL;
}

static void fill(struct batch *batch, struct file *file)
{
	struct fs_dentry *dir = file->dentry, *last = NULL;
	batch->used = 0;
	names_lock();
	struct fs_dentry *child = find_position(file, dir);
	for (; child && batch_add(batch, child); child = list_next_entry(&dir->children, child, sibling))
		last = child;
	struct fs_dentry *old = last ? file->data : NULL;
	if (last) {
		fs_dentry_get(last);
		file->data = last;
	}
	names_unlock();
	fs_dentry_put(old);
}

static err_t read_dir(struct file *file,
		      bool (*emit)(void *arg, const char *name, size_t len, uint64_t ino,
				   uint8_t type, int64_t next_pos),
		      void *arg)
{
	struct batch batch;
	if (!file->vnode->nlink)
		return -ENOENT; // removed, but held open
	if (!fs_emit_dots(file, emit, arg))
		return 0;
	for (;;) {
		fill(&batch, file);
		if (!batch.used)
			return 0;
		for (size_t at = 0; at < batch.used;) {
			struct batch_entry *entry = entry_at(&batch, at);
			if (!emit(arg, entry->name, entry->len, entry->ino, entry->type,
				  entry->next_pos))
				return 0;
			file->pos = entry->next_pos;
			at += entry_size(entry->len);
		}
	}
}

static int64_t seek(struct file *file, int64_t offset, int whence)
{
	if (whence == FS_SEEK_SET && offset >= 0)
		return offset;
	return whence == FS_SEEK_CUR && offset == 0 ? file->pos : -EINVAL;
}

static void release(struct file *file)
{
	fs_dentry_put(file->data);
}

static const struct file_ops dir_file_ops = {
	.name = "dir",
	.read_dir = read_dir,
	.seek = seek,
	.release = release,
};

err_t dir_open(struct vnode *vnode, uint32_t flags, struct file **file)
{
	if (!(vnode->super->flags & FS_SUPER_PINNED))
		return -EACCES;
	*file = file_create(&dir_file_ops, flags, NULL);
	return *file ? 0 : -ENOMEM;
}
