// SPDX-License-Identifier: MIT
// rename(2): a name changes place; what stood there goes, or takes the other's place.
#include "private.h"

enum { RENAME_NOREPLACE = 1, RENAME_EXCHANGE = 2 };

static bool is_below(struct fs_dentry *dentry, const struct fs_dentry *above)
{
	for (; dentry; dentry = load_relaxed(&dentry->parent)) {
		if (dentry == above)
			return true;
	}
	return false;
}

static err_t check_source(const struct fs_walk *from)
{
	if (from->last != LAST_NAME)
		return -EBUSY;
	if (!from->dentry)
		return -ENOENT;
	if (from->has_slash && !vnode_is_dir(from->dentry->vnode))
		return -ENOTDIR;
	err_t err = names_check_dir(from->parent);
	return err ? err : names_check_sticky(from->parent->vnode, from->dentry->vnode);
}

/** A directory that gets another parent changes, too: its `..` does. */
static err_t check_moved(const struct fs_walk *from, const struct fs_walk *to, struct vnode *moved)
{
	return from->parent == to->parent || !vnode_is_dir(moved) ? 0 : vnode_permission(moved, MAY_WRITE);
}

/** What stands at the new name may be replaced by @from's. */
static err_t check_replaced(const struct fs_walk *from, const struct fs_walk *to, bool is_exchange)
{
	struct fs_dentry *old = to->dentry;
	bool from_is_dir = vnode_is_dir(from->dentry->vnode), is_dir = vnode_is_dir(old->vnode);
	err_t err = names_check_sticky(to->parent->vnode, old->vnode);
	if (err)
		return err;
	if (load_relaxed(&old->mounted))
		return -EBUSY;
	if (is_exchange)
		return is_below(from->parent, old) ? -EINVAL : check_moved(from, to, old->vnode);
	if (is_below(from->parent, old))
		return -ENOTEMPTY;
	if (from_is_dir && !is_dir)
		return -ENOTDIR;
	if (!from_is_dir && is_dir)
		return -EISDIR;
	return is_dir && !list_is_empty(&old->children) ? -ENOTEMPTY : 0;
}

static err_t check_target(const struct fs_walk *from, const struct fs_walk *to, unsigned flags)
{
	if (to->last != LAST_NAME)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (from->parent->vnode->super != to->parent->vnode->super)
		return -EXDEV;
	if (to->dentry && (flags & RENAME_NOREPLACE))
		return -EEXIST;
	if (!to->dentry && (flags & RENAME_EXCHANGE))
		return -ENOENT;
	if (to->has_slash && !vnode_is_dir(from->dentry->vnode))
		return -ENOTDIR;
	if (load_relaxed(&from->dentry->mounted))
		return -EBUSY;
	if (is_below(to->parent, from->dentry))
		return -EINVAL;
	err_t err = names_check_dir(to->parent);
	if (!err)
		err = check_moved(from, to, from->dentry->vnode);
	if (err || !to->dentry)
		return err;
	return check_replaced(from, to, flags & RENAME_EXCHANGE);
}

/** Directories count the directories in them. */
static void move_link_count(const struct fs_dentry *dentry, struct vnode *from, struct vnode *to)
{
	if (!vnode_is_dir(dentry->vnode))
		return;
	from->nlink--;
	to->nlink++;
}

static err_t ask(const struct fs_walk *from, const struct fs_walk *to, unsigned flags)
{
	struct vnode *dir = from->parent->vnode;
	if (dir->super->flags & FS_SUPER_PINNED)
		return 0;
	if (!dir->ops->rename || (flags & RENAME_EXCHANGE))
		return dir->ops->rename ? -EINVAL : -EPERM;
	return dir->ops->rename(dir, from->name, from->len, to->parent->vnode, to->name, to->len,
				from->dentry->vnode, to->dentry ? to->dentry->vnode : NULL);
}

/** All checks are done. *@gone: what was replaced, for the caller to drop. */
static err_t commit(const struct fs_walk *from, const struct fs_walk *to, bool is_exchange,
		    struct fs_dentry **gone)
{
	struct fs_dentry *moved = from->dentry, *old = to->dentry;
	struct fs_dentry *from_dir = from->parent, *to_dir = to->parent;
	struct fs_name *name = name_create(to->name, to->len), *other = NULL;
	if (is_exchange)
		other = name_create(from->name, from->len);
	if (!name || (is_exchange && !other)) {
		kfree(name);
		kfree(other);
		return -ENOMEM;
	}
	if (inotify_is_used()) // the old name is freed with the move
		inotify_tell_rename(from_dir->vnode, load_relaxed(&moved->name), to_dir->vnode, name,
				    moved->vnode);
	names_seq_begin();
	if (old && !is_exchange) {
		*gone = old;
		fs_dentry_get(old);
		old->vnode->nlink -= vnode_is_dir(old->vnode) ? 2 : 1;
		if (vnode_is_dir(old->vnode))
			to_dir->vnode->nlink--;
		old->vnode->ctime = fs_now();
		dentry_detach(old);
	}
	dentry_move(moved, to_dir, name);
	move_link_count(moved, from_dir->vnode, to_dir->vnode);
	if (inotify_is_used() && old && !is_exchange && !old->vnode->nlink)
		inotify_tell_slow(old->vnode, FS_IN_DELETE_SELF, 0, "", 0);
	if (is_exchange) {
		dentry_move(old, from_dir, other);
		move_link_count(old, to_dir->vnode, from_dir->vnode);
		old->vnode->ctime = fs_now();
	}
	names_seq_end();
	moved->vnode->ctime = fs_now();
	names_touch(from_dir->vnode);
	names_touch(to_dir->vnode);
	return 0;
}

err_t fs_rename(const struct fs_at *from_at, const struct fs_at *to_at, unsigned flags)
{
	struct fs_walk from, to;
	struct fs_dentry *gone = NULL;
	if ((flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE)) ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	names_lock();
	err_t err = walk_locked(&from, from_at, WALK_NAME);
	if (err)
		goto end_from;
	err = walk_locked(&to, to_at, WALK_NAME);
	if (!err)
		err = check_source(&from);
	if (!err)
		err = check_target(&from, &to, flags);
	bool is_same = !err && to.dentry && to.dentry->vnode == from.dentry->vnode;
	if (!err && !is_same)
		err = ask(&from, &to, flags);
	if (!err && !is_same) // two names of one file: nothing to do
		err = commit(&from, &to, flags & RENAME_EXCHANGE, &gone);
	walk_end(&to);
end_from:
	walk_end(&from);
	names_unlock();
	fs_dentry_put(gone);
	return err;
}
