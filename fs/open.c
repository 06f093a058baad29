// SPDX-License-Identifier: MIT
// Opening files, and what becomes of a file's name when it goes.
#include <kernel/upcall.h>

#include "private.h"

#define KEPT_FLAGS (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | 04000000 /* O_SYNC */ | O_ASYNC | \
		    O_NOATIME | O_PATH | FS_OPEN_DIRECT | FS_OPEN_LARGEFILE)

static const struct file_ops path_file_ops = {.name = "path"};

void upcall_file_ends(struct file *file)
{
	flock_release(file);
	record_release(file);
	epoll_forget(file);
}

void upcall_file_gone(struct file *file)
{
	if (inotify_is_used() && !(load_relaxed(&file->flags) & O_PATH))
		inotify_tell_file(file, (load_relaxed(&file->flags) & O_ACCMODE) == O_RDONLY
						? FS_IN_CLOSE_NOWRITE
						: FS_IN_CLOSE_WRITE);
	// The name's reference holds the vnode as well.
	if (file->dentry)
		fs_dentry_put(file->dentry);
	else
		vnode_put(file->vnode);
}

static unsigned wanted_mode(uint32_t flags)
{
	static const uint8_t modes[] = {
		[O_RDONLY] = MAY_READ,
		[O_WRONLY] = MAY_WRITE,
		[O_RDWR] = MAY_READ | MAY_WRITE,
		[O_ACCMODE] = MAY_READ | MAY_WRITE, // Linux: for ioctl, both are asked
	};
	unsigned mode = flags & FS_OPEN_EXEC ? MAY_EXEC : modes[flags & O_ACCMODE];
	return flags & O_TRUNC ? mode | MAY_WRITE : mode;
}

static err_t check_open(struct vnode *vnode, uint32_t flags)
{
	uint32_t type = vnode_type(vnode);
	if (type == FS_IFLNK)
		return -ELOOP;
	if ((flags & FS_OPEN_EXEC) && type != FS_IFREG)
		return -EACCES; // before it is opened: a FIFO would wait for a writer
	if (type == FS_IFDIR && (flags & (O_ACCMODE | O_TRUNC)))
		return -EISDIR;
	if (type == FS_IFCHR && mount_has_no_devices(vnode))
		return -EACCES;
	if (type == FS_IFSOCK)
		return -ENXIO;
	if ((flags & O_NOATIME) && !vnode_is_owner(vnode))
		return -EPERM;
	return vnode_permission(vnode, wanted_mode(flags));
}

static err_t open_vnode(struct vnode *vnode, uint32_t flags, struct file **file)
{
	if (flags & O_PATH) {
		*file = file_create(&path_file_ops, flags, NULL);
		return *file ? 0 : -ENOMEM;
	}
	if (likely(vnode->ops->open != NULL))
		return vnode->ops->open(vnode, flags, file);
	switch (vnode_type(vnode)) {
	case FS_IFDIR:
		return dir_open(vnode, flags, file);
	case FS_IFCHR:
		return chrdev_open(vnode, flags, file);
	case FS_IFIFO:
		return fifo_open(vnode, flags, file);
	default:
		return -ENXIO;
	}
}

err_t open_dentry(struct fs_dentry *dentry, uint32_t flags, bool is_new, struct file **file)
{
	struct vnode *vnode = dentry->vnode;
	err_t err = is_new || (flags & O_PATH) ? 0 : check_open(vnode, flags);
	if (likely(!err))
		err = open_vnode(vnode, flags, file);
	if (unlikely(err)) {
		fs_dentry_put(dentry);
		return err;
	}
	store_relaxed(&(*file)->flags, flags & KEPT_FLAGS);
	(*file)->dentry = dentry;
	(*file)->vnode = vnode;
	if (unlikely(flags & O_TRUNC) && !is_new && vnode_type(vnode) == FS_IFREG &&
	    vnode->ops->resize && vnode->size) {
		err = vnode_resize(vnode, 0);
		if (err)
			file_put(*file);
	}
	if (inotify_is_used() && !err && !(flags & O_PATH))
		inotify_tell_file(*file, FS_IN_OPEN);
	return err;
}

/** Make the regular file that the walk found missing: a dentry with a reference. Names locked. */
static err_t create_file(const struct fs_walk *walk, uint32_t mode, struct fs_dentry **dentry)
{
	struct fs_dentry *dir = walk->parent;
	if (walk->has_slash)
		return -EISDIR;
	err_t err = names_create(dir, walk->name, walk->len, FS_IFREG | (mode & 07777), 0);
	if (err)
		return err;
	*dentry = dentry_find(dir, walk->name, walk->len, walk->hash);
	if (!*dentry)
		return -ENOENT;
	fs_dentry_get(*dentry);
	return 0;
}

/** Open the file that was made just now under @dentry, whose reference is taken over: if that fails, there
 *  shall be none. */
static err_t open_new(struct fs_dentry *dentry, uint32_t flags, struct file **file)
{
	fs_dentry_get(dentry);
	err_t err = open_dentry(dentry, flags, true, file);
	if (err) {
		names_lock();
		if (dentry->flags & DENTRY_HASHED)
			(void)!names_drop(dentry);
		names_unlock();
	}
	fs_dentry_put(dentry);
	return err;
}

/** O_CREAT where the fast walk found nothing or could not tell. */
static no_inline err_t open_or_create(const struct fs_at *at, unsigned walk_flags, uint32_t flags,
				      uint32_t mode, struct file **file)
{
	struct fs_walk walk;
	struct fs_dentry *dentry = NULL;
	bool is_new = false;
	names_lock();
	err_t err = walk_locked(&walk, at, walk_flags);
	if (!err && !walk.dentry) {
		is_new = true;
		err = create_file(&walk, mode, &dentry);
	} else if (!err) {
		if (flags & O_EXCL)
			err = -EEXIST;
		else if (vnode_is_dir(walk.dentry->vnode))
			err = -EISDIR;
		else if (walk.has_slash && walk.last == LAST_NAME)
			err = -ENOTDIR;
		if (!err) {
			dentry = walk.dentry;
			fs_dentry_get(dentry);
		}
	}
	walk_end(&walk);
	names_unlock();
	if (err)
		return err;
	return is_new ? open_new(dentry, flags, file) : open_dentry(dentry, flags, false, file);
}

static err_t open_creating(const struct fs_at *at, unsigned walk_flags, uint32_t flags, uint32_t mode,
			   struct file **file)
{
	struct fs_walk walk;
	walk_flags |= flags & O_EXCL ? WALK_NAME : WALK_MISSING;
	int err = walk_fast(&walk, at, walk_flags);
	if (err < 0)
		return err;
	bool is_there = !err && walk.dentry && !(flags & O_EXCL) && !vnode_is_dir(walk.dentry->vnode);
	if (is_there && !walk.has_slash && dentry_try_get(walk.dentry))
		return open_dentry(walk.dentry, flags, false, file);
	return open_or_create(at, walk_flags, flags, mode, file);
}

/** O_TMPFILE: a regular file in @dir without a name. */
static err_t open_nameless(struct fs_dentry *dir, uint32_t flags, uint32_t mode, struct file **file)
{
	struct vnode *vnode;
	if (!(flags & (O_WRONLY | O_RDWR)))
		return -EINVAL;
	if (!vnode_is_dir(dir->vnode))
		return -ENOTDIR;
	if (!(dir->vnode->super->flags & FS_SUPER_PINNED) || !dir->vnode->ops->create)
		return -EOPNOTSUPP;
	names_lock();
	err_t err = vnode_permission(dir->vnode, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = names_make_vnode(dir, "", 0, FS_IFREG | (mode & 07777), 0, &vnode);
	struct fs_dentry *dentry = NULL;
	if (!err) {
		vnode->nlink = 0;
		dentry = dentry_create(dir, "#tmpfile", 8, vnode);
		if (!dentry) {
			vnode_put(vnode);
			err = -ENOMEM;
		}
	}
	names_unlock();
	return err ? err : open_dentry(dentry, flags & ~(uint32_t)O_TRUNC, true, file);
}

err_t fs_open_walk(const struct fs_at *at, unsigned walk_flags, uint32_t flags, struct file **file)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, walk_flags, &dentry);
	return err ? err : open_dentry(dentry, flags | FS_OPEN_EXEC, false, file);
}

static no_inline err_t open_special(const struct fs_at *at, uint32_t flags, uint32_t mode,
				    struct file **file)
{
	struct fs_dentry *dentry;
	unsigned walk_flags = 0;
	if (flags & O_PATH)
		flags &= O_PATH | O_CLOEXEC | FS_OPEN_DIRECTORY | FS_OPEN_NOFOLLOW;
	if (flags & (FS_OPEN_DIRECTORY | FS_OPEN_TMPFILE))
		walk_flags |= FS_DIRECTORY;
	if (flags & FS_OPEN_NOFOLLOW)
		walk_flags |= FS_NOFOLLOW;
	if ((flags & O_CREAT) && !(flags & FS_OPEN_TMPFILE))
		return flags & FS_OPEN_DIRECTORY ? -EINVAL
						 : open_creating(at, walk_flags, flags, mode, file);
	err_t err = walk_to(at, walk_flags, &dentry);
	if (err)
		return err;
	if (!(flags & FS_OPEN_TMPFILE))
		return open_dentry(dentry, flags, false, file);
	err = open_nameless(dentry, flags, mode, file);
	fs_dentry_put(dentry);
	return err;
}

err_t fs_open(const struct fs_at *at, uint32_t flags, uint32_t mode, struct file **file)
{
	struct fs_dentry *dentry;
	if (unlikely(flags & (FS_OPEN_DIRECTORY | FS_OPEN_NOFOLLOW | O_PATH | O_CREAT | FS_OPEN_TMPFILE)))
		return open_special(at, flags, mode, file);
	err_t err = walk_to(at, 0, &dentry);
	return unlikely(err) ? err : open_dentry(dentry, flags, false, file);
}

int64_t fs_file_path(struct file *file, char *buf, size_t size)
{
	if (file->dentry)
		return fs_dentry_path(file->dentry, buf, size);
	return anon_describe(file, buf, size) ? (int64_t)strlen(buf) + 1 : -ERANGE;
}
