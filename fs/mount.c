// SPDX-License-Identifier: MIT
// Mounts. A file system's root dentry is mounted on one dentry at a time; a walk that arrives at that
// one goes on at the root, and ".." of the root goes on at the dentry below. A file system that is
// mounted in several places (/proc twice) has a root dentry, and names, for each.
#include <lib/format.h>
#include <sched/sched.h>

#include "private.h"

enum { MS_RDONLY = 1, MS_NODEV = 4, MS_REMOUNT = 32, MS_BIND = 4096, MNT_DETACH = 2 };
#define MOUNT_FLAGS 0x00200c2full // what /proc/mounts and statfs show: ro nosuid nodev noexec noatime

struct fs_mount {
	struct list node; // (n)
	struct fs_super *super;
	struct fs_dentry *root, *point; // hold references; point NULL = root of all
	_Atomic uint64_t flags;
	char source[64], options[96];
};

static struct list mounts = LIST_INIT(mounts); // in order of age (n)
static struct list types = LIST_INIT(types); // (n)
static _Atomic uint64_t next_dev = 0x10; // 0:16 onward
static _Atomic uint32_t read_only_mounts, no_device_mounts;
struct fs_dentry *fs_root;

void fs_type_register(const struct fs_type *type, struct fs_type_node *node_storage)
{
	node_storage->type = type;
	names_lock();
	list_push_front(&types, &node_storage->node);
	names_unlock();
}

void fs_type_for_each(void (*visit)(void *arg, const struct fs_type *type), void *arg)
{
	struct fs_type_node *node;
	names_lock();
	list_for_each_entry(node, &types, node)
		visit(arg, node->type);
	names_unlock();
}

void fs_super_init(struct fs_super *super, const struct fs_type *type, uint32_t flags)
{
	super->type = type;
	super->root = NULL;
	super->dev = fetch_add_relaxed(&next_dev, 1);
	atomic_init(&super->next_ino, 1);
	super->flags = flags;
	atomic_init(&super->mounts, 0);
	super->data = NULL;
}

static const struct fs_type *find_type(const char *name)
{
	struct fs_type_node *node;
	list_for_each_entry(node, &types, node) {
		if (strcmp(node->type->name, name) == 0)
			return node->type;
	}
	return NULL;
}

static struct fs_mount *mount_of(const struct fs_super *super)
{
	struct fs_mount *mount;
	list_for_each_entry(mount, &mounts, node) {
		if (mount->super == super)
			return mount;
	}
	return NULL;
}

uint64_t mount_flags(const struct fs_super *super)
{
	bool is_locked = names_is_locked();
	if (!is_locked)
		names_lock();
	struct fs_mount *mount = mount_of(super);
	uint64_t flags = mount ? load_relaxed(&mount->flags) : 0;
	if (!is_locked)
		names_unlock();
	return flags;
}

bool mount_is_read_only(const struct vnode *vnode)
{
	return unlikely(load_relaxed(&read_only_mounts)) && (mount_flags(vnode->super) & MS_RDONLY);
}

bool mount_has_no_devices(const struct vnode *vnode)
{
	return unlikely(load_relaxed(&no_device_mounts)) && (mount_flags(vnode->super) & MS_NODEV);
}

/** @count: of the mounts with @flag. */
static void count_flag(_Atomic uint32_t *count, uint64_t flag, uint64_t old, uint64_t flags)
{
	if ((flags & flag) && !(old & flag))
		fetch_add_relaxed(count, 1);
	if (!(flags & flag) && (old & flag))
		fetch_sub_release(count, 1);
}

static void set_flags(struct fs_mount *mount, uint64_t flags)
{
	uint64_t old = load_relaxed(&mount->flags);
	store_relaxed(&mount->flags, flags & MOUNT_FLAGS);
	count_flag(&read_only_mounts, MS_RDONLY, old, flags);
	count_flag(&no_device_mounts, MS_NODEV, old, flags);
}

/** The dentry of @super's root, with a reference: the only one of a pinned file system. */
static struct fs_dentry *root_dentry(struct fs_super *super)
{
	bool is_pinned = super->flags & FS_SUPER_PINNED;
	if (is_pinned && super->root->name) {
		fs_dentry_get(super->root->name);
		return super->root->name;
	}
	vnode_get(super->root);
	struct fs_dentry *root = dentry_create(NULL, "", 0, super->root);
	if (!root) {
		vnode_put(super->root);
		return NULL;
	}
	if (is_pinned) {
		// The tree of names is the file system: it lives as long as its super.
		super->root->name = root;
		fs_dentry_get(root);
	}
	return root;
}

static struct fs_mount *mount_create(struct fs_super *super, const char *source, const char *options)
{
	struct fs_mount *mount = kzalloc(sizeof(*mount));
	if (!mount)
		return NULL;
	mount->super = super;
	mount->root = root_dentry(super);
	if (!mount->root) {
		kfree(mount);
		return NULL;
	}
	strlcpy(mount->source, source, sizeof(mount->source));
	strlcpy(mount->options, options, sizeof(mount->options));
	return mount;
}

/** Hang @mount over @point, whose reference is taken over. */
static err_t attach(struct fs_mount *mount, struct fs_dentry *point, uint64_t flags)
{
	if (point && load_relaxed(&mount->root->covers))
		return -EBUSY; // a pinned tree has one place
	names_seq_begin();
	mount->point = point;
	store_release(&mount->root->covers, point);
	if (point)
		store_release(&point->mounted, mount->root);
	names_seq_end();
	list_push_back(&mounts, &mount->node);
	set_flags(mount, flags);
	fetch_add_relaxed(&mount->super->mounts, 1);
	return 0;
}

static err_t remount(struct fs_dentry *root, uint64_t flags)
{
	struct fs_mount *mount;
	list_for_each_entry(mount, &mounts, node) {
		if (mount->root == root) {
			set_flags(mount, flags);
			return 0;
		}
	}
	return -EINVAL;
}

/** What nobody has mounted yet and nobody will. */
static void drop_super(struct fs_super *super)
{
	if (load_relaxed(&super->mounts) == 0 && super->type->release)
		super->type->release(super);
}

static err_t mount_at(struct fs_dentry *point, const struct fs_type *type, const char *source,
		      uint64_t flags, const char *options)
{
	struct fs_super *super;
	err_t err = type->mount(source, flags, options, &super);
	if (err)
		return err;
	struct fs_mount *mount = mount_create(super, source, options);
	err = mount ? attach(mount, point, flags) : -ENOMEM;
	if (!err) {
		if (point)
			fs_dentry_get(point);
		return 0;
	}
	if (mount)
		fs_dentry_put(mount->root);
	kfree(mount);
	drop_super(super);
	return err;
}

err_t fs_mount(const char *source, const struct fs_at *target, const char *type_name, uint64_t flags,
	       const char *options)
{
	struct fs_walk walk;
	source = source ? source : "none";
	options = options ? options : "";
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & MS_BIND)
		return -EINVAL; // a name has one place here
	names_lock();
	err_t err = walk_locked(&walk, target, FS_DIRECTORY);
	const struct fs_type *type = find_type(type_name);
	if (!err && (flags & MS_REMOUNT))
		err = remount(walk.dentry, flags);
	else if (!err)
		err = type ? mount_at(walk.dentry, type, source, flags, options) : -ENODEV;
	walk_end(&walk);
	names_unlock();
	return err;
}

/** Somebody uses a name below @root: files, working directories, other mounts. */
static bool is_busy(struct fs_dentry *root, uint32_t own_refs)
{
	uint32_t expected = own_refs;
	struct fs_dentry *child;
	list_for_each_entry(child, &root->children, sibling)
		expected++;
	if (load_relaxed(&root->refs) > expected || load_relaxed(&root->mounted))
		return true;
	bool is_pinned = root->vnode->super->flags & FS_SUPER_PINNED;
	// Descend by the list itself, back by parents: a tree may be deeper than a stack.
	struct fs_dentry *at = root;
	for (;;) {
		child = list_first_entry(&at->children, struct fs_dentry, sibling);
		while (!child) {
			if (at == root)
				return false;
			struct fs_dentry *up = load_relaxed(&at->parent);
			child = list_next_entry(&up->children, at, sibling);
			at = up;
		}
		at = child;
		sched_preempt_point();
		uint32_t wanted = (is_pinned ? 1 : 0) + (uint32_t)list_count(&at->children);
		if (load_relaxed(&at->refs) > wanted || load_relaxed(&at->mounted))
			return true;
		// A mapped file is used too, though no name of it is.
		uint32_t refs = vnode_is_dir(at->vnode) ? 1 : at->vnode->nlink;
		if (is_pinned && load_relaxed(&at->vnode->refs) > refs)
			return true;
	}
}

/** Every name of a pinned file system goes; its root dentry last. */
static void tear_down(struct fs_dentry *root)
{
	struct fs_dentry *at = root, *child;
	for (;;) {
		child = list_first_entry(&at->children, struct fs_dentry, sibling);
		if (child) {
			at = child;
			continue;
		}
		if (at == root)
			break;
		struct fs_dentry *up = load_relaxed(&at->parent);
		dentry_detach(at);
		sched_preempt_point();
		at = up;
	}
	root->vnode->name = NULL;
	fs_dentry_put(root);
}

static void detach(struct fs_mount *mount)
{
	names_seq_begin();
	store_release(&mount->point->mounted, NULL);
	store_release(&mount->root->covers, NULL);
	names_seq_end();
	list_remove(&mount->node);
	set_flags(mount, 0);
}

err_t fs_umount(const struct fs_at *target, unsigned flags)
{
	struct fs_walk walk;
	struct fs_mount *mount = NULL, *other;
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	names_lock();
	err_t err = walk_locked(&walk, target, flags & 8 ? FS_NOFOLLOW : 0); // UMOUNT_NOFOLLOW
	struct fs_dentry *root = walk.dentry;
	walk_end(&walk); // nothing sleeps or goes before the lock is released
	list_for_each_entry(other, &mounts, node) {
		if (!err && other->root == root)
			mount = other;
	}
	if (!err && !mount)
		err = -EINVAL;
	if (!err && !mount->point)
		err = -EBUSY;
	if (err) {
		names_unlock();
		return err;
	}
	struct fs_super *super = mount->super;
	bool is_pinned = super->flags & FS_SUPER_PINNED;
	bool busy = is_busy(root, is_pinned ? 2 : 1);
	if (busy && !(flags & MNT_DETACH)) {
		names_unlock();
		return -EBUSY;
	}
	detach(mount);
	bool is_last = fetch_sub_acq_rel(&super->mounts, 1) == 1;
	bool dies = is_last && super->type->release;
	// A busy one that is only detached keeps its names as long as the kernel runs.
	if (dies && is_pinned && !busy)
		tear_down(root);
	dentry_drop_kept(super);
	fs_dentry_put(mount->root);
	fs_dentry_put(mount->point);
	kfree(mount);
	names_unlock();
	if (dies && !busy)
		super->type->release(super);
	return 0;
}

void fs_for_each_mount(void (*visit)(void *arg, const char *source, const char *target,
				     const char *type, const char *options),
		       void *arg)
{
	char options[160];
	char *target = kmalloc(FS_PATH_MAX);
	struct fs_mount *mount;
	if (!target)
		return;
	names_lock();
	list_for_each_entry(mount, &mounts, node) {
		uint64_t flags = load_relaxed(&mount->flags);
		if (dentry_path_locked(mount->root, fs_root, target, FS_PATH_MAX) < 0)
			continue;
		fmt_snprintf(options, sizeof(options), "%s%s%s%s,relatime%s%s",
			     flags & MS_RDONLY ? "ro" : "rw", flags & 2 ? ",nosuid" : "",
			     flags & 4 ? ",nodev" : "", flags & 8 ? ",noexec" : "",
			     *mount->options ? "," : "", mount->options);
		visit(arg, mount->source, target, mount->super->type->name, options);
	}
	names_unlock();
	kfree(target);
}

void mount_init(void)
{
	names_lock();
	verify(mount_at(NULL, &tmpfs_type, "tmpfs", 0, "mode=755") == 0);
	struct fs_mount *mount = list_first_entry(&mounts, struct fs_mount, node);
	fs_root = mount->root;
	names_unlock();
}
