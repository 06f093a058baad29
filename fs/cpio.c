// SPDX-License-Identifier: MIT
// Unpacking the initial file system: cpio "newc" archives, several behind each other, into the root.
//
// What is there already is replaced, but a directory stays and takes the new mode and owner. A hard link
// is an entry that repeats device and inode of an earlier one of the same archive; its data come with
// the last of them.
#include <kernel/log.h>
#include <lib/cpio.h>

#include "private.h"

#define HEADER_BYTES 110

/** First names of files with several, of the archive being read. */
struct seen {
	struct seen *next;
	uint32_t ino, devmajor, devminor;
	const char *name; // in the archive
};

struct unpack {
	struct cpio_cursor cursor;
	struct seen *seen;
	unsigned count, skipped;
};

static void forget_links(struct unpack *unpack)
{
	while (unpack->seen) {
		struct seen *seen = unpack->seen;
		unpack->seen = seen->next;
		kfree(seen);
	}
}

static struct seen *find_link(struct unpack *unpack, const struct cpio_entry *entry)
{
	struct seen *seen = unpack->seen;
	while (seen && (seen->ino != entry->ino || seen->devmajor != entry->devmajor ||
			seen->devminor != entry->devminor))
		seen = seen->next;
	return seen;
}

static err_t note_link(struct unpack *unpack, const struct cpio_entry *entry)
{
	struct seen *seen = kmalloc(sizeof(*seen));
	if (!seen)
		return -ENOMEM;
	*seen = (struct seen){unpack->seen, entry->ino, entry->devmajor, entry->devminor, entry->name};
	unpack->seen = seen;
	return 0;
}

/** Make the folders above @name that the archive left out. */
static err_t make_parents(const char *name)
{
	size_t len = strlen(name);
	char *path = kmalloc(len + 1);
	if (!path)
		return -ENOMEM;
	memcpy(path, name, len + 1);
	err_t err = 0;
	for (size_t i = 1; i < len && !err; i++) {
		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		path[i] = '\0';
		struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
		err = fs_mkdir(&at, 0755);
		if (err == -EEXIST)
			err = 0;
		path[i] = '/';
	}
	kfree(path);
	return err;
}

/** Attributes as the archive has them, time included. */
static err_t set_attributes(const struct fs_at *at, const struct cpio_entry *entry)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, FS_NOFOLLOW, &dentry);
	if (err)
		return err;
	struct vnode *vnode = dentry->vnode;
	sched_write_lock(&vnode->lock);
	vnode->uid = entry->uid;
	vnode->gid = entry->gid;
	if (vnode_type(vnode) != FS_IFLNK)
		vnode->mode = (vnode->mode & FS_IFMT) | (entry->mode & 07777);
	vnode->mtime = vnode->atime = (nsec_t)entry->mtime * NSEC_PER_SEC;
	sched_write_unlock(&vnode->lock);
	fs_dentry_put(dentry);
	return 0;
}

static err_t write_file(const struct fs_at *at, const struct cpio_entry *entry)
{
	struct file *file;
	err_t err = fs_open(at, O_WRONLY | O_CREAT | O_TRUNC | FS_OPEN_NOFOLLOW, 0600, &file);
	if (err)
		return err;
	size_t done = 0;
	while (!err && done < entry->size) {
		struct io_vec io;
		io_vec_init_kernel(&io, (void *)(uintptr_t)(entry->data + done), entry->size - done);
		int64_t n = fs_write(file, &io, -1);
		if (n <= 0)
			err = n ? (err_t)n : -EIO;
		else
			done += (size_t)n;
	}
	file_put(file);
	return err;
}

static err_t make_symlink(const struct fs_at *at, const struct cpio_entry *entry)
{
	if (entry->size == 0 || entry->size >= FS_PATH_MAX)
		return -EINVAL;
	char *target = kmalloc(entry->size + 1);
	if (!target)
		return -ENOMEM;
	memcpy(target, entry->data, entry->size);
	target[entry->size] = '\0';
	err_t err = fs_symlink(target, at);
	kfree(target);
	return err;
}

/** Let go of what stands at @at, unless both are directories. */
static err_t clear_place(const struct fs_at *at, bool is_dir)
{
	struct fs_stat stat;
	err_t err = fs_stat(at, FS_NOFOLLOW, &stat);
	if (err)
		return err == -ENOENT ? 0 : err;
	if ((stat.mode & FS_IFMT) == FS_IFDIR)
		return is_dir ? 0 : fs_rmdir(at);
	return fs_unlink(at);
}

static err_t make_regular(struct unpack *unpack, const struct fs_at *at, const struct cpio_entry *entry)
{
	struct seen *first = entry->nlink > 1 ? find_link(unpack, entry) : NULL;
	err_t err = 0;
	if (first) {
		struct fs_at from = {.dirfd = FS_AT_CWD, .path = first->name};
		if (strcmp(first->name, entry->name) != 0)
			err = fs_link(&from, FS_NOFOLLOW, at);
		return err || !entry->size ? err : write_file(at, entry);
	}
	if (entry->nlink > 1)
		err = note_link(unpack, entry);
	return err ? err : write_file(at, entry);
}

static err_t make_entry(struct unpack *unpack, const struct fs_at *at, const struct cpio_entry *entry)
{
	uint32_t type = entry->mode & FS_IFMT;
	err_t err = clear_place(at, type == FS_IFDIR);
	if (err)
		return err;
	switch (type) {
	case FS_IFREG:
		return make_regular(unpack, at, entry);
	case FS_IFDIR:
		err = fs_mkdir(at, entry->mode);
		return err == -EEXIST ? 0 : err;
	case FS_IFLNK:
		return make_symlink(at, entry);
	case FS_IFCHR:
	case FS_IFBLK:
		return fs_mknod(at, entry->mode & ~(uint32_t)0777,
				FS_MKDEV(entry->rdevmajor, entry->rdevminor));
	case FS_IFIFO:
	case FS_IFSOCK:
		return fs_mknod(at, entry->mode, 0);
	default:
		return -EINVAL;
	}
}

static err_t unpack_entry(struct unpack *unpack, const struct cpio_entry *entry)
{
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = entry->name};
	err_t err = make_entry(unpack, &at, entry);
	if (err == -ENOENT) {
		err = make_parents(entry->name);
		if (!err)
			err = make_entry(unpack, &at, entry);
	}
	return err ? err : set_attributes(&at, entry);
}

static bool is_fatal(err_t err)
{
	return err == -ENOMEM || err == -ENOSPC;
}

static err_t unpack_all(struct unpack *unpack)
{
	struct cpio_cursor *cursor = &unpack->cursor;
	for (;;) {
		struct cpio_entry entry;
		size_t expected = cursor->pos;
		int n = cpio_next(cursor, &entry);
		if (n <= 0)
			return n;
		size_t header = (size_t)((const uint8_t *)entry.name - cursor->base) - HEADER_BYTES;
		if (header != expected) // a trailer or padding stood between: another archive
			forget_links(unpack);
		err_t err = unpack_entry(unpack, &entry);
		if (is_fatal(err)) {
			cursor->pos = header;
			return err;
		}
		unpack->count++;
		if (!err)
			continue;
		unpack->skipped++;
		log_warn("initrd: byte %zu: %s cannot be made (error %d)", header, entry.name, -err);
	}
}

static const char *describe(err_t err)
{
	switch (err) {
	case -EIO:
		return "is cut short";
	case -ENOMEM:
		return "does not fit into memory";
	case -ENOSPC:
		return "does not fit into the root file system";
	default:
		return "is not a cpio archive in newc format";
	}
}

err_t fs_unpack_cpio(const void *archive, size_t size)
{
	struct unpack unpack = {0};
	cpio_open(&unpack.cursor, archive, size);
	err_t err = unpack_all(&unpack);
	forget_links(&unpack);
	if (err)
		log_error("initrd: %s at byte %zu of %zu; %u files before that are good", describe(err),
			  unpack.cursor.pos, size, unpack.count - unpack.skipped);
	return err;
}
