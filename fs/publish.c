// SPDX-License-Identifier: MIT
// Names of capabilities: a socket file that gives, to who opens it, a grant instead of a file. It goes
// with the file: when the last name is unlinked and nobody walks there.
#include <uapi/errno.h>

#include "private.h"

err_t fs_publish(const struct fs_at *at, uint32_t mode, struct grant *grant)
{
	struct vnode *vnode;
	err_t err = names_make_socket(at, mode, grant, &vnode);
	if (!err)
		vnode_put(vnode);
	return err;
}

static err_t open_published(struct vnode *vnode, struct grant **grant)
{
	struct grant *published = load_relaxed(&vnode->published);
	err_t err = vnode_permission(vnode, MAY_WRITE);
	if (err)
		return err;
	if (!published || !load_relaxed(&published->rights))
		return -ENXIO;
	grant_get(published);
	*grant = published;
	return 0;
}

err_t fs_open_published(const struct fs_at *at, unsigned walk_flags, struct grant **grant)
{
	struct fs_dentry *dentry;
	err_t err = walk_to(at, walk_flags, &dentry);
	if (err)
		return err;
	err = open_published(dentry->vnode, grant);
	fs_dentry_put(dentry);
	return err;
}
