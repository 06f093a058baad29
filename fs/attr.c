// SPDX-License-Identifier: MIT
// What files say of themselves, and changing it.
#include "private.h"

static void fill_stat(const struct vnode *vnode, struct fs_stat *stat)
{
	stat->dev = vnode->super->dev;
	stat->ino = vnode->ino;
	stat->mode = vnode->mode;
	stat->nlink = vnode->nlink;
	stat->uid = vnode->uid;
	stat->gid = vnode->gid;
	stat->rdev = vnode->rdev;
	stat->size = vnode->size;
	stat->blksize = HAL_PAGE_SIZE;
	stat->blocks = vnode->blocks;
	stat->atime = vnode->atime;
	stat->mtime = vnode->mtime;
	stat->ctime = vnode->ctime;
	stat->btime = vnode->btime;
}

static void stat_vnode(struct vnode *vnode, struct fs_stat *stat)
{
	fill_stat(vnode, stat);
	if (unlikely(vnode->ops->getattr != NULL))
		vnode->ops->getattr(vnode, stat);
}

err_t fs_stat(const struct fs_at *at, unsigned walk_flags, struct fs_stat *stat)
{
	struct fs_walk walk;
	if (unlikely((walk_flags & FS_EMPTY_PATH) && !*at->path && at->dirfd >= 0)) {
		struct file_ref ref;
		err_t err = file_ref_take((uint32_t)at->dirfd, 0, &ref);
		if (!err) {
			err = fs_stat_file(ref.file, stat);
			file_ref_drop(&ref);
		}
		return err;
	}
	int err = walk_fast(&walk, at, walk_flags);
	if (likely(!err)) {
		stat_vnode(walk.dentry->vnode, stat); // does not sleep: the walk's find stands
		return 0;
	}
	if (err < 0)
		return err;
	names_lock();
	err = walk_locked(&walk, at, walk_flags);
	if (!err)
		stat_vnode(walk.dentry->vnode, stat);
	walk_end(&walk);
	names_unlock();
	return err;
}

err_t fs_stat_file(struct file *file, struct fs_stat *stat)
{
	if (likely(file->vnode != NULL)) {
		stat_vnode(file->vnode, stat);
		return 0;
	}
	const struct cred *cred = cred_current();
	uint64_t pipe = pipe_ino(file), socket = socket_ino(file);
	memset(stat, 0, sizeof(*stat));
	stat->dev = 0xf; // of what has no file system
	stat->ino = pipe ? pipe : socket ? socket : 1;
	stat->mode = pipe ? FS_IFIFO | 0600 : socket ? FS_IFSOCK | 0777 : 0600;
	stat->nlink = 1;
	stat->uid = cred->fsuid;
	stat->gid = cred->fsgid;
	stat->blksize = HAL_PAGE_SIZE;
	stat->atime = stat->mtime = stat->ctime = stat->btime = fs_now();
	return 0;
}

static err_t check_times(struct vnode *vnode, const struct fs_setattr *attr)
{
	if (vnode_is_owner(vnode))
		return 0;
	if (attr->valid & (FS_SET_ATIME | FS_SET_MTIME))
		return -EPERM;
	return vnode_permission(vnode, MAY_WRITE);
}

static err_t check_owner(const struct vnode *vnode, const struct fs_setattr *attr)
{
	const struct cred *cred = cred_current();
	if (cred_has_cap(cred, CAP_CHOWN))
		return 0;
	if (cred->fsuid != vnode->uid)
		return -EPERM;
	if ((attr->valid & FS_SET_UID) && attr->uid != vnode->uid)
		return -EPERM;
	if ((attr->valid & FS_SET_GID) && attr->gid != vnode->gid && !cred_in_group(cred, attr->gid))
		return -EPERM;
	return 0;
}

/** -EPERM, -EACCES, -EROFS; may take the set-group-id bit out of @attr. */
static err_t check_setattr(struct vnode *vnode, struct fs_setattr *attr)
{
	const struct cred *cred = cred_current();
	if (mount_is_read_only(vnode))
		return -EROFS;
	if (attr->valid & FS_SET_MODE) {
		if (!vnode_is_owner(vnode))
			return -EPERM;
		if (vnode_type(vnode) == FS_IFLNK)
			return -EOPNOTSUPP;
		if (!cred_in_group(cred, vnode->gid) && !cred_has_cap(cred, CAP_FSETID))
			attr->mode &= ~(uint32_t)FS_ISGID;
	}
	if (attr->valid & (FS_SET_UID | FS_SET_GID)) {
		err_t err = check_owner(vnode, attr);
		if (err)
			return err;
	}
	if (attr->valid & (FS_SET_ATIME | FS_SET_MTIME | FS_SET_ATIME_NOW | FS_SET_MTIME_NOW))
		return check_times(vnode, attr);
	return 0;
}

static err_t set_vnode(struct vnode *vnode, const struct fs_setattr *wanted)
{
	struct fs_setattr attr = *wanted;
	err_t err = check_setattr(vnode, &attr);
	if (err)
		return err;
	if (attr.valid & FS_SET_SIZE) {
		err = vnode_resize(vnode, attr.size);
		attr.valid &= ~(uint32_t)FS_SET_SIZE;
		if (err || !attr.valid)
			return err;
	}
	return vnode->ops->setattr ? vnode->ops->setattr(vnode, &attr) : -EPERM;
}

err_t fs_setattr(const struct fs_at *at, unsigned walk_flags, const struct fs_setattr *attr)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, walk_flags, &dentry);
	if (err)
		return err;
	if (attr->valid & FS_SET_SIZE)
		err = vnode_permission(dentry->vnode, MAY_WRITE);
	if (!err)
		err = set_vnode(dentry->vnode, attr);
	if (inotify_is_used() && !err)
		inotify_tell_dentry(dentry, attr->valid & FS_SET_SIZE ? FS_IN_MODIFY : FS_IN_ATTRIB);
	fs_dentry_put(dentry);
	return err;
}

err_t fs_setattr_file(struct file *file, const struct fs_setattr *attr)
{
	err_t err = file->vnode ? set_vnode(file->vnode, attr) : -EINVAL;
	if (inotify_is_used() && !err)
		inotify_tell_file(file, FS_IN_ATTRIB);
	return err;
}

/** access(2) asks for the real ids, with the capabilities that a program run by them would have. */
static err_t access_vnode(struct vnode *vnode, unsigned mode, bool use_real_ids)
{
	const struct cred *cred = cred_current();
	bool is_same = cred->uid == cred->fsuid && cred->gid == cred->fsgid;
	if (is_same || !use_real_ids || vnode->ops->permission)
		return vnode_permission(vnode, mode);
	struct cred *real = cred_copy(cred);
	if (!real)
		return -ENOMEM;
	real->fsuid = cred->uid;
	real->fsgid = cred->gid;
	real->cap_effective = cred->uid == 0 ? cred->cap_permitted : 0;
	err_t err = vnode_cred_permission(vnode, real, mode);
	cred_put(real);
	return err;
}

err_t fs_access(const struct fs_at *at, unsigned walk_flags, unsigned mode, bool use_real_ids)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, walk_flags, &dentry);
	if (err)
		return err;
	if (mode)
		err = access_vnode(dentry->vnode, mode, use_real_ids);
	fs_dentry_put(dentry);
	return err;
}

err_t fs_truncate(const struct fs_at *at, uint64_t size)
{
	struct fs_setattr attr = {.valid = FS_SET_SIZE, .size = size};
	return fs_setattr(at, 0, &attr);
}

err_t fs_ftruncate(struct file *file, uint64_t size)
{
	if (!file->vnode || !grant_allows(&file->grant, OBJECT_FILE | FILE_RIGHT_WRITE))
		return -EINVAL;
	err_t err = vnode_is_dir(file->vnode) ? -EINVAL : vnode_resize(file->vnode, size);
	if (inotify_is_used() && !err)
		inotify_tell_file(file, FS_IN_MODIFY);
	return err;
}

err_t fs_fallocate(struct file *file, unsigned mode, uint64_t offset, uint64_t len)
{
	struct vnode *vnode = file->vnode;
	if (!grant_allows(&file->grant, OBJECT_FILE | FILE_RIGHT_WRITE))
		return -EBADF;
	if (!len || offset > INT64_MAX || len > INT64_MAX)
		return -EINVAL;
	if (offset + len > min(fs_size_limit(), (uint64_t)INT64_MAX))
		return -EFBIG;
	if (!vnode)
		return -ESPIPE;
	if (vnode_type(vnode) != FS_IFREG)
		return vnode_type(vnode) == FS_IFIFO ? -ESPIPE : -ENODEV;
	if (!vnode->ops->fallocate)
		return -EOPNOTSUPP;
	sched_write_lock(&vnode->lock);
	err_t err = vnode->ops->fallocate(vnode, mode, offset, len);
	sched_write_unlock(&vnode->lock);
	return err;
}

static void statfs_vnode(const struct vnode *vnode, struct fs_statfs *statfs)
{
	struct fs_super *super = vnode->super;
	memset(statfs, 0, sizeof(*statfs));
	statfs->type = super->type->magic;
	statfs->block_size = HAL_PAGE_SIZE;
	statfs->name_max = FS_NAME_MAX;
	statfs->flags = mount_flags(super) | 0x20; // ST_VALID
	if (super->type->statfs)
		super->type->statfs(super, statfs);
}

err_t fs_statfs(const struct fs_at *at, struct fs_statfs *statfs)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, 0, &dentry);
	if (err)
		return err;
	statfs_vnode(dentry->vnode, statfs);
	fs_dentry_put(dentry);
	return 0;
}

err_t fs_statfs_file(struct file *file, struct fs_statfs *statfs)
{
	if (!file->vnode)
		return -ENOSYS;
	statfs_vnode(file->vnode, statfs);
	return 0;
}
