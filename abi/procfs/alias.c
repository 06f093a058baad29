// SPDX-License-Identifier: MIT
// What /proc/PID/fd/N leads to when the file has no name: a pipe, a terminal that the kernel
// opened, an eventfd. Opening it gives a file of its own that hands everything on to the first
// one, so programs may use /dev/stdin and /dev/stderr whatever they are connected to. (Linux opens
// the pipe anew.)
#include "private.h"

#include <abi/procfs.h>
#include <mm/slab.h>
#include <object/poll.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

struct alias {
	struct vnode vnode;
	struct file *file; // holds a reference by its grant, as a descriptor does
	uint32_t rights; // FILE_RIGHT_* of the descriptor
};

static struct alias *alias_of(struct vnode *vnode)
{
	return container_of(vnode, struct alias, vnode);
}

static int64_t alias_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct file *inner = file->data;
	return inner->ops->read ? inner->ops->read(inner, io, pos) : -EINVAL;
}

static int64_t alias_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct file *inner = file->data;
	return inner->ops->write ? inner->ops->write(inner, io, pos) : -EINVAL;
}

static uint32_t alias_poll(struct file *file, struct poll_entry *entry)
{
	struct file *inner = file->data;
	return inner->ops->poll ? inner->ops->poll(inner, entry) : POLLIN | POLLOUT;
}

static int64_t alias_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	struct file *inner = file->data;
	return inner->ops->ioctl ? inner->ops->ioctl(inner, command, arg) : -ENOTTY;
}

static void alias_release(struct file *file)
{
	grant_put(&((struct file *)file->data)->grant);
}

static const struct file_ops alias_file_ops = {
	.name = "alias",
	.read = alias_read,
	.write = alias_write,
	.poll = alias_poll,
	.ioctl = alias_ioctl,
	.release = alias_release,
};

struct file *procfs_alias_target(struct file *file)
{
	return file->ops == &alias_file_ops ? file->data : file;
}

static err_t alias_open(struct vnode *vnode, uint32_t open_flags, struct file **file)
{
	static const uint32_t wanted[] = {FILE_RIGHT_READ, FILE_RIGHT_WRITE,
					  FILE_RIGHT_READ | FILE_RIGHT_WRITE, 0};
	struct alias *alias = alias_of(vnode);
	if (wanted[open_flags & O_ACCMODE] & ~alias->rights)
		return -EACCES;
	*file = file_create(&alias_file_ops, open_flags, alias->file);
	if (!*file)
		return -ENOMEM;
	grant_get(&alias->file->grant);
	(*file)->is_stream = true;
	return 0;
}

static void alias_getattr(struct vnode *vnode, struct fs_stat *stat)
{
	(void)!fs_stat_file(alias_of(vnode)->file, stat);
}

static void alias_evict(struct vnode *vnode)
{
	grant_put(&alias_of(vnode)->file->grant);
}

static void alias_free(struct vnode *vnode)
{
	kfree(alias_of(vnode));
}

static const struct vnode_ops alias_ops = {
	.open = alias_open,
	.getattr = alias_getattr,
	.evict = alias_evict,
	.release = alias_free,
};

err_t procfs_alias_create(struct fs_super *super, struct file *file, uint32_t rights,
			  struct fs_dentry **dentry)
{
	struct alias *alias = kzalloc(sizeof(*alias));
	struct fs_stat stat;
	if (!alias || fs_stat_file(file, &stat)) {
		kfree(alias);
		grant_put(&file->grant);
		return -ENOMEM;
	}
	vnode_init(&alias->vnode, &alias_ops, super, (uint32_t)stat.mode | 0600);
	alias->vnode.ino = stat.ino;
	alias->file = file;
	alias->rights = rights;
	*dentry = fs_dentry_create_unnamed(&alias->vnode);
	if (*dentry)
		return 0;
	vnode_put(&alias->vnode);
	return -ENOMEM;
}
