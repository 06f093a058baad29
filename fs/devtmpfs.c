// SPDX-License-Identifier: MIT
// devtmpfs: one tmpfs, mounted as often as asked (in one place at a time), whose nodes the drivers make.
#include "private.h"

static struct fs_super *dev_super;
static struct fs_dentry *dev_root; // the tree's own reference; for ever

static err_t mount_devtmpfs(const char *source, uint64_t flags, const char *options,
			    struct fs_super **super)
{
	(void)source, (void)flags, (void)options;
	*super = dev_super;
	return 0;
}

static const struct fs_type devtmpfs_type = {
	.name = "devtmpfs",
	.magic = 0x01021994, // as Linux's, which is a tmpfs too
	.mount = mount_devtmpfs,
};

void devtmpfs_init(void)
{
	static struct fs_type_node node;
	verify(tmpfs_super_create("mode=0755", &devtmpfs_type, &dev_super) == 0);
	vnode_get(dev_super->root);
	dev_root = dentry_create(NULL, "", 0, dev_super->root);
	verify(dev_root != NULL);
	dev_super->root->name = dev_root;
	fs_type_register(&devtmpfs_type, &node);
}

static struct fs_dentry *find(struct fs_dentry *dir, const char *name, size_t len)
{
	return dentry_find(dir, name, len, dentry_hash(dir, name_hash(name, len)));
}

static err_t make(struct fs_dentry *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev)
{
	struct vnode *vnode;
	err_t err = dir->vnode->ops->create(dir->vnode, name, len, mode, rdev, &vnode);
	if (err)
		return err;
	vnode->uid = vnode->gid = 0;
	return dir_add(dir, name, len, vnode);
}

/** The folder that holds the last name of *@path, which becomes that name. Names locked. */
static err_t find_folder(const char **path, bool makes, struct fs_dentry **dir)
{
	const char *slash;
	*dir = dev_root;
	while ((slash = strchr(*path, '/')) != NULL) {
		size_t len = (size_t)(slash - *path);
		struct fs_dentry *next = find(*dir, *path, len);
		if (!next && makes) {
			err_t err = make(*dir, *path, len, FS_IFDIR | 0755, 0);
			if (err)
				return err;
			next = find(*dir, *path, len);
		}
		if (!next)
			return -ENOENT;
		if (!vnode_is_dir(next->vnode))
			return -ENOTDIR;
		*dir = next;
		*path = slash + 1;
	}
	return **path ? 0 : -EINVAL;
}

err_t fs_devnode_create(const char *path, uint32_t mode, uint64_t rdev)
{
	struct fs_dentry *dir;
	names_lock();
	err_t err = find_folder(&path, true, &dir);
	if (!err)
		err = find(dir, path, strlen(path)) ? -EEXIST
						    : make(dir, path, strlen(path), mode, rdev);
	names_unlock();
	return err;
}

void fs_devnode_remove(const char *path)
{
	struct fs_dentry *dir, *dentry = NULL;
	names_lock();
	if (find_folder(&path, false, &dir) == 0)
		dentry = find(dir, path, strlen(path));
	if (dentry) {
		fs_dentry_get(dentry);
		if (names_drop(dentry) != 0)
			assert(false); // a pinned name can always go
	}
	names_unlock();
	fs_dentry_put(dentry);
}
