// SPDX-License-Identifier: MIT
// Inside fs: names, walks, and what its files call in one another.
//
// Locks, outermost first: the lock of names (one mutex: every change of the tree of names, and walks that
// meet something not in memory); vnode->lock; mm's. User memory is never touched under the lock of
// names: a fault takes mm's locks, and mm asks for paths under them.
#pragma once

#include <fs/vnode.h>
#include <hal/atomic.h>
#include <hal/cpu.h>
#include <kernel/assert.h>
#include <kernel/time.h>
#include <lib/string.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <sched/thread.h>
#include <uapi/errno.h>

#define FS_LINKS_MAX 40

enum { MAY_READ = 4, MAY_WRITE = 2, MAY_EXEC = 1 };

static inline uint32_t vnode_type(const struct vnode *vnode)
{
	return vnode->mode & FS_IFMT;
}
static inline bool vnode_is_dir(const struct vnode *vnode)
{
	return vnode_type(vnode) == FS_IFDIR;
}

/** io_vec_put() and io_vec_take() of at most @io->left bytes, short for what lies in one piece of user
 *  memory, as nearly all does. */
static inline size_t put_bytes(struct io_vec *io, const void *from, size_t len)
{
	const struct io_piece *piece = io->pieces;
	if (unlikely(io->is_kernel || piece->len - io->offset < len))
		return io_vec_put(io, from, len);
	size_t n = mm_copy_out_partial(piece->base + io->offset, from, len);
	io->offset += n;
	io->left -= n;
	return n;
}
static inline size_t take_bytes(struct io_vec *io, void *to, size_t len)
{
	const struct io_piece *piece = io->pieces;
	if (unlikely(io->is_kernel || piece->len - io->offset < len))
		return io_vec_take(io, to, len);
	size_t n = mm_copy_in_partial(to, piece->base + io->offset, len);
	io->offset += n;
	io->left -= n;
	return n;
}

// Dentries: dentry.c.

/** Text of a name; replaced as a whole by a rename and freed after a grace period. */
struct fs_name {
	struct quiesce quiesce;
	uint32_t len;
	char text[];
};

enum dentry_flags {
	DENTRY_HASHED = 1, // in its parent's directory; (n)
	DENTRY_DYNAMIC = 2, // not pinned: leaves the tree when nobody refers to it
	DENTRY_KEPT = 4, // but not yet: its `unused` is on the list of kept ones
};

/** A name in a directory, or the root of a mount. n = lock of names; walks read the atomic fields, hash
 *  and vnode without it. Being in a pinned directory is one reference, so is each child. A dentry that is
 *  not dynamic is dead once its count is 0. */
struct fs_dentry {
	struct fs_dentry *_Atomic next; // hash chain (n)
	uint64_t hash; // (n)
	struct fs_dentry *_Atomic parent; // holds a reference; NULL = root of a file system (n)
	struct fs_name *_Atomic name; // (n)
	struct vnode *vnode; // holds a reference
	struct fs_dentry *_Atomic mounted; // root of what is mounted here (n)
	struct fs_dentry *_Atomic covers; // of a root: where it is mounted (n)
	_Atomic uint32_t refs;
	uint32_t flags;
	struct list children, sibling; // in order of cookies (n)
	int64_t cookie, next_cookie; // position in the directory; of the next child (n)
	union {
		struct list unused; // dynamic and without references (n)
		struct quiesce quiesce; // dead
	};
	struct fs_name own_name;
};

/** Bumped to odd before and to even after a dentry changes its place or a mount appears. */
extern _Atomic uint32_t names_seq;
void dentry_init(void);
void names_lock(void);
/** Dynamic names that nobody took meanwhile go. */
void names_unlock(void);
bool names_is_locked(void);
void names_seq_begin(void);
void names_seq_end(void);

extern uint64_t dentry_seed;
#define DENTRY_HASH_MUL 0x9e3779b97f4a7c15ull
/** Of one more byte, starting with dentry_seed. */
static inline uint64_t name_hash_step(uint64_t hash, uint8_t c)
{
	return (hash + c) * DENTRY_HASH_MUL;
}
uint64_t name_hash(const char *name, size_t len);
static inline uint64_t dentry_hash(const struct fs_dentry *dir, uint64_t name_hash)
{
	return name_hash ^ ((uintptr_t)dir >> 4) * DENTRY_HASH_MUL;
}
#define DENTRY_HASH_BITS 12
extern struct fs_dentry *_Atomic dentry_table[1u << DENTRY_HASH_BITS];
static inline struct fs_dentry *_Atomic *dentry_bucket(uint64_t hash)
{
	return &dentry_table[hash * DENTRY_HASH_MUL >> (64 - DENTRY_HASH_BITS)];
}

/** Whether the @size bytes at @a and @b are the same; @size is a constant. */
#define is_same_bytes(a, b, type)                                                                  \
	({                                                                                         \
		type a_, b_;                                                                       \
		__builtin_memcpy(&a_, (a), sizeof(type));                                                 \
		__builtin_memcpy(&b_, (b), sizeof(type));                                                 \
		a_ == b_;                                                                          \
	})
/** By words, where these need no alignment; the last one may overlap the one before. */
static inline bool is_same_text(const char *a, const char *b, size_t len)
{
	if (!HAL_CPU_UNALIGNED) {
		const char *end = a + len;
		while (a != end && *a == *b)
			a++, b++;
		return a == end;
	}
	if (len >= 8) {
		size_t last = len - 8;
		for (size_t i = 0; i < last; i += 8) {
			if (!is_same_bytes(a + i, b + i, uint64_t))
				return false;
		}
		return is_same_bytes(a + last, b + last, uint64_t);
	}
	if (len >= 4)
		return is_same_bytes(a, b, uint32_t) &&
		       is_same_bytes(a + len - 4, b + len - 4, uint32_t);
	while (len && a[len - 1] == b[len - 1])
		len--;
	return !len;
}

/** No lock; valid until the next sleep. @hash: dentry_hash(). */
static inline struct fs_dentry *dentry_find(struct fs_dentry *dir, const char *name, size_t len,
					    uint64_t hash)
{
	struct fs_dentry *dentry = load_acquire(dentry_bucket(hash));
	for (; dentry; dentry = load_acquire(&dentry->next)) {
		if (dentry->hash != hash || load_relaxed(&dentry->parent) != dir)
			continue;
		const struct fs_name *own = load_acquire(&dentry->name);
		if (likely(own->len == len && is_same_text(own->text, name, len)))
			return dentry;
	}
	return NULL;
}
/** Not in the tree yet, refs 1; takes over the reference of @vnode. NULL = no memory. @dir gets one. */
must_check struct fs_dentry *dentry_create(struct fs_dentry *dir, const char *name, size_t len,
					   struct vnode *vnode);
/** Take a reference without the lock; false: it is dying. */
static inline bool dentry_try_get(struct fs_dentry *dentry)
{
	uint32_t refs = load_relaxed(&dentry->refs);
	while (likely(refs)) {
		if (likely(cas_acquire(&dentry->refs, &refs, refs + 1)))
			return true;
	}
	return false;
}
// The lock of names is held:
void dentry_attach(struct fs_dentry *dentry); // into its parent's directory
void dentry_detach(struct fs_dentry *dentry); // out of it: drops the pin
/** A dentry of @dir's that a lookup made: stays while somebody refers to it. */
void dentry_note_unused(struct fs_dentry *dentry);
/** Pages of files of the file systems whose names are kept. */
extern _Atomic uint64_t kept_pages;
/** @super is not mounted any more: what is kept of its names goes when the lock is released. */
void dentry_drop_kept(const struct fs_super *super);
/** Change place and name; @name was made by name_create(). Inside names_seq_begin/end. */
void dentry_move(struct fs_dentry *dentry, struct fs_dentry *dir, struct fs_name *name);
must_check struct fs_name *name_create(const char *text, size_t len);
int64_t dentry_path_locked(struct fs_dentry *dentry, struct fs_dentry *root, char *buf, size_t size);

// Walks: path.c.

enum walk_flags { // beside fs_walk_flags
	WALK_MISSING = 1 << 8, // the last name need not exist
	WALK_NAME = 1 << 9, // the last name itself: no link followed, no mount entered (implies MISSING)
};
enum walk_last { LAST_NAME, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

struct fs_walk {
	const struct fs_at *at;
	unsigned flags;
	bool is_locked; // the lock of names is held
	// What was found:
	struct fs_dentry *dentry; // NULL: missing
	struct fs_dentry *parent; // of the last name, and the name as it stands in the path
	const char *name;
	uint32_t len;
	enum walk_last last;
	bool has_slash; // behind the last name
	uint64_t hash; // dentry_hash() of the last name
	struct fs_dentry *base; // where it began
	struct fs_dentry *start, *held; // references of the walk itself
	struct link_buf *bufs;
};
#define WALK_SLOW 1
/** Without a lock: 0, an error, or WALK_SLOW: take the lock and use walk_locked(). What is found is
 *  valid until the next sleep. */
int walk_fast(struct fs_walk *walk, const struct fs_at *at, unsigned flags);
/** With the lock of names; walk_end() before it is released. */
must_check err_t walk_locked(struct fs_walk *walk, const struct fs_at *at, unsigned flags);
void walk_end(struct fs_walk *walk);
/** Either: the dentry with a reference. */
must_check err_t walk_to(const struct fs_at *at, unsigned flags, struct fs_dentry **dentry);

/** The root that all others are mounted on. */
extern struct fs_dentry *fs_root;
/** No reference: until the next sleep. */
static inline struct fs_dentry *fs_current_root(void)
{
	struct fs_context *context = current_thread()->fs.context;
	return likely(context) ? load_acquire(&context->root) : fs_root;
}
struct fs_dentry *fs_current_cwd(void);
/** RLIMIT_FSIZE. */
static inline uint64_t fs_size_limit(void)
{
	struct fs_context *context = current_thread()->fs.context;
	return context ? load_relaxed(&context->size_limit) : UINT64_MAX;
}

// names.c: all with the lock of names held.
/** May names in @dir be made and removed? -ENOENT when it was itself removed. */
must_check err_t names_check_dir(struct fs_dentry *dir);
must_check err_t names_check_sticky(const struct vnode *dir, const struct vnode *vnode);
void names_touch(struct vnode *dir); // its times
/** Make @name in @dir, permission asked, umask and inheritance applied. It does not exist yet. */
must_check err_t names_create(struct fs_dentry *dir, const char *name, size_t len, uint32_t mode,
			      uint64_t rdev);
/** Only the vnode. */
must_check err_t names_make_vnode(struct fs_dentry *dir, const char *name, size_t len, uint32_t mode,
				  uint64_t rdev, struct vnode **vnode);
/** A socket at a path that must not exist, @published there (or NULL): its vnode with a reference. Takes
 *  the lock. */
must_check err_t names_make_socket(const struct fs_at *at, uint32_t mode, struct grant *published,
				   struct vnode **vnode);
/** Walk to a name that must not exist. walk_end() in any case. */
must_check err_t names_walk_new(struct fs_walk *walk, const struct fs_at *at, bool is_dir);
/** Remove the name @dentry, to which the caller has a reference. */
must_check err_t names_drop(struct fs_dentry *dentry);
/** A name in @dir for what @vnode is; takes over its reference. */
must_check err_t dir_add(struct fs_dentry *dir, const char *name, size_t len, struct vnode *vnode);

// vnode.c
/** vnode_permission() when no function of the file system is asked. */
must_check err_t vnode_mode_permission(const struct vnode *vnode, unsigned mode);
must_check err_t vnode_cred_permission(const struct vnode *vnode, const struct cred *cred,
				       unsigned mode);
static inline bool vnode_may_search(const struct vnode *dir)
{
	return (dir->mode & 0111) == 0111 || vnode_mode_permission(dir, MAY_EXEC) == 0;
}
bool vnode_is_owner(const struct vnode *vnode); // or has CAP_FOWNER
err_t vnode_resize(struct vnode *vnode, uint64_t size);
/** Someone wrote data: times, set-user-id bits. Locked for writing. */
void vnode_written(struct vnode *vnode);

/** mm_object_ops.describe of its mappings. Takes the lock of names. */
void vnode_describe(struct vnode *vnode, char *buf, size_t len, uint64_t *inode);

// mount.c
void mount_init(void);
bool mount_is_read_only(const struct vnode *vnode);
/** ... or nodev: device nodes of it are not opened. */
bool mount_has_no_devices(const struct vnode *vnode);
uint64_t mount_flags(const struct fs_super *super);

// ninep_vnode.c
void ninep_init(void);

// tmpfs.c, devtmpfs.c
extern const struct fs_type tmpfs_type;
void tmpfs_init(void);
void devtmpfs_init(void);
must_check err_t tmpfs_super_create(const char *options, const struct fs_type *type,
				    struct fs_super **super);
// open.c
/** Open what is named by @dentry, whose reference the file takes over, or is dropped. @is_new: made by
 *  this call, so its permissions are not asked. */
must_check err_t open_dentry(struct fs_dentry *dentry, uint32_t flags, bool is_new, struct file **file);

// inotify.c: nothing is done where nothing is watched. Callers have references to the vnodes.
extern _Atomic uint32_t inotify_watch_count;
void inotify_init(void);
void inotify_tell_slow(struct vnode *vnode, uint32_t mask, uint32_t cookie, const char *name, size_t len);
void inotify_tell_dentry(struct fs_dentry *dentry, uint32_t mask);
void inotify_tell_rename(struct vnode *from_dir, const struct fs_name *from, struct vnode *to_dir,
			 const struct fs_name *to, struct vnode *moved);
static inline bool inotify_is_used(void)
{
	return unlikely(load_relaxed(&inotify_watch_count) != 0);
}
/** Something happened to an open file of a file system. */
static inline void inotify_tell_file(struct file *file, uint32_t mask)
{
	if (inotify_is_used() && file->dentry)
		inotify_tell_dentry(file->dentry, mask);
}

// memfd.c
void memfd_init(void);

// dir.c
must_check err_t dir_open(struct vnode *vnode, uint32_t flags, struct file **file);

// fifo.c, unix.c, anon.c
void pipe_init(void);
must_check err_t fifo_open(struct vnode *vnode, uint32_t flags, struct file **file);
uint64_t pipe_ino(struct file *file); // 0: not a pipe without a name
void unix_init(void);
uint64_t socket_ino(struct file *file); // 0: not a socket
uint64_t anon_ino(void); // numbers for files without a file system
/** "pipe:[7]", "anon_inode:[eventfd]"; false: does not fit. */
bool anon_describe(struct file *file, char *buf, size_t size);

// flock.c
void flock_init(void);
void flock_release(struct file *file); // what it holds, if anything

// record_lock.c
void record_init(void);
void record_release(struct file *file); // OFD locks

// epoll.c
void epoll_init(void);
void epoll_forget(struct file *file); // it ends: no epoll watches it any more

// chrdev.c
must_check err_t chrdev_open(struct vnode *vnode, uint32_t flags, struct file **file);
