// SPDX-License-Identifier: MIT
// The tree of names.
//
// Readers find a child by a hash of directory and name, without a lock or a count: chains are followed
// by acquire loads, and what leaves a chain keeps its own link and its memory for a grace period. A
// dentry that changes its place could lead a reader into another chain or show it an old name in a new
// directory, so renames and mounts bump names_seq and readers that see it change walk again under the
// lock.
//
// Life. Names of pinned file systems are the file system: being in the tree is a reference. Dynamic
// ones (/proc) only cache a lookup: they are found under the lock only, and one whose count falls to 0
// waits on the list `unused` until the lock is released, so a walk under the lock needs no references. Where
// asking again is slow (9P), the latest of them stay on the list `kept` instead, while their pages are few.
#include <kernel/random.h>
#include <mm/frame.h>

#include "private.h"

#define DELETED " (deleted)"
#define KEPT_MAX 1024u
#define KEPT_PAGES_SHARE 8 // of memory: names are kept while the pages that they keep are fewer

struct fs_dentry *_Atomic dentry_table[1u << DENTRY_HASH_BITS];
static struct sched_mutex names;
static struct list unused; // (n)
static struct list kept; // no references, or taken again meanwhile; the oldest first (n)
static unsigned kept_count; // (n)
_Atomic uint64_t kept_pages;
_Atomic uint32_t names_seq;
uint64_t dentry_seed;

void dentry_init(void)
{
	sched_mutex_init(&names);
	list_init(&unused);
	list_init(&kept);
	random_bytes(&dentry_seed, sizeof(dentry_seed));
}

uint64_t name_hash(const char *name, size_t len)
{
	uint64_t hash = dentry_seed;
	for (size_t i = 0; i < len; i++)
		hash = name_hash_step(hash, (uint8_t)name[i]);
	return hash;
}

struct fs_dentry *dentry_create(struct fs_dentry *dir, const char *name, size_t len,
				struct vnode *vnode)
{
	struct fs_dentry *dentry = kzalloc(sizeof(*dentry) + len + 1);
	if (!dentry)
		return NULL;
	atomic_init(&dentry->parent, dir);
	if (dir)
		fetch_add_relaxed(&dir->refs, 1);
	dentry->own_name.len = (uint32_t)len;
	memcpy(dentry->own_name.text, name, len);
	atomic_init(&dentry->name, &dentry->own_name);
	dentry->vnode = vnode;
	atomic_init(&dentry->refs, 1);
	dentry->flags = vnode->super->flags & FS_SUPER_PINNED ? 0 : DENTRY_DYNAMIC;
	list_init(&dentry->children);
	list_init(&dentry->sibling);
	list_init(&dentry->unused);
	dentry->next_cookie = 2; // 0 and 1 are . and ..
	if (dir)
		dentry->hash = dentry_hash(dir, name_hash(name, len));
	return dentry;
}

struct fs_dentry *fs_dentry_create_unnamed(struct vnode *vnode)
{
	return dentry_create(NULL, "", 0, vnode);
}

struct vnode *fs_dentry_vnode(struct fs_dentry *dentry)
{
	return dentry->vnode;
}

static void hash_insert(struct fs_dentry *dentry)
{
	struct fs_dentry *_Atomic *head = dentry_bucket(dentry->hash);
	store_relaxed(&dentry->next, load_relaxed(head));
	store_release(head, dentry);
}

static void hash_remove(struct fs_dentry *dentry)
{
	struct fs_dentry *_Atomic *link = dentry_bucket(dentry->hash);
	while (load_relaxed(link) != dentry)
		link = &load_relaxed(link)->next;
	// The dentry keeps its own link: a reader that stands on it goes on.
	store_release(link, load_relaxed(&dentry->next));
}

static void insert(struct fs_dentry *dentry, struct fs_dentry *dir)
{
	dentry->cookie = dir->next_cookie++;
	list_push_back(&dir->children, &dentry->sibling);
	hash_insert(dentry);
}

void dentry_attach(struct fs_dentry *dentry)
{
	assert(names_is_locked());
	dentry->flags |= DENTRY_HASHED;
	if (!(dentry->flags & DENTRY_DYNAMIC))
		fetch_add_relaxed(&dentry->refs, 1);
	dentry->vnode->name = dentry;
	insert(dentry, load_relaxed(&dentry->parent));
}

void dentry_detach(struct fs_dentry *dentry)
{
	assert(names_is_locked());
	if (!(dentry->flags & DENTRY_HASHED))
		return;
	dentry->flags &= ~(uint32_t)DENTRY_HASHED;
	hash_remove(dentry);
	list_remove(&dentry->sibling);
	if (dentry->vnode->name == dentry)
		dentry->vnode->name = NULL;
	if (!(dentry->flags & DENTRY_DYNAMIC))
		fs_dentry_put(dentry);
	else if (!load_relaxed(&dentry->refs))
		dentry_note_unused(dentry);
}

static void free_name(struct quiesce *head)
{
	kfree(container_of(head, struct fs_name, quiesce));
}

void dentry_move(struct fs_dentry *dentry, struct fs_dentry *dir, struct fs_name *name)
{
	struct fs_dentry *old_dir = load_relaxed(&dentry->parent);
	struct fs_name *old_name = load_relaxed(&dentry->name);
	hash_remove(dentry);
	list_remove(&dentry->sibling);
	fetch_add_relaxed(&dir->refs, 1);
	store_release(&dentry->parent, dir);
	store_release(&dentry->name, name);
	dentry->hash = dentry_hash(dir, name_hash(name->text, name->len));
	insert(dentry, dir);
	fs_dentry_put(old_dir);
	if (old_name != &dentry->own_name)
		quiesce_defer(&old_name->quiesce, free_name);
}

struct fs_name *name_create(const char *text, size_t len)
{
	struct fs_name *name = kzalloc(sizeof(*name) + len + 1);
	if (!name)
		return NULL;
	name->len = (uint32_t)len;
	memcpy(name->text, text, len);
	return name;
}

static void free_dentry(struct quiesce *head)
{
	struct fs_dentry *dentry = container_of(head, struct fs_dentry, quiesce);
	if (load_relaxed(&dentry->name) != &dentry->own_name)
		kfree(load_relaxed(&dentry->name));
	kfree(dentry);
}

/** Nobody refers to @dentry and it is not in the tree: returns its parent, whose reference the caller
 *  drops. */
static struct fs_dentry *destroy(struct fs_dentry *dentry)
{
	struct fs_dentry *parent = load_relaxed(&dentry->parent);
	vnode_put(dentry->vnode);
	quiesce_defer(&dentry->quiesce, free_dentry);
	return parent;
}

void fs_dentry_get(struct fs_dentry *dentry)
{
	fetch_add_relaxed(&dentry->refs, 1);
}

static void leave_kept(struct fs_dentry *dentry)
{
	dentry->flags &= ~(uint32_t)DENTRY_KEPT;
	list_remove(&dentry->unused);
	kept_count--;
}

void dentry_note_unused(struct fs_dentry *dentry)
{
	if (dentry->flags & DENTRY_KEPT)
		leave_kept(dentry);
	if (!list_is_linked(&dentry->unused))
		list_push_back(&unused, &dentry->unused);
}

void dentry_drop_kept(const struct fs_super *super)
{
	struct fs_dentry *dentry, *next;
	list_for_each_entry_safe(dentry, next, &kept, unused) {
		if (dentry->vnode->super == super)
			dentry_note_unused(dentry);
	}
}

static void put_dynamic(struct fs_dentry *dentry)
{
	uint32_t refs = load_relaxed(&dentry->refs);
	while (refs > 1) {
		if (cas_acq_rel(&dentry->refs, &refs, refs - 1))
			return;
	}
	bool is_locked = names_is_locked();
	if (!is_locked)
		names_lock();
	if (fetch_sub_acq_rel(&dentry->refs, 1) == 1)
		dentry_note_unused(dentry);
	if (!is_locked)
		names_unlock();
}

void fs_dentry_put(struct fs_dentry *dentry)
{
	while (dentry) {
		if (unlikely(dentry->flags & DENTRY_DYNAMIC)) {
			put_dynamic(dentry);
			return;
		}
		if (likely(fetch_sub_acq_rel(&dentry->refs, 1) != 1))
			return;
		dentry = destroy(dentry);
	}
}

void names_lock(void)
{
	sched_mutex_lock(&names);
}

static bool are_pages_few(void)
{
	struct frame_stats stats;
	frame_get_stats(&stats);
	return load_relaxed(&kept_pages) < stats.total / KEPT_PAGES_SHARE;
}

static bool is_worth_keeping(const struct fs_dentry *dentry)
{
	const struct fs_super *super = dentry->vnode->super;
	return dentry->flags & DENTRY_HASHED && super->flags & FS_SUPER_KEEPS_NAMES && load_relaxed(&super->mounts);
}

static void keep(struct fs_dentry *dentry)
{
	dentry->flags |= DENTRY_KEPT;
	list_push_back(&kept, &dentry->unused);
	kept_count++;
}

/** Kept names beyond @max become unused again. */
static void trim_kept(unsigned max)
{
	while (kept_count > max) {
		struct fs_dentry *dentry = list_first_entry(&kept, struct fs_dentry, unused);
		leave_kept(dentry);
		if (!load_relaxed(&dentry->refs))
			dentry_detach(dentry);
	}
}

void fs_drop_kept(void)
{
	names_lock();
	trim_kept(0);
	names_unlock();
}

/** Dynamic names that nobody refers to leave the tree, onto @gone, or are kept. */
static void reap_locked(struct list *gone)
{
	struct fs_dentry *dentry;
	while ((dentry = list_pop_front_entry(&unused, struct fs_dentry, unused))) {
		if (load_relaxed(&dentry->refs))
			continue; // somebody took it after all
		if (is_worth_keeping(dentry)) {
			keep(dentry);
			trim_kept(are_pages_few() ? KEPT_MAX : 0);
		} else if (dentry->flags & DENTRY_HASHED) {
			dentry_detach(dentry); // it comes here again
		} else {
			list_push_back(gone, &dentry->unused);
			fs_dentry_put(load_relaxed(&dentry->parent)); // may be the next
		}
	}
}

void names_unlock(void)
{
	struct list gone;
	struct fs_dentry *dentry;
	if (likely(list_is_empty(&unused))) {
		sched_mutex_unlock(&names);
		return;
	}
	list_init(&gone);
	reap_locked(&gone);
	sched_mutex_unlock(&names);
	// Without the lock: what a vnode holds, a pipe perhaps, has locks of its own.
	while ((dentry = list_pop_front_entry(&gone, struct fs_dentry, unused)))
		(void)destroy(dentry);
}

bool names_is_locked(void)
{
	return sched_mutex_is_held(&names);
}

void names_seq_begin(void)
{
	store_relaxed(&names_seq, load_relaxed(&names_seq) + 1);
	atomic_thread_fence(memory_order_release); // odd before any change
}

void names_seq_end(void)
{
	store_release(&names_seq, load_relaxed(&names_seq) + 1);
}

/** Put @len bytes in front of what @buf holds from *@pos on. */
static bool prepend(char *buf, size_t *pos, const char *text, size_t len)
{
	if (*pos < len)
		return false;
	*pos -= len;
	memcpy(buf + *pos, text, len);
	return true;
}

int64_t dentry_path_locked(struct fs_dentry *dentry, struct fs_dentry *root, char *buf, size_t size)
{
	size_t pos = size;
	bool fits = prepend(buf, &pos, "", 1);
	struct fs_dentry *parent = load_relaxed(&dentry->parent);
	if (parent && !(dentry->flags & DENTRY_HASHED))
		fits = fits && prepend(buf, &pos, DELETED, sizeof(DELETED) - 1);
	size_t end = pos;
	while (fits && dentry != root) {
		struct fs_dentry *covered = load_relaxed(&dentry->covers);
		if (covered) {
			dentry = covered;
			continue;
		}
		parent = load_relaxed(&dentry->parent);
		if (!parent)
			break; // out of reach of @root, or the root of all
		const struct fs_name *name = load_relaxed(&dentry->name);
		fits = prepend(buf, &pos, name->text, name->len) && prepend(buf, &pos, "/", 1);
		dentry = parent;
	}
	if (fits && pos == end)
		fits = prepend(buf, &pos, "/", 1);
	if (!fits)
		return -ERANGE;
	memmove(buf, buf + pos, size - pos);
	return (int64_t)(size - pos);
}

int64_t fs_dentry_path(struct fs_dentry *dentry, char *buf, size_t size)
{
	bool is_locked = names_is_locked();
	if (!is_locked)
		names_lock();
	int64_t len = dentry_path_locked(dentry, fs_current_root(), buf, size);
	if (!is_locked)
		names_unlock();
	return len;
}
