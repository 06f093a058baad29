// SPDX-License-Identifier: MIT
// tmpfs: files in memory. The tree of names is its directory structure, the vnodes here are its inodes;
// what a regular file does with its pages is in tmpfs_file.c. Limits: half of RAM in pages, and as many
// files, unless mounted with others.
#include "tmpfs.h"

#define TMPFS_MAGIC 0x01021994

static struct slab_cache *vnode_cache, *file_cache;

bool tmpfs_charge_file(struct tmpfs *tmpfs)
{
	if (fetch_add_relaxed(&tmpfs->files, 1) < tmpfs->files_max)
		return true;
	fetch_sub_release(&tmpfs->files, 1);
	return false;
}

/** After a grace period: the super may be gone already. */
void tmpfs_release(struct vnode *vnode)
{
	if (vnode_type(vnode) == FS_IFREG) {
		slab_free(file_cache, container_of(vnode, struct tmpfs_file, vnode));
		return;
	}
	kfree((void *)(uintptr_t)vnode->link);
	slab_free(vnode_cache, vnode);
}

static void evict(struct vnode *vnode)
{
	fetch_sub_release(&tmpfs_of(vnode)->files, 1);
}

static const struct vnode_ops link_ops = {
	.setattr = vnode_setattr,
	.evict = evict,
	.release = tmpfs_release,
};
static const struct vnode_ops node_ops = {
	.setattr = vnode_setattr,
	.evict = evict,
	.release = tmpfs_release,
};
static err_t create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		    struct vnode **vnode);
static err_t make_link(struct vnode *dir, const char *name, size_t len, const char *target,
		       struct vnode **vnode);
static const struct vnode_ops dir_ops = {
	.create = create,
	.symlink = make_link,
	.setattr = vnode_setattr,
	.evict = evict,
	.release = tmpfs_release,
};

static struct vnode *alloc_vnode(struct tmpfs *tmpfs, uint32_t mode)
{
	if ((mode & FS_IFMT) == FS_IFREG) {
		struct tmpfs_file *file = slab_alloc(file_cache);
		if (!file)
			return NULL;
		vnode_init(&file->vnode, &tmpfs_file_vnode_ops, &tmpfs->super, mode);
		tmpfs_file_init(file);
		return &file->vnode;
	}
	struct vnode *vnode = slab_alloc(vnode_cache);
	if (!vnode)
		return NULL;
	vnode_init(vnode, (mode & FS_IFMT) == FS_IFDIR ? &dir_ops : &node_ops, &tmpfs->super, mode);
	return vnode;
}

static err_t make_vnode(struct tmpfs *tmpfs, uint32_t mode, struct vnode **vnode)
{
	if (!tmpfs_charge_file(tmpfs))
		return -ENOSPC;
	*vnode = alloc_vnode(tmpfs, mode);
	if (*vnode)
		return 0;
	fetch_sub_release(&tmpfs->files, 1);
	return -ENOMEM;
}

static err_t create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		    struct vnode **vnode)
{
	(void)name, (void)len;
	err_t err = make_vnode(tmpfs_of(dir), mode, vnode);
	if (!err)
		(*vnode)->rdev = rdev;
	return err;
}

static err_t make_link(struct vnode *dir, const char *name, size_t len, const char *target,
		       struct vnode **vnode)
{
	(void)name, (void)len;
	size_t size = strlen(target);
	char *text = kmalloc(size + 1);
	if (!text)
		return -ENOMEM;
	memcpy(text, target, size + 1);
	err_t err = make_vnode(tmpfs_of(dir), FS_IFLNK | 0777, vnode);
	if (err) {
		kfree(text);
		return err;
	}
	(*vnode)->ops = &link_ops;
	(*vnode)->link = text;
	(*vnode)->size = size;
	return 0;
}

static bool is_option(const char *options, const char *name, const char **value)
{
	if (!str_has_prefix(options, name))
		return false;
	*value = options + strlen(name);
	return true;
}

/** A number, or so many per cent of RAM. */
static bool parse_limit(const char *value, uint64_t *bytes, const char **end)
{
	struct frame_stats stats;
	uint64_t percent;
	if (parse_u64(value, 10, &percent, end) && **end == '%' && percent <= 100) {
		frame_get_stats(&stats);
		*bytes = stats.total * percent / 100 * HAL_PAGE_SIZE;
		(*end)++;
		return true;
	}
	return parse_size(value, bytes, end);
}

/** One option at the head of @options; NULL: unknown or malformed. Returns what follows it. */
static const char *parse_option(struct tmpfs *tmpfs, struct vnode *root, const char *options)
{
	const char *value, *end = NULL;
	uint64_t n;
	if (is_option(options, "size=", &value) && parse_limit(value, &n, &end))
		tmpfs->pages_max = n ? (n - 1) / HAL_PAGE_SIZE + 1 : UINT64_MAX;
	else if (is_option(options, "nr_blocks=", &value) && parse_size(value, &n, &end))
		tmpfs->pages_max = n ? n : UINT64_MAX;
	else if (is_option(options, "nr_inodes=", &value) && parse_size(value, &n, &end))
		tmpfs->files_max = n ? n : UINT64_MAX;
	else if (is_option(options, "mode=", &value) && parse_u64(value, 8, &n, &end))
		root->mode = FS_IFDIR | (uint32_t)(n & 07777);
	else if (is_option(options, "uid=", &value) && parse_u64(value, 10, &n, &end))
		root->uid = (uint32_t)n;
	else if (is_option(options, "gid=", &value) && parse_u64(value, 10, &n, &end))
		root->gid = (uint32_t)n;
	return end;
}

static err_t parse_options(struct tmpfs *tmpfs, struct vnode *root, const char *options)
{
	while (*options) {
		options = parse_option(tmpfs, root, options);
		if (!options || (*options && *options != ','))
			return -EINVAL;
		while (*options == ',')
			options++;
	}
	return 0;
}

err_t tmpfs_super_create(const char *options, const struct fs_type *type, struct fs_super **super)
{
	struct frame_stats stats;
	struct tmpfs *tmpfs = kzalloc(sizeof(*tmpfs));
	if (!tmpfs)
		return -ENOMEM;
	frame_get_stats(&stats);
	tmpfs->pages_max = tmpfs->files_max = stats.total / 2;
	fs_super_init(&tmpfs->super, type, FS_SUPER_PINNED);
	err_t err = make_vnode(tmpfs, FS_IFDIR | 01777, &tmpfs->super.root);
	if (!err)
		err = parse_options(tmpfs, tmpfs->super.root, options);
	if (!err) {
		*super = &tmpfs->super;
		return 0;
	}
	if (tmpfs->super.root)
		vnode_put(tmpfs->super.root);
	kfree(tmpfs);
	return err;
}

static err_t mount_tmpfs(const char *source, uint64_t flags, const char *options,
			 struct fs_super **super)
{
	(void)source, (void)flags;
	return tmpfs_super_create(options, &tmpfs_type, super);
}

static void statfs_tmpfs(struct fs_super *super, struct fs_statfs *statfs)
{
	struct tmpfs *tmpfs = container_of(super, struct tmpfs, super);
	uint64_t pages = load_relaxed(&tmpfs->pages), files = load_relaxed(&tmpfs->files);
	if (tmpfs->pages_max != UINT64_MAX) {
		statfs->blocks = tmpfs->pages_max;
		statfs->blocks_free = tmpfs->pages_max - min(pages, tmpfs->pages_max);
	}
	if (tmpfs->files_max != UINT64_MAX) {
		statfs->files = tmpfs->files_max;
		statfs->files_free = tmpfs->files_max - min(files, tmpfs->files_max);
	}
}

static void release_tmpfs(struct fs_super *super)
{
	vnode_put(super->root);
	// Its last vnodes may wait for their grace period, and walks look at the flags of their super.
	quiesce_wait();
	kfree(container_of(super, struct tmpfs, super));
}

const struct fs_type tmpfs_type = {
	.name = "tmpfs",
	.magic = TMPFS_MAGIC,
	.mount = mount_tmpfs,
	.statfs = statfs_tmpfs,
	.release = release_tmpfs,
};

void tmpfs_init(void)
{
	static struct fs_type_node node, ramfs_node;
	static struct fs_type ramfs_type;
	vnode_cache = slab_cache_create("vnode", sizeof(struct vnode), 16);
	file_cache = slab_cache_create("tmpfs_file", sizeof(struct tmpfs_file), 16);
	page_tree_init_cache();
	fs_type_register(&tmpfs_type, &node);
	ramfs_type = tmpfs_type;
	ramfs_type.name = "ramfs";
	fs_type_register(&ramfs_type, &ramfs_node);
}
