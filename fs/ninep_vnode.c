// SPDX-License-Identifier: MIT
// A folder of the machine that runs this one, mounted by 9P: `mount -t 9p TAG DIRECTORY`. Names are asked for
// each time they are used, so what the other side changes is seen; attributes are those of the last time that
// the name was used.
#include "ninep.h"

#define V9FS_MAGIC 0x01021997

static struct slab_cache *node_cache;
static struct list channels = LIST_INIT(channels); // lock of names

void ninep_channel_register(struct ninep_channel *channel)
{
	names_lock();
	list_push_back(&channels, &channel->node);
	names_unlock();
}

void ninep_node_update(struct ninep_node *node, const struct ninep_attr *attr)
{
	struct vnode *vnode = &node->vnode;
	if (vnode->size != attr->size || vnode->mtime != attr->mtime)
		store_relaxed(&node->is_outdated, true);
	vnode->mode = attr->mode;
	vnode->uid = attr->uid;
	vnode->gid = attr->gid;
	vnode->nlink = (uint32_t)attr->nlink;
	vnode->ino = attr->ino;
	vnode->rdev = FS_MKDEV(attr->rdev >> 8 & 0xfff, attr->rdev & 0xff);
	vnode->size = attr->size;
	vnode->blocks = attr->blocks;
	vnode->atime = attr->atime;
	vnode->mtime = vnode->btime = attr->mtime;
	vnode->ctime = attr->ctime;
}

err_t ninep_open_copy(struct vnode *vnode, uint32_t flags, uint32_t *fid)
{
	struct ninep *session = ninep_of(vnode);
	*fid = ninep_new_fid(session);
	err_t err = ninep_walk(session, ninep_node_of(vnode)->fid, *fid, NULL, 0);
	if (err)
		return err;
	err = ninep_open(session, *fid, flags);
	if (err)
		ninep_clunk(session, *fid);
	return err;
}

/** A new vnode for @name in @dir. */
static err_t lookup(struct vnode *dir, const char *name, size_t len, struct vnode **vnode)
{
	struct ninep *session = ninep_of(dir);
	uint32_t fid = ninep_new_fid(session);
	err_t err = ninep_walk(session, ninep_node_of(dir)->fid, fid, name, len);
	return err ? err : ninep_node_create(session, fid, vnode);
}

static err_t create_file(struct vnode *dir, const char *name, size_t len, uint32_t mode, struct vnode **vnode)
{
	struct ninep *session = ninep_of(dir);
	uint32_t fid = ninep_new_fid(session);
	err_t err = ninep_walk(session, ninep_node_of(dir)->fid, fid, NULL, 0);
	if (err)
		return err;
	err = ninep_create(session, fid, name, len, mode);
	if (!err)
		err = lookup(dir, name, len, vnode);
	if (!err && vnode_type(*vnode) == FS_IFREG)
		store_relaxed(&ninep_node_of(*vnode)->created_fid, fid);
	else
		ninep_clunk(session, fid);
	return err;
}

static err_t create(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
		    struct vnode **vnode)
{
	if ((mode & FS_IFMT) == FS_IFREG)
		return create_file(dir, name, len, mode, vnode);
	err_t err = ninep_make(ninep_of(dir), ninep_node_of(dir)->fid, name, len, mode, rdev);
	return err ? err : lookup(dir, name, len, vnode);
}

static err_t make_symlink(struct vnode *dir, const char *name, size_t len, const char *target, struct vnode **vnode)
{
	err_t err = ninep_symlink(ninep_of(dir), ninep_node_of(dir)->fid, name, len, target);
	return err ? err : lookup(dir, name, len, vnode);
}

static err_t make_link(struct vnode *dir, const char *name, size_t len, struct vnode *vnode)
{
	return ninep_link(ninep_of(dir), ninep_node_of(dir)->fid, name, len, ninep_node_of(vnode)->fid);
}

static err_t unlink(struct vnode *dir, const char *name, size_t len, struct vnode *vnode)
{
	return ninep_unlink(ninep_of(dir), ninep_node_of(dir)->fid, name, len, vnode_is_dir(vnode));
}

static err_t rename(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir, const char *to,
		    size_t to_len, struct vnode *vnode, struct vnode *replaced)
{
	(void)vnode, (void)replaced;
	return ninep_rename(ninep_of(from_dir), ninep_node_of(from_dir)->fid, from, from_len,
			    ninep_node_of(to_dir)->fid, to, to_len);
}

static int64_t readlink(struct vnode *vnode, char *buf, size_t size)
{
	return ninep_readlink(ninep_of(vnode), ninep_node_of(vnode)->fid, buf, size);
}

/** Each use of a name that is in memory asks how its file is now. */
static bool is_stale(struct vnode *vnode)
{
	struct ninep_node *node = ninep_node_of(vnode);
	struct ninep_attr attr;
	if (ninep_getattr(ninep_of(vnode), node->fid, &attr) != 0)
		return true;
	if (attr.ino != vnode->ino || (attr.mode & FS_IFMT) != vnode_type(vnode))
		return true;
	ninep_node_update(node, &attr);
	return false;
}

static err_t setattr(struct vnode *vnode, const struct fs_setattr *attr)
{
	err_t err = ninep_setattr(ninep_of(vnode), ninep_node_of(vnode)->fid, attr);
	return err ? err : vnode_setattr(vnode, attr);
}

static void evict(struct vnode *vnode)
{
	struct ninep_node *node = ninep_node_of(vnode);
	uint32_t created = load_relaxed(&node->created_fid);
	uint32_t reading = load_relaxed(&node->reading_fid);
	ninep_file_evict(node);
	if (created != NINEP_NO_FID)
		ninep_clunk(ninep_of(vnode), created);
	if (reading != NINEP_NO_FID)
		ninep_clunk(ninep_of(vnode), reading);
	ninep_clunk(ninep_of(vnode), node->fid);
}

static void put_session(struct ninep *session);

static void release(struct vnode *vnode)
{
	struct ninep *session = ninep_of(vnode);
	slab_free(node_cache, ninep_node_of(vnode));
	put_session(session);
}

static const struct vnode_ops dir_ops = {
	.lookup = lookup,
	.create = create,
	.symlink = make_symlink,
	.link = make_link,
	.unlink = unlink,
	.rename = rename,
	.open = ninep_dir_open,
	.setattr = setattr,
	.is_stale = is_stale,
	.evict = evict,
	.release = release,
};
static const struct vnode_ops file_ops = {
	.open = ninep_file_open,
	.resize = ninep_file_resize,
	.setattr = setattr,
	.is_stale = is_stale,
	.evict = evict,
	.release = release,
};
static const struct vnode_ops other_ops = {
	.readlink = readlink,
	.setattr = setattr,
	.is_stale = is_stale,
	.evict = evict,
	.release = release,
};

static const struct vnode_ops *ops_of(uint32_t mode)
{
	switch (mode & FS_IFMT) {
	case FS_IFDIR:
		return &dir_ops;
	case FS_IFREG:
		return &file_ops;
	default:
		return &other_ops;
	}
}

err_t ninep_node_create(struct ninep *session, uint32_t fid, struct vnode **vnode)
{
	struct ninep_attr attr;
	err_t err = ninep_getattr(session, fid, &attr);
	struct ninep_node *node = err ? NULL : slab_alloc_zeroed(node_cache);
	if (!node) {
		ninep_clunk(session, fid);
		return err ? err : -ENOMEM;
	}
	vnode_init(&node->vnode, ops_of(attr.mode), &session->super, attr.mode);
	fetch_add_relaxed(&session->refs, 1);
	node->fid = fid;
	ninep_file_init(node);
	ninep_node_update(node, &attr);
	*vnode = &node->vnode;
	return 0;
}

static struct ninep_channel *find_channel(const char *tag)
{
	struct ninep_channel *channel;
	list_for_each_entry(channel, &channels, node) {
		if (strcmp(channel->tag, tag) == 0)
			return channel;
	}
	return NULL;
}

static err_t take_channel(const char *tag, struct ninep_channel **channel)
{
	*channel = find_channel(tag);
	if (!*channel)
		return -ENODEV;
	return exchange_acq_rel(&(*channel)->is_mounted, true) ? -EBUSY : 0;
}

/** The session lives as long as its mount and each of its vnodes: mappings outlive an umount. */
static void put_session(struct ninep *session)
{
	if (fetch_sub_acq_rel(&session->refs, 1) != 1)
		return;
	ninep_session_close(session);
	store_release(&session->channel->is_mounted, false);
	kfree(session);
}

static const struct fs_type ninep_type;

/** Options that Linux takes choose among transports, versions and sizes, of which there is one each. */
static err_t mount(const char *source, uint64_t flags, const char *options, struct fs_super **super)
{
	struct ninep_channel *channel;
	(void)flags, (void)options;
	err_t err = take_channel(source, &channel);
	if (err)
		return err;
	struct ninep *session = kzalloc(sizeof(*session));
	if (!session) {
		store_release(&channel->is_mounted, false);
		return -ENOMEM;
	}
	fs_super_init(&session->super, &ninep_type, FS_SUPER_KEEPS_NAMES);
	session->channel = channel;
	atomic_init(&session->refs, 1);
	err = ninep_session_open(session);
	if (err)
		put_session(session);
	else
		*super = &session->super;
	return err;
}

static void statfs(struct fs_super *super, struct fs_statfs *statfs)
{
	struct ninep *session = container_of(super, struct ninep, super);
	(void)!ninep_statfs(session, ninep_node_of(super->root)->fid, statfs);
}

static void release_super(struct fs_super *super)
{
	vnode_put(super->root);
	quiesce_wait(); // walks look at the flags of their super
	put_session(container_of(super, struct ninep, super));
}

static const struct fs_type ninep_type = {
	.name = "9p",
	.magic = V9FS_MAGIC,
	.mount = mount,
	.statfs = statfs,
	.release = release_super,
};

void ninep_init(void)
{
	static struct fs_type_node node;
	node_cache = slab_cache_create("9p_node", sizeof(struct ninep_node), 16);
	fs_type_register(&ninep_type, &node);
}
