// SPDX-License-Identifier: MIT
// Making, removing and reading names. All of it happens under the lock of names, so what was looked up
// is still so when it is changed. For pinned file systems the tree of names is the directory; others
// are asked first.
#include <sched/thread.h>

#include "private.h"

err_t names_check_dir(struct fs_dentry *dir)
{
	if (load_relaxed(&dir->parent) && !(dir->flags & DENTRY_HASHED))
		return -ENOENT; // removed, but somebody stands in it
	return vnode_permission(dir->vnode, MAY_WRITE | MAY_EXEC);
}

err_t names_check_sticky(const struct vnode *dir, const struct vnode *vnode)
{
	const struct cred *cred = cred_current();
	if (!(dir->mode & FS_ISVTX) || cred->fsuid == vnode->uid || cred->fsuid == dir->uid)
		return 0;
	return cred_has_cap(cred, CAP_FOWNER) ? 0 : -EPERM;
}

void names_touch(struct vnode *dir)
{
	dir->mtime = dir->ctime = fs_now();
}

/** A new member of @dir gets its group if @dir says so; a program for that group only from who is in it. */
static void inherit(const struct vnode *dir, struct vnode *vnode)
{
	const struct cred *cred = cred_current();
	if (!(dir->mode & FS_ISGID))
		return;
	vnode->gid = dir->gid;
	if (vnode_is_dir(vnode))
		vnode->mode |= FS_ISGID;
	else if ((vnode->mode & 0010) && !cred_in_group(cred, dir->gid) && !cred_has_cap(cred, CAP_FSETID))
		vnode->mode &= ~FS_ISGID;
}

err_t dir_add(struct fs_dentry *dir, const char *name, size_t len, struct vnode *vnode)
{
	struct fs_dentry *dentry = dentry_create(dir, name, len, vnode);
	if (!dentry) {
		vnode_put(vnode);
		return -ENOMEM;
	}
	if (vnode_is_dir(vnode))
		dir->vnode->nlink++;
	names_touch(dir->vnode);
	dentry_attach(dentry);
	if (inotify_is_used())
		inotify_tell_slow(dir->vnode, FS_IN_CREATE | (vnode_is_dir(vnode) ? FS_IN_ISDIR : 0), 0, name,
				  len);
	if (dentry->flags & DENTRY_DYNAMIC) {
		store_relaxed(&dentry->refs, 0);
		dentry_note_unused(dentry);
	} else {
		fs_dentry_put(dentry); // the tree's own reference stays
	}
	return 0;
}

err_t names_make_vnode(struct fs_dentry *dir, const char *name, size_t len, uint32_t mode,
		       uint64_t rdev, struct vnode **vnode)
{
	struct fs_context *context = current_thread()->fs.context;
	if (context)
		mode &= ~load_relaxed(&context->umask);
	if (!dir->vnode->ops->create)
		return -EACCES; // as in /proc
	err_t err = dir->vnode->ops->create(dir->vnode, name, len, mode, rdev, vnode);
	if (!err)
		inherit(dir->vnode, *vnode);
	return err;
}

err_t names_create(struct fs_dentry *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev)
{
	struct vnode *vnode;
	err_t err = names_check_dir(dir);
	if (!err)
		err = names_make_vnode(dir, name, len, mode, rdev, &vnode);
	return err ? err : dir_add(dir, name, len, vnode);
}

err_t names_walk_new(struct fs_walk *walk, const struct fs_at *at, bool is_dir)
{
	err_t err = walk_locked(walk, at, WALK_NAME);
	if (err)
		return err;
	if (walk->last != LAST_NAME || walk->dentry)
		return -EEXIST;
	return walk->has_slash && !is_dir ? -ENOENT : 0;
}

static err_t make(const struct fs_at *at, uint32_t mode, uint64_t rdev)
{
	struct fs_walk walk;
	names_lock();
	err_t err = names_walk_new(&walk, at, (mode & FS_IFMT) == FS_IFDIR);
	if (!err)
		err = names_create(walk.parent, walk.name, walk.len, mode, rdev);
	walk_end(&walk);
	names_unlock();
	return err;
}

err_t names_make_socket(const struct fs_at *at, uint32_t mode, struct grant *published,
			struct vnode **vnode)
{
	struct fs_walk walk;
	names_lock();
	err_t err = names_walk_new(&walk, at, false);
	if (!err)
		err = names_check_dir(walk.parent);
	if (!err)
		err = names_make_vnode(walk.parent, walk.name, walk.len, FS_IFSOCK | (mode & 0777), 0, vnode);
	if (!err) {
		vnode_get(*vnode);
		if (published)
			grant_get(published);
		store_relaxed(&(*vnode)->published, published); // before it can be found
		err = dir_add(walk.parent, walk.name, walk.len, *vnode);
		if (err)
			vnode_put(*vnode);
	}
	walk_end(&walk);
	names_unlock();
	return err;
}

err_t fs_mkdir(const struct fs_at *at, uint32_t mode)
{
	return make(at, FS_IFDIR | (mode & 01777), 0);
}

err_t fs_mknod(const struct fs_at *at, uint32_t mode, uint64_t rdev)
{
	uint32_t type = mode & FS_IFMT ? mode & FS_IFMT : FS_IFREG;
	bool is_device = type == FS_IFCHR || type == FS_IFBLK;
	if (type == FS_IFDIR)
		return -EPERM;
	if (!is_device && type != FS_IFREG && type != FS_IFIFO && type != FS_IFSOCK)
		return -EINVAL;
	if (is_device && !cred_has_cap(cred_current(), CAP_MKNOD))
		return -EPERM;
	return make(at, type | (mode & 07777), is_device ? rdev : 0);
}

err_t fs_symlink(const char *target, const struct fs_at *at)
{
	struct fs_walk walk;
	struct vnode *vnode;
	if (!*target)
		return -ENOENT;
	names_lock();
	err_t err = names_walk_new(&walk, at, false);
	if (!err)
		err = names_check_dir(walk.parent);
	if (!err) {
		struct vnode *dir = walk.parent->vnode;
		err = dir->ops->symlink ? dir->ops->symlink(dir, walk.name, walk.len, target, &vnode)
					: -EPERM;
	}
	if (!err) {
		inherit(walk.parent->vnode, vnode);
		err = dir_add(walk.parent, walk.name, walk.len, vnode);
	}
	walk_end(&walk);
	names_unlock();
	return err;
}

/** @walk found where to put the name. */
static err_t link_vnode(const struct fs_walk *walk, struct vnode *vnode)
{
	struct vnode *dir = walk->parent->vnode;
	if (vnode->super != dir->super)
		return -EXDEV;
	if (vnode_is_dir(vnode))
		return -EPERM;
	err_t err = names_check_dir(walk->parent);
	if (err)
		return err;
	if (!(vnode->super->flags & FS_SUPER_PINNED)) {
		if (!dir->ops->link)
			return -EPERM;
		err = dir->ops->link(dir, walk->name, walk->len, vnode);
		if (err)
			return err;
	}
	vnode_get(vnode);
	err = dir_add(walk->parent, walk->name, walk->len, vnode);
	if (!err) {
		vnode->nlink++;
		vnode->ctime = fs_now();
	}
	return err;
}

err_t fs_link(const struct fs_at *from, unsigned walk_flags, const struct fs_at *to)
{
	struct fs_dentry *dentry;
	struct fs_walk walk;
	err_t err = walk_to(from, walk_flags, &dentry);
	if (err)
		return err;
	names_lock();
	err = names_walk_new(&walk, to, false);
	if (!err)
		err = link_vnode(&walk, dentry->vnode);
	walk_end(&walk);
	names_unlock();
	fs_dentry_put(dentry);
	return err;
}

static void tell_removed(struct vnode *dir, const struct fs_name *name, struct vnode *vnode)
{
	uint32_t is_dir = vnode_is_dir(vnode) ? FS_IN_ISDIR : 0;
	if (!is_dir)
		inotify_tell_slow(vnode, FS_IN_ATTRIB, 0, "", 0);
	if (!vnode->nlink)
		inotify_tell_slow(vnode, FS_IN_DELETE_SELF, 0, "", 0);
	inotify_tell_slow(dir, FS_IN_DELETE | is_dir, 0, name->text, name->len);
}

err_t names_drop(struct fs_dentry *dentry)
{
	struct fs_dentry *dir = load_relaxed(&dentry->parent);
	const struct fs_name *name = load_relaxed(&dentry->name);
	struct vnode *vnode = dentry->vnode;
	if (!(vnode->super->flags & FS_SUPER_PINNED)) {
		const struct vnode_ops *ops = dir->vnode->ops;
		err_t err = ops->unlink ? ops->unlink(dir->vnode, name->text, name->len, vnode)
					: -EPERM;
		if (err)
			return err;
	}
	if (vnode_is_dir(vnode)) {
		dir->vnode->nlink--;
		vnode->nlink = 0;
	} else {
		vnode->nlink--;
	}
	names_touch(dir->vnode);
	vnode->ctime = dir->vnode->ctime;
	dentry_detach(dentry);
	if (inotify_is_used())
		tell_removed(dir->vnode, name, vnode);
	return 0;
}

/** May the name that @walk found be removed? */
static err_t check_remove(const struct fs_walk *walk)
{
	err_t err = names_check_dir(walk->parent);
	if (!err)
		err = names_check_sticky(walk->parent->vnode, walk->dentry->vnode);
	if (!err && load_relaxed(&walk->dentry->mounted))
		err = -EBUSY;
	return err;
}

static err_t check_unlink(const struct fs_walk *walk)
{
	if (walk->last != LAST_NAME)
		return -EISDIR;
	if (!walk->dentry)
		return -ENOENT;
	err_t err = check_remove(walk);
	if (err)
		return err;
	if (vnode_is_dir(walk->dentry->vnode))
		return -EISDIR;
	return walk->has_slash ? -ENOTDIR : 0;
}

static err_t check_rmdir(const struct fs_walk *walk)
{
	if (walk->last != LAST_NAME)
		return walk->last == LAST_DOT ? -EINVAL
					      : walk->last == LAST_DOTDOT ? -ENOTEMPTY : -EBUSY;
	if (!walk->dentry)
		return -ENOENT;
	err_t err = check_remove(walk);
	if (err)
		return err;
	if (!vnode_is_dir(walk->dentry->vnode))
		return -ENOTDIR;
	return list_is_empty(&walk->dentry->children) ? 0 : -ENOTEMPTY;
}

static err_t remove_name(const struct fs_at *at, err_t (*check)(const struct fs_walk *walk))
{
	struct fs_walk walk;
	struct fs_dentry *dentry = NULL;
	names_lock();
	err_t err = walk_locked(&walk, at, WALK_NAME);
	if (!err)
		err = check(&walk);
	if (!err) {
		dentry = walk.dentry;
		fs_dentry_get(dentry); // its data are freed after the lock is
		err = names_drop(dentry);
	}
	walk_end(&walk);
	names_unlock();
	fs_dentry_put(dentry);
	return err;
}

err_t fs_unlink(const struct fs_at *at)
{
	return remove_name(at, check_unlink);
}

err_t fs_rmdir(const struct fs_at *at)
{
	return remove_name(at, check_rmdir);
}

static int64_t copy_text(const char *text, char *buf, size_t size)
{
	size_t len = min(strlen(text), size);
	memcpy(buf, text, len);
	return (int64_t)len;
}

int64_t fs_readlink(const struct fs_at *at, unsigned walk_flags, char *buf, size_t size)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, walk_flags | FS_NOFOLLOW, &dentry);
	if (err)
		return err;
	struct vnode *vnode = dentry->vnode;
	int64_t len = -EINVAL;
	if (vnode_type(vnode) != FS_IFLNK)
		len = *at->path ? -EINVAL : -ENOENT;
	else if (vnode->link)
		len = copy_text(vnode->link, buf, size);
	else if (vnode->ops->readlink)
		len = vnode->ops->readlink(vnode, buf, size);
	fs_dentry_put(dentry);
	return len;
}
