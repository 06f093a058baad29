// SPDX-License-Identifier: MIT
// Vnodes and file systems: what tmpfs, proc, and device files implement.
#pragma once

#include <fs/fs.h>
#include <lib/list.h>
#include <sched/rwlock.h>

struct fs_mount;
struct mm_object;

/** S_IFMT bits of modes. */
enum { FS_IFMT = 0170000, FS_IFSOCK = 0140000, FS_IFLNK = 0120000, FS_IFREG = 0100000, FS_IFBLK = 0060000,
       FS_IFDIR = 0040000, FS_IFCHR = 0020000, FS_IFIFO = 0010000, FS_ISUID = 04000, FS_ISGID = 02000,
       FS_ISVTX = 01000 };

/** A file, whatever its names. Counted; fields that stat shows are under `lock`. */
struct vnode {
	const struct vnode_ops *ops;
	struct fs_super *super;
	_Atomic uint32_t refs;
	uint32_t mode; // type and permissions
	uint32_t uid, gid, nlink;
	uint64_t ino, rdev, size;
	nsec_t atime, mtime, ctime, btime;
	struct sched_rwlock lock;
	void *data; // the file system's own
};

/** NULL entries answer with Linux's error (-EPERM, -ENOTDIR, -EINVAL). The directory's vnode lock is
 *  held for writing in those that change it, for reading in lookup and read_dir. */
struct vnode_ops {
	err_t (*lookup)(struct vnode *dir, const char *name, size_t len, struct vnode **vnode);
	err_t (*create)(struct vnode *dir, const char *name, size_t len, uint32_t mode, uint64_t rdev,
			struct vnode **vnode); // regular, directory, fifo, device, socket
	err_t (*symlink)(struct vnode *dir, const char *name, size_t len, const char *target,
			 struct vnode **vnode);
	err_t (*link)(struct vnode *dir, const char *name, size_t len, struct vnode *vnode);
	err_t (*unlink)(struct vnode *dir, const char *name, size_t len, struct vnode *vnode);
	err_t (*rename)(struct vnode *from_dir, const char *from, size_t from_len, struct vnode *to_dir,
			const char *to, size_t to_len, struct vnode *vnode, struct vnode *replaced);
	int64_t (*readlink)(struct vnode *vnode, char *buf, size_t size);
	/** /proc's magic links: the file that following the link leads to. */
	err_t (*follow)(struct vnode *vnode, struct fs_dentry **dentry);
	err_t (*open)(struct vnode *vnode, uint32_t open_flags, struct file **file);
	void (*getattr)(struct vnode *vnode, struct fs_stat *stat);
	err_t (*setattr)(struct vnode *vnode, const struct fs_setattr *attr);
	/** May the current thread open it at all (/proc/PID/...)? NULL: mode bits decide. */
	err_t (*permission)(struct vnode *vnode, unsigned mode);
	void (*release)(struct vnode *vnode); // last reference
};

struct fs_type {
	const char *name;
	uint64_t magic; // statfs f_type
	err_t (*mount)(const char *source, uint64_t flags, const char *options, struct fs_super **super);
};
struct fs_super {
	const struct fs_type *type;
	struct vnode *root;
	uint64_t dev;
	_Atomic uint64_t next_ino;
	void *data;
};

/** File systems register at boot (procfs in abi, devtmpfs in dev). */
void fs_type_register(const struct fs_type *type, struct list *node_storage);

void vnode_get(struct vnode *vnode);
void vnode_put(struct vnode *vnode);
/** Fill the common fields; refs 1, times now, owner = current's fsuid and fsgid. */
void vnode_init(struct vnode *vnode, const struct vnode_ops *ops, struct fs_super *super, uint32_t mode);

/** Character devices by number: dev/ registers them, opening a device node finds them. */
struct fs_chrdev {
	uint32_t major, minor_first, minor_count;
	const char *name;
	err_t (*open)(uint32_t minor, uint32_t open_flags, struct file **file);
	struct list node;
};
void fs_chrdev_register(struct fs_chrdev *chrdev);
#define FS_MKDEV(major, minor) ((uint64_t)(major) << 8 | (minor)) // majors below 4096, minors below 256
