// SPDX-License-Identifier: MIT
// Vnodes: life, permission, and the attributes that every file system keeps alike.
#include "private.h"

void vnode_get(struct vnode *vnode)
{
	fetch_add_relaxed(&vnode->refs, 1);
}

static void free_vnode(struct quiesce *head)
{
	struct vnode *vnode = container_of(head, struct vnode, quiesce);
	vnode->ops->release(vnode);
}

void vnode_put(struct vnode *vnode)
{
	if (fetch_sub_acq_rel(&vnode->refs, 1) != 1)
		return;
	struct grant *published = load_relaxed(&vnode->published);
	if (unlikely(published))
		grant_put(published);
	if (vnode->ops->evict)
		vnode->ops->evict(vnode);
	// Walks without references may still read mode, owner and link.
	quiesce_defer(&vnode->quiesce, free_vnode);
}

nsec_t fs_now(void)
{
	return time_now() + time_realtime_offset();
}

void vnode_init(struct vnode *vnode, const struct vnode_ops *ops, struct fs_super *super, uint32_t mode)
{
	const struct cred *cred = cred_current();
	memset(vnode, 0, sizeof(*vnode));
	vnode->ops = ops;
	vnode->super = super;
	atomic_init(&vnode->refs, 1);
	vnode->mode = mode;
	vnode->uid = cred->fsuid;
	vnode->gid = cred->fsgid;
	vnode->nlink = (mode & FS_IFMT) == FS_IFDIR ? 2 : 1;
	vnode->ino = fetch_add_relaxed(&super->next_ino, 1);
	vnode->atime = vnode->mtime = vnode->ctime = vnode->btime = fs_now();
	sched_rwlock_init(&vnode->lock);
}

static no_inline bool has_override(const struct cred *cred, const struct vnode *vnode, unsigned mode)
{
	bool can_be_run = vnode_is_dir(vnode) || (vnode->mode & 0111);
	if (cred_has_cap(cred, CAP_DAC_OVERRIDE) && (!(mode & MAY_EXEC) || can_be_run))
		return true;
	unsigned harmless = vnode_is_dir(vnode) ? MAY_READ | MAY_EXEC : MAY_READ;
	return !(mode & ~harmless) && cred_has_cap(cred, CAP_DAC_READ_SEARCH);
}

/** The mode bits for @cred, as those of others. */
static inline uint32_t bits_for(const struct vnode *vnode, const struct cred *cred)
{
	return cred_mode_bits(cred, vnode->uid, vnode->gid, vnode->mode);
}

err_t vnode_cred_permission(const struct vnode *vnode, const struct cred *cred, unsigned mode)
{
	if (likely(!(mode & ~bits_for(vnode, cred) & 7)) || has_override(cred, vnode, mode))
		return 0;
	return -EACCES;
}

err_t vnode_mode_permission(const struct vnode *vnode, unsigned mode)
{
	return vnode_cred_permission(vnode, cred_current(), mode);
}

static bool is_stored(const struct vnode *vnode)
{
	uint32_t type = vnode_type(vnode);
	return type == FS_IFREG || type == FS_IFDIR || type == FS_IFLNK;
}

err_t vnode_permission(struct vnode *vnode, unsigned mode)
{
	if ((mode & MAY_WRITE) && mount_is_read_only(vnode) && is_stored(vnode))
		return -EROFS;
	if (unlikely(vnode->ops->permission != NULL))
		return vnode->ops->permission(vnode, mode);
	const struct cred *cred = cred_current();
	if (likely(!(mode & ~bits_for(vnode, cred) & 7)) || has_override(cred, vnode, mode))
		return 0;
	return -EACCES;
}

bool vnode_is_owner(const struct vnode *vnode)
{
	const struct cred *cred = cred_current();
	return cred->fsuid == vnode->uid || cred_has_cap(cred, CAP_FOWNER);
}

/** Who changes the data or owner of a program makes it an ordinary one. */
static void drop_set_id(struct vnode *vnode)
{
	vnode->mode &= ~FS_ISUID;
	if (vnode->mode & 0010)
		vnode->mode &= ~FS_ISGID;
}

void vnode_written(struct vnode *vnode)
{
	vnode->mtime = vnode->ctime = fs_now();
	if (unlikely(vnode->mode & (FS_ISUID | FS_ISGID)) &&
	    !cred_has_cap(cred_current(), CAP_FSETID))
		drop_set_id(vnode);
}

err_t vnode_resize(struct vnode *vnode, uint64_t size)
{
	if (vnode_is_dir(vnode))
		return -EISDIR;
	if (!vnode->ops->resize || vnode_type(vnode) != FS_IFREG)
		return -EINVAL;
	if (size > INT64_MAX || (size > fs_size_limit() && size > vnode->size))
		return -EFBIG;
	sched_write_lock(&vnode->lock);
	err_t err = vnode->ops->resize(vnode, size);
	if (!err)
		vnode_written(vnode);
	sched_write_unlock(&vnode->lock);
	return err;
}

err_t vnode_setattr(struct vnode *vnode, const struct fs_setattr *attr)
{
	nsec_t now = fs_now();
	sched_write_lock(&vnode->lock);
	if ((attr->valid & FS_SET_MODE) && !vnode_is_owner(vnode)) {
		sched_write_unlock(&vnode->lock); // another's since it was checked: no set-id program for that one
		return -EPERM;
	}
	if (attr->valid & FS_SET_MODE)
		vnode->mode = (vnode->mode & FS_IFMT) | (attr->mode & 07777);
	if ((attr->valid & (FS_SET_UID | FS_SET_GID)) && !vnode_is_dir(vnode))
		drop_set_id(vnode);
	if (attr->valid & FS_SET_UID)
		vnode->uid = attr->uid;
	if (attr->valid & FS_SET_GID)
		vnode->gid = attr->gid;
	if (attr->valid & (FS_SET_ATIME | FS_SET_ATIME_NOW))
		vnode->atime = attr->valid & FS_SET_ATIME_NOW ? now : attr->atime;
	if (attr->valid & (FS_SET_MTIME | FS_SET_MTIME_NOW))
		vnode->mtime = attr->valid & FS_SET_MTIME_NOW ? now : attr->mtime;
	vnode->ctime = now;
	sched_write_unlock(&vnode->lock);
	return 0;
}

void vnode_describe(struct vnode *vnode, char *buf, size_t len, uint64_t *inode)
{
	*inode = vnode->ino;
	names_lock();
	int64_t path = vnode->name ? dentry_path_locked(vnode->name, fs_current_root(), buf, len)
				   : -ENOENT;
	names_unlock();
	if (path < 0)
		strlcpy(buf, path == -ENOENT ? "/ (deleted)" : "/...", len);
}
