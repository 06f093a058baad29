// SPDX-License-Identifier: MIT
// memfd_create(2): nameless files of a tmpfs that is mounted nowhere, and what their seals forbid.
#include <kernel/panic.h>
#include <lib/format.h>
#include <lib/string.h>

#include "tmpfs.h"

static struct fs_dentry *memfd_root;

void memfd_init(void)
{
	struct fs_super *super;
	if (tmpfs_super_create("", &tmpfs_type, &super))
		panic("no memory for the file system of memfds");
	vnode_get(super->root);
	memfd_root = fs_dentry_create_unnamed(super->root);
	if (!memfd_root)
		panic("no memory for the file system of memfds");
}

err_t fs_memfd_create(const char *name, bool can_seal, struct file **file)
{
	char full[FS_NAME_MAX + 8];
	struct vnode *vnode, *root = memfd_root->vnode;
	int len = fmt_snprintf(full, sizeof(full), "memfd:%s", name);
	err_t err = root->ops->create(root, full, (size_t)len, FS_IFREG | 0777, 0, &vnode);
	if (err)
		return err;
	vnode->nlink = 0;
	if (can_seal)
		store_relaxed(&tmpfs_file_of(vnode)->seals, 0);
	struct fs_dentry *dentry = dentry_create(memfd_root, full, (size_t)len, vnode);
	if (!dentry) {
		vnode_put(vnode);
		return -ENOMEM;
	}
	return open_dentry(dentry, O_RDWR | FS_OPEN_LARGEFILE, true, file);
}

/** The tmpfs file that @file is, or NULL. */
static struct tmpfs_file *sealable(struct file *file)
{
	struct vnode *vnode = file->vnode;
	return vnode && vnode->ops == &tmpfs_file_vnode_ops ? tmpfs_file_of(vnode) : NULL;
}

int64_t fs_get_seals(struct file *file)
{
	struct tmpfs_file *tmpfs_file = sealable(file);
	return tmpfs_file ? (int64_t)load_relaxed(&tmpfs_file->seals) : -EINVAL;
}

err_t fs_add_seals(struct file *file, uint32_t seals)
{
	struct tmpfs_file *tmpfs_file = sealable(file);
	if (!grant_allows(&file->grant, OBJECT_FILE | FILE_RIGHT_WRITE))
		return -EPERM;
	if (!tmpfs_file || (seals & ~(uint32_t)FS_SEALS))
		return -EINVAL;
	err_t err = 0;
	sched_write_lock(&file->vnode->lock); // no write is under way
	if (load_relaxed(&tmpfs_file->seals) & FS_SEAL_SEAL)
		err = -EPERM;
	else if ((seals & FS_SEAL_WRITE) && mm_object_is_mapped_writable(&tmpfs_file->object))
		err = -EBUSY;
	if (!err)
		fetch_or_acq_rel(&tmpfs_file->seals, seals);
	sched_write_unlock(&file->vnode->lock);
	return err;
}
