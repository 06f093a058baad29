// SPDX-License-Identifier: MIT
// Walks along paths. One walker, two ways to run it.
//
// Fast: no lock, no reference. Everything it meets is in memory and stays there until the next sleep
// (kernel/quiesce.h); if a name changed its place meanwhile (names_seq), or something must be asked of
// a file system, it gives up with WALK_SLOW. Under the lock of names the same steps may ask: lookup of
// names not in memory, links that a file system makes, its own permissions. What is found then stays
// until the lock is released.
//
// Links are followed without recursion: what remains of a path when a link is entered stands on a
// small stack. A link at the very end leaves nothing, so what is pushed always has a name in it.
#include <object/fdtable.h>
#include <sched/thread.h>

#include "private.h"

#define LINK_SIZE FS_PATH_MAX

/** Target of a link that a file system made; remains of it may be on the stack of the walk. */
struct link_buf {
	struct link_buf *next;
	char text[LINK_SIZE + 1];
};


struct fs_dentry *fs_current_cwd(void)
{
	struct fs_context *context = current_thread()->fs.context;
	return likely(context) ? load_acquire(&context->cwd) : fs_root;
}

#define SCOPED (FS_BENEATH | FS_IN_ROOT)

/** The directory in which the walk of a relative path begins, or of one that is to stay in it. */
static no_inline err_t find_relative(const struct fs_walk *walk, struct fs_dentry **start)
{
	int dirfd = walk->at->dirfd;
	if (*walk->at->path == '/' && (walk->flags & FS_BENEATH))
		return -EXDEV;
	if (dirfd == FS_AT_CWD) {
		*start = fs_current_cwd();
		return 0;
	}
	struct fdtable *table = current_thread()->object.fds;
	struct grant *grant = table && dirfd >= 0 ? fd_lookup(table, (uint32_t)dirfd) : NULL;
	if (!grant || !grant_allows(grant, OBJECT_FILE | FILE_RIGHT_PATH))
		return -EBADF;
	*start = container_of(grant, struct file, grant)->dentry;
	if (*start)
		return 0;
	return *walk->at->path ? -ENOTDIR : -EBADF;
}

static inline err_t find_start(const struct fs_walk *walk, struct fs_dentry **start)
{
	if (unlikely(*walk->at->path != '/' || (walk->flags & SCOPED)))
		return find_relative(walk, start);
	*start = fs_current_root();
	return 0;
}

static err_t check_search(const struct fs_walk *walk, struct vnode *dir)
{
	if (unlikely(!vnode_is_dir(dir)))
		return -ENOTDIR;
	if (unlikely(dir->ops->permission != NULL))
		return walk->is_locked ? dir->ops->permission(dir, MAY_EXEC) : WALK_SLOW;
	return likely(vnode_may_search(dir)) ? 0 : -EACCES;
}

static struct fs_dentry *step_up(struct fs_dentry *dentry)
{
	struct fs_dentry *root = fs_current_root(), *next;
	while (dentry != root && (next = load_acquire(&dentry->covers)))
		dentry = next;
	next = load_acquire(&dentry->parent);
	if (dentry == root || !next)
		return dentry;
	while (unlikely((dentry = load_acquire(&next->mounted)) != NULL))
		next = dentry;
	return next;
}

/** `..` within the limits of openat2(2). */
static err_t step_up_within(const struct fs_walk *walk, struct fs_dentry **dentry)
{
	if (*dentry == walk->base && (walk->flags & SCOPED))
		return walk->flags & FS_IN_ROOT ? 0 : -EXDEV;
	struct fs_dentry *up = step_up(*dentry);
	if ((walk->flags & FS_NO_XDEV) && load_relaxed(&(*dentry)->covers) && up != *dentry)
		return -EXDEV;
	*dentry = up;
	return 0;
}

/** Go on at the root, for a link said so. */
static err_t jump_to_root(const struct fs_walk *walk, struct fs_dentry **at)
{
	struct fs_dentry *root = fs_current_root();
	if (walk->flags & FS_BENEATH)
		return -EXDEV;
	if (walk->flags & FS_IN_ROOT)
		root = walk->base;
	else if ((walk->flags & FS_NO_XDEV) && (*at)->vnode->super != root->vnode->super)
		return -EXDEV;
	*at = root;
	return 0;
}

/** A link of /proc, which is no text: to what @vnode stands for. */
static err_t jump(struct fs_walk *walk, struct vnode *vnode, struct fs_dentry **at)
{
	struct fs_dentry *target;
	if (walk->flags & FS_NO_MAGICLINKS)
		return -ELOOP;
	if (walk->flags & (SCOPED | FS_NO_XDEV))
		return -EXDEV; // where it leads is another file system than /proc
	err_t err = vnode->ops->follow(vnode, &target);
	if (err)
		return err;
	fs_dentry_put(walk->held);
	walk->held = target;
	*at = target;
	return 0;
}

/** Ask the file system for a name that is not in memory. */
static err_t look_up(struct fs_dentry *dir, const struct fs_walk *walk, struct fs_dentry **found)
{
	struct vnode *vnode;
	if (!dir->vnode->ops->lookup)
		return -ENOENT;
	err_t err = dir->vnode->ops->lookup(dir->vnode, walk->name, walk->len, &vnode);
	if (err)
		return err;
	struct fs_dentry *dentry = dentry_create(dir, walk->name, walk->len, vnode);
	if (!dentry) {
		vnode_put(vnode);
		return -ENOMEM;
	}
	dentry_attach(dentry);
	store_relaxed(&dentry->refs, 0);
	dentry_note_unused(dentry);
	*found = dentry;
	return 0;
}

/** A child of a directory whose names are not pinned. Locked. */
static err_t find_dynamic(struct fs_dentry *dir, const struct fs_walk *walk, struct fs_dentry **found)
{
	struct fs_dentry *dentry = dentry_find(dir, walk->name, walk->len, walk->hash);
	if (dentry && dentry->vnode->ops->is_stale && dentry->vnode->ops->is_stale(dentry->vnode)) {
		dentry_detach(dentry);
		dentry = NULL;
	}
	*found = dentry;
	return dentry ? 0 : look_up(dir, walk, found);
}

static int find_child(const struct fs_walk *walk, struct fs_dentry *dir, struct fs_dentry **found)
{
	if (likely(dir->vnode->super->flags & FS_SUPER_PINNED)) {
		*found = dentry_find(dir, walk->name, walk->len, walk->hash);
		return *found ? 0 : -ENOENT;
	}
	return walk->is_locked ? find_dynamic(dir, walk, found) : WALK_SLOW;
}

/** Text of the link @dentry for the walk: in memory, or asked of the file system. */
static err_t read_link(struct fs_walk *walk, struct vnode *vnode, const char **text)
{
	if (!vnode->ops->readlink)
		return -EINVAL;
	struct link_buf *buf = kmalloc(sizeof(*buf));
	if (!buf)
		return -ENOMEM;
	buf->next = walk->bufs;
	walk->bufs = buf;
	int64_t len = vnode->ops->readlink(vnode, buf->text, LINK_SIZE);
	if (len < 0)
		return (err_t)len;
	buf->text[len] = '\0';
	*text = buf->text;
	return 0;
}

/** Go to where the link @dentry leads: *@text is walked on from *@at; NULL: *@at is it already. */
static int enter_link(struct fs_walk *walk, struct vnode *vnode, struct fs_dentry **at,
		      const char **text)
{
	*text = vnode->link;
	if (!*text) {
		if (!walk->is_locked)
			return WALK_SLOW;
		if (vnode->ops->follow)
			return jump(walk, vnode, at);
		err_t err = read_link(walk, vnode, text);
		if (err)
			return err;
	}
	err_t err = **text == '/' ? jump_to_root(walk, at) : 0;
	return err || **text ? err : -ENOENT;
}

/** Take the next name off @p; returns what follows it, behind its slashes. */
static inline const char *take_name(struct fs_walk *walk, const char *p)
{
	uint64_t hash = dentry_seed;
	uint8_t c = (uint8_t)*p;
	walk->name = p;
	do {
		hash = name_hash_step(hash, c);
		c = (uint8_t)*++p;
	} while (likely(c > '/') || (c && c != '/'));
	walk->len = (uint32_t)(p - walk->name);
	walk->hash = hash; // without the directory
	walk->has_slash = c;
	while (c == '/')
		c = (uint8_t)*++p;
	return p;
}

static enum walk_last kind_of_name(const struct fs_walk *walk)
{
	if (likely(walk->name[0] != '.' || walk->len > 2))
		return LAST_NAME;
	if (walk->len == 1)
		return LAST_DOT;
	return walk->name[1] == '.' ? LAST_DOTDOT : LAST_NAME;
}

static int finish(struct fs_walk *walk, struct fs_dentry *dentry, bool must_be_dir)
{
	walk->dentry = dentry;
	if (unlikely(must_be_dir && !vnode_is_dir(dentry->vnode)))
		return walk->flags & WALK_NAME ? 0 : -ENOTDIR;
	return 0;
}

/** The walk proper. Long, because it is the one loop that all of it goes through. */
static int run(struct fs_walk *walk, struct fs_dentry *dentry)
{
	const char *rest[FS_LINKS_MAX], *p = walk->at->path, *text;
	unsigned depth = 0, links = 0, flags = walk->flags;
	bool must_be_dir = flags & FS_DIRECTORY;
	walk->last = LAST_ROOT;
	if (unlikely(!*p))
		return flags & FS_EMPTY_PATH ? finish(walk, dentry, must_be_dir) : -ENOENT;
	while (*p == '/')
		p++;
	for (;;) {
		if (!*p) {
			if (!depth)
				return finish(walk, dentry, must_be_dir);
			p = rest[--depth];
		}
		int err = check_search(walk, dentry->vnode);
		if (unlikely(err))
			return err;
		p = take_name(walk, p);
		bool is_last = !*p && !depth;
		must_be_dir |= is_last && walk->has_slash;
		if (unlikely(walk->len > FS_NAME_MAX))
			return -ENAMETOOLONG;
		walk->last = kind_of_name(walk);
		if (unlikely(walk->last != LAST_NAME)) {
			if (walk->last == LAST_DOTDOT)
				err = step_up_within(walk, &dentry);
			if (err)
				return err;
			continue;
		}
		walk->hash = dentry_hash(dentry, walk->hash);
		walk->parent = dentry;
		struct fs_dentry *child;
		err = find_child(walk, dentry, &child);
		if (unlikely(err)) {
			walk->dentry = NULL;
			bool is_fine = err == -ENOENT && is_last &&
				       (flags & (WALK_MISSING | WALK_NAME));
			return is_fine ? 0 : err;
		}
		struct vnode *vnode = child->vnode;
		if (is_last && (flags & WALK_NAME))
			return finish(walk, child, must_be_dir);
		if (unlikely(vnode_type(vnode) == FS_IFLNK) &&
		    (!is_last || !(flags & FS_NOFOLLOW) || must_be_dir)) {
			if (++links > FS_LINKS_MAX || (flags & FS_NO_SYMLINKS))
				return -ELOOP;
			err = enter_link(walk, vnode, &dentry, &text);
			if (unlikely(err))
				return err;
			if (!text)
				continue; // a magic link: go on with p
			if (*p)
				rest[depth++] = p;
			for (p = text; *p == '/'; p++)
				;
			continue;
		}
		while (unlikely((dentry = load_acquire(&child->mounted)) != NULL)) {
			if (flags & FS_NO_XDEV)
				return -EXDEV;
			child = dentry;
		}
		dentry = child;
	}
}

static inline void walk_begin(struct fs_walk *walk, const struct fs_at *at, unsigned flags,
			      bool is_locked)
{
	walk->at = at;
	walk->flags = flags | at->resolve;
	walk->is_locked = is_locked;
	walk->dentry = walk->parent = walk->start = walk->held = NULL;
	walk->bufs = NULL;
	walk->has_slash = false;
}

static always_inline int go_fast(struct fs_walk *walk, const struct fs_at *at, unsigned flags)
{
	struct fs_dentry *start;
	uint32_t seq = load_acquire(&names_seq);
	if (unlikely(seq & 1))
		return WALK_SLOW;
	walk_begin(walk, at, flags, false);
	int err = find_start(walk, &start);
	if (likely(!err)) {
		walk->base = start;
		err = run(walk, start);
	}
	atomic_thread_fence(memory_order_acquire);
	return likely(load_relaxed(&names_seq) == seq) ? err : WALK_SLOW;
}

int walk_fast(struct fs_walk *walk, const struct fs_at *at, unsigned flags)
{
	return go_fast(walk, at, flags);
}

err_t walk_locked(struct fs_walk *walk, const struct fs_at *at, unsigned flags)
{
	struct fs_dentry *start;
	assert(names_is_locked());
	walk_begin(walk, at, flags, true);
	err_t err = find_start(walk, &start);
	if (err)
		return err;
	walk->base = start;
	// A directory that is in no tree any more could go while this walk sleeps.
	if (!(start->flags & DENTRY_DYNAMIC) && !dentry_try_get(start))
		return -ENOENT;
	if (start->flags & DENTRY_DYNAMIC)
		fs_dentry_get(start);
	walk->start = start;
	return run(walk, start);
}

void walk_end(struct fs_walk *walk)
{
	while (walk->bufs) {
		struct link_buf *buf = walk->bufs;
		walk->bufs = buf->next;
		kfree(buf);
	}
	fs_dentry_put(walk->held);
	fs_dentry_put(walk->start);
}

static no_inline err_t walk_to_slow(const struct fs_at *at, unsigned flags, struct fs_dentry **dentry)
{
	struct fs_walk walk;
	names_lock();
	err_t err = walk_locked(&walk, at, flags);
	if (!err) {
		*dentry = walk.dentry;
		fs_dentry_get(walk.dentry);
	}
	walk_end(&walk);
	names_unlock();
	return err;
}

err_t walk_to(const struct fs_at *at, unsigned flags, struct fs_dentry **dentry)
{
	struct fs_walk walk;
	int err = go_fast(&walk, at, flags);
	if (unlikely(err))
		return err < 0 ? err : walk_to_slow(at, flags, dentry);
	*dentry = walk.dentry;
	if (likely(!(walk.dentry->flags & DENTRY_DYNAMIC) && dentry_try_get(walk.dentry)))
		return 0;
	return walk_to_slow(at, flags, dentry);
}
