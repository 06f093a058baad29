// SPDX-License-Identifier: MIT
// Vnodes and file systems: what tmpfs, proc, and device files implement.
#pragma once

#include <fs/fs.h>
#include <kernel/quiesce.h>
#include <lib/list.h>
#include <sched/rwlock.h>

struct fs_mount;
struct mm_object;

/** S_IFMT bits of modes. */
enum { FS_IFMT = 0170000, FS_IFSOCK = 0140000, FS_IFLNK = 0120000, FS_IFREG = 0100000, FS_IFBLK = 0060000,
       FS_IFDIR = 0040000, FS_IFCHR = 0020000, FS_IFIFO = 0010000, FS_ISUID = 04000, FS_ISGID = 02000,
       FS_ISVTX = 01000 };

/** A file, whatever its names. Counted. Path walks look at it without a reference until they sleep.
 *  n = lock of names, l = lock; single fields are read without either. */
struct vnode {
	const struct vnode_ops *ops;
	struct fs_super *super;
	uint32_t mode; // type (for ever) and permissions (l)
	uint32_t uid, gid; // (l)
	_Atomic uint32_t refs;
	const char *link; // symbolic link that lives in memory: its target, for ever; else NULL
	uint32_t nlink; // (n)
	uint64_t ino, rdev;
	uint64_t size, blocks; // blocks of 512 bytes (l)
	nsec_t atime, mtime, ctime, btime; // since 1970 (l; of directories: n)
	struct sched_rwlock lock; // data and attributes
	struct fs_dentry *name; // one of its names, without a reference; NULL = none (n)
	void *fifo; // pipe.c's, of a FIFO
	struct grant *_Atomic published; // what opening it gives (publish.c); holds a reference
	void *data; // the file system's own
	struct quiesce quiesce;
};

/** NULL entries answer with Linux's error (-EPERM, -ENOTDIR, -EINVAL). Those on directories, follow,
 *  is_stale, getattr, readlink while a path is walked, and permission mostly, are called with the lock
 *  of names held: one at a time. They may sleep, but not copy from or to user memory, and not ask for
 *  paths (readlink of a vnode that has follow is called without the lock and may). */
struct vnode_ops {
	/** The vnode of @name with a reference; -ENOENT. Not asked where names are pinned. */
	err_t (*lookup)(struct vnode *dir, const char *name, size_t len, struct vnode **vnode);
	err_t (*create)(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
			struct vnode **vnode); // regular, directory, fifo, device, socket
	err_t (*symlink)(struct vnode *dir, const char *name, size_t len, const char *target,
			 struct vnode **vnode);
	/** Only asked where names are not pinned. */
	err_t (*link)(struct vnode *dir, const char *name, size_t len, struct vnode *vnode);
	err_t (*unlink)(struct vnode *dir, const char *name, size_t len, struct vnode *vnode);
	err_t (*rename)(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
			const char *to, size_t to_len, struct vnode *vnode, struct vnode *replaced);
	int64_t (*readlink)(struct vnode *vnode, char *buf, size_t size);
	/** /proc's magic links: the file that following the link leads to, with a reference. */
	err_t (*follow)(struct vnode *vnode, struct fs_dentry **dentry);
	/** Make an open file (file_create()). fs sets its flags, vnode and dentry afterwards and drops
	 *  them when it goes: file_ops.release must not. Devices, FIFOs: NULL, fs opens them. */
	err_t (*open)(struct vnode *vnode, uint32_t open_flags, struct file **file);
	/** Change what the common fields say. Must not sleep. NULL: nothing to change. */
	void (*getattr)(struct vnode *vnode, struct fs_stat *stat);
	/** Permission was checked. NULL: -EPERM. vnode_setattr() is the common one. */
	err_t (*setattr)(struct vnode *vnode, const struct fs_setattr *attr);
	/** Regular files. vnode->lock held for writing. NULL: -EINVAL, and O_TRUNC does nothing. */
	err_t (*resize)(struct vnode *vnode, uint64_t size);
	err_t (*fallocate)(struct vnode *vnode, unsigned mode, uint64_t offset, uint64_t len);
	/** May the current thread open it at all (/proc/PID/...)? NULL: mode bits decide. */
	err_t (*permission)(struct vnode *vnode, unsigned mode);
	/** What the name stood for is gone: look it up again. NULL: never. */
	bool (*is_stale)(struct vnode *vnode);
	/** The last reference is gone: give back at once what is large. NULL: nothing is. */
	void (*evict)(struct vnode *vnode);
	/** A grace period later: free the memory. */
	void (*release)(struct vnode *vnode);
};

struct fs_type {
	const char *name;
	uint64_t magic; // statfs f_type
	err_t (*mount)(const char *source, uint64_t flags, const char *options, struct fs_super **super);
	/** May be NULL: nothing to count. */
	void (*statfs)(struct fs_super *super, struct fs_statfs *statfs);
	/** Unmounted, all its vnodes are gone. NULL: the super stays (one that is mounted many times). */
	void (*release)(struct fs_super *super);
};

enum fs_super_flags {
	FS_SUPER_PINNED = 1, // all names live in memory, in fs's own tree (tmpfs)
	FS_SUPER_KEEPS_NAMES = 2, // the latest stay after their last use; is_stale says what they are worth
};
struct fs_super {
	const struct fs_type *type;
	struct vnode *root; // holds a reference
	uint64_t dev; // fs_super_init()
	_Atomic uint64_t next_ino;
	uint32_t flags; // FS_SUPER_*
	_Atomic uint32_t mounts; // times mounted
	void *data;
};
/** Fill the common fields, with a device number of its own. The root vnode is made after it. */
void fs_super_init(struct fs_super *super, const struct fs_type *type, uint32_t flags);

/** File systems register at boot (procfs in abi). @node_storage lives for ever. The latest one of a
 *  name counts. */
struct fs_type_node {
	struct list node;
	const struct fs_type *type;
};
void fs_type_register(const struct fs_type *type, struct fs_type_node *node_storage);

/** "." and ".." for file_ops.read_dir at positions 0 and 1 of @file; false: emit wants no more. */
bool fs_emit_dots(struct file *file,
		  bool (*emit)(void *arg, const char *name, size_t len, uint64_t ino, uint8_t type,
			       int64_t next_pos),
		  void *arg);

void vnode_get(struct vnode *vnode);
void vnode_put(struct vnode *vnode);
/** Fill the common fields; refs 1, times now, owner = current's fsuid and fsgid. */
void vnode_init(struct vnode *vnode, const struct vnode_ops *ops, struct fs_super *super, uint32_t mode);
/** The vnode behind @dentry; lives as long as the dentry's reference. */
struct vnode *fs_dentry_vnode(struct fs_dentry *dentry);
/** A dentry outside of the tree, for what /proc's links lead to and has no name; takes over the
 *  reference of @vnode. NULL = no memory. */
must_check struct fs_dentry *fs_dentry_create_unnamed(struct vnode *vnode);
/** vnode_ops.setattr for file systems that keep attributes in the vnode only. */
err_t vnode_setattr(struct vnode *vnode, const struct fs_setattr *attr);
/** Permission of the current thread, R 4 | W 2 | X 1: 0, -EACCES, -EROFS. */
must_check err_t vnode_permission(struct vnode *vnode, unsigned mode);
/** Nanoseconds since 1970. */
nsec_t fs_now(void);

/** Character devices by number: dev/ registers them, opening a device node finds them. */
struct fs_chrdev {
	uint32_t major, minor_first, minor_count;
	const char *name;
	err_t (*open)(uint32_t minor, uint32_t open_flags, struct file **file);
	struct list node;
};
void fs_chrdev_register(struct fs_chrdev *chrdev);
/** For /proc/devices and /proc/filesystems. @visit must not sleep. */
void fs_chrdev_for_each(void (*visit)(void *arg, const struct fs_chrdev *chrdev), void *arg);
void fs_type_for_each(void (*visit)(void *arg, const struct fs_type *type), void *arg);
/** Nodes in the one devtmpfs: @path below its root ("pts/0"), folders are made; @mode with FS_IFCHR (or
 *  FS_IFDIR). -EEXIST. Owner root until changed. */
must_check err_t fs_devnode_create(const char *path, uint32_t mode, uint64_t rdev);
void fs_devnode_remove(const char *path);
#define FS_MKDEV(major, minor) ((uint64_t)(major) << 8 | (minor)) // majors below 4096, minors below 256
