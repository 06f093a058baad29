// SPDX-License-Identifier: MIT
// Files by name, as the rooms above use them. Paths are kernel strings, at most FS_PATH_MAX bytes with
// the NUL. Every function runs in thread context and may sleep; it acts with the credentials of the
// current thread. Errors are Linux's for the call of the same name.
#pragma once

#include <kernel/lock.h>
#include <lib/types.h>
#include <object/file.h>

#define FS_PATH_MAX 4096
#define FS_NAME_MAX 255
#define FS_AT_CWD (-100)

struct fs_dentry;
struct vnode;

/** Where a walk begins: the current thread's cwd (FS_AT_CWD) or the directory behind a descriptor. */
struct fs_at {
	int dirfd;
	const char *path; // absolute paths ignore dirfd; "" with FS_EMPTY_PATH is dirfd itself
	unsigned resolve; // openat2's limits, of enum fs_walk_flags
};

enum fs_walk_flags {
	FS_NOFOLLOW = 1, // a symbolic link at the end is not followed
	FS_EMPTY_PATH = 2,
	FS_DIRECTORY = 4, // the result must be a directory
	FS_NO_SYMLINKS = 8, // openat2's RESOLVE_*: -ELOOP
	FS_NO_MAGICLINKS = 16, // links of /proc to what a process has open: -ELOOP
	FS_NO_XDEV = 32, // no other file system: -EXDEV
	FS_BENEATH = 64, // nothing outside of where the walk began: -EXDEV
	FS_IN_ROOT = 128, // where the walk began is the root
};

/** open(2)'s flags whose numbers differ between architectures, or that the kernel adds: abi/ decodes
 *  them into these bits of open_flags, which no O_* has. file->flags keeps DIRECT and LARGEFILE. */
enum fs_open_flags {
	FS_OPEN_DIRECTORY = 1 << 24,
	FS_OPEN_NOFOLLOW = 1 << 25,
	FS_OPEN_DIRECT = 1 << 26,
	FS_OPEN_LARGEFILE = 1 << 27,
	FS_OPEN_TMPFILE = 1 << 28, // a nameless regular file in the directory
	FS_OPEN_EXEC = 1 << 29, // permission to execute is asked for instead of that to read
};

/** Root and working directory, umask: shared by CLONE_FS. */
struct fs_context {
	_Atomic uint32_t refs;
	struct spinlock lock; // changes
	struct fs_dentry *_Atomic root, *_Atomic cwd; // hold references; readers may not sleep
	_Atomic uint32_t umask;
	_Atomic uint64_t size_limit; // of files that are written
};
must_check struct fs_context *fs_context_create(void); // "/" for both, umask 022
must_check struct fs_context *fs_context_copy(struct fs_context *context);
void fs_context_get(struct fs_context *context);
void fs_context_put(struct fs_context *context);
/** Root and working directory with a reference each, for /proc/PID/{root,cwd}. */
void fs_context_dirs(struct fs_context *context, struct fs_dentry **root, struct fs_dentry **cwd);

/** A name in the tree. */
void fs_dentry_get(struct fs_dentry *dentry);
void fs_dentry_put(struct fs_dentry *dentry); // NULL is harmless; may sleep
/** Forget the names, and the pages of their files, that are kept only to be fast. May sleep. */
void fs_drop_kept(void);

struct fs_stat {
	uint64_t dev, ino, mode, nlink, uid, gid, rdev, size, blksize, blocks; // blocks of 512 bytes
	nsec_t atime, mtime, ctime, btime; // nanoseconds since 1970
};

enum { FS_SET_MODE = 1, FS_SET_UID = 2, FS_SET_GID = 4, FS_SET_ATIME = 8, FS_SET_MTIME = 16, FS_SET_SIZE = 32,
       FS_SET_ATIME_NOW = 64, FS_SET_MTIME_NOW = 128 };
struct fs_setattr {
	uint32_t valid; // FS_SET_*
	uint32_t mode, uid, gid;
	nsec_t atime, mtime;
	uint64_t size;
};

must_check err_t fs_open(const struct fs_at *at, uint32_t open_flags, uint32_t mode, struct file **file);
/** The same for exec: only permission to execute was asked before, none to read is needed. */
must_check err_t fs_open_walk(const struct fs_at *at, unsigned walk_flags, uint32_t open_flags,
			      struct file **file);
must_check err_t fs_stat(const struct fs_at *at, unsigned walk_flags, struct fs_stat *stat);
must_check err_t fs_stat_file(struct file *file, struct fs_stat *stat);
must_check err_t fs_setattr(const struct fs_at *at, unsigned walk_flags, const struct fs_setattr *attr);
must_check err_t fs_setattr_file(struct file *file, const struct fs_setattr *attr);
/** @mode: R_OK 4 | W_OK 2 | X_OK 1; @use_real_ids as access(2). */
must_check err_t fs_access(const struct fs_at *at, unsigned walk_flags, unsigned mode, bool use_real_ids);
must_check err_t fs_mkdir(const struct fs_at *at, uint32_t mode);
must_check err_t fs_mknod(const struct fs_at *at, uint32_t mode, uint64_t rdev);
must_check err_t fs_unlink(const struct fs_at *at);
must_check err_t fs_rmdir(const struct fs_at *at);
must_check err_t fs_symlink(const char *target, const struct fs_at *at);
must_check err_t fs_link(const struct fs_at *from, unsigned walk_flags, const struct fs_at *to);
must_check err_t fs_rename(const struct fs_at *from, const struct fs_at *to, unsigned renameat2_flags);
/** Length of the link's target copied to @buf (no NUL). */
int64_t fs_readlink(const struct fs_at *at, unsigned walk_flags, char *buf, size_t size);
must_check err_t fs_chdir(const struct fs_at *at);
must_check err_t fs_fchdir(struct file *file);
must_check err_t fs_chroot(const struct fs_at *at);
/** Absolute path of the working directory / of @dentry / of @file into @buf: length with NUL, -ERANGE.
 *  " (deleted)" follows a name that is gone; files without one give "pipe:[7]", "anon_inode:[eventfd]".
 *  Not in vnode_ops.lookup and its kin: they hold the lock of names. */
int64_t fs_getcwd(char *buf, size_t size);
int64_t fs_dentry_path(struct fs_dentry *dentry, char *buf, size_t size);
int64_t fs_file_path(struct file *file, char *buf, size_t size);
must_check err_t fs_truncate(const struct fs_at *at, uint64_t size);
must_check err_t fs_ftruncate(struct file *file, uint64_t size);
must_check err_t fs_fallocate(struct file *file, unsigned mode, uint64_t offset, uint64_t len);
/** Returns the old one. */
uint32_t fs_set_umask(uint32_t umask);

struct fs_statfs {
	uint64_t type, block_size, blocks, blocks_free, files, files_free, name_max, flags;
};
must_check err_t fs_statfs(const struct fs_at *at, struct fs_statfs *statfs);
must_check err_t fs_statfs_file(struct file *file, struct fs_statfs *statfs);

/** mount(2): @type "tmpfs", "proc", "sysfs", "devtmpfs"; @source and @options may be NULL; umount2(2). */
must_check err_t fs_mount(const char *source, const struct fs_at *target, const char *type,
			  uint64_t flags, const char *options);
must_check err_t fs_umount(const struct fs_at *target, unsigned flags);
/** A line per mount, for /proc/mounts. */
void fs_for_each_mount(void (*visit)(void *arg, const char *source, const char *target, const char *type,
				     const char *options),
		       void *arg);

/** read(2) and write(2) on any file, position and O_APPEND handled; pos >= 0: pread, pwrite. */
int64_t fs_read(struct file *file, struct io_vec *io, int64_t pos);
int64_t fs_write(struct file *file, struct io_vec *io, int64_t pos);
int64_t fs_seek(struct file *file, int64_t offset, int whence);
enum { FS_SEEK_SET, FS_SEEK_CUR, FS_SEEK_END, FS_SEEK_DATA, FS_SEEK_HOLE };
/** For file_ops.seek of files of @size bytes without holes: the new position or an error. */
int64_t fs_seek_in(const struct file *file, int64_t offset, int whence, uint64_t size);
/** Read exactly up to @len bytes into kernel memory (exec): bytes read or negative. */
int64_t fs_read_kernel(struct file *file, void *buf, size_t len, uint64_t pos);
/** splice(2), tee(2), vmsplice(2), flags decoded; a file that only stands for a pipe is none. */
int64_t fs_splice(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, uint64_t len,
		  bool nonblock);
int64_t fs_tee(struct file *in, struct file *out, uint64_t len, bool nonblock);
int64_t fs_vmsplice(struct file *file, struct io_vec *io, bool nonblock);
/** Copy between files inside the kernel (sendfile, copy_file_range); positions as above. */
int64_t fs_copy(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, size_t len);

/** Make @at a name of @grant, to which it gets a reference: fs_open_published() gives it to who may write
 *  to the file. Errors of mknod(2). */
must_check err_t fs_publish(const struct fs_at *at, uint32_t mode, struct grant *grant);
/** What is published at @at, with a reference: for open(2), when fs_open() says -ENXIO. -ENXIO: nothing,
 *  or it was revoked; -EACCES. */
must_check err_t fs_open_published(const struct fs_at *at, unsigned walk_flags, struct grant **grant);

/** pipe2: a read end and a write end. */
must_check err_t fs_pipe_create(uint32_t open_flags, struct file **read_end, struct file **write_end);

/** flock(2): Linux's LOCK_SH 1, LOCK_EX 2, LOCK_UN 8, | LOCK_NB 4. -EWOULDBLOCK, -ERESTARTSYS. */
must_check err_t fs_flock(struct file *file, unsigned operation);

/** memfd_create: @name is shown only. Seals as Linux numbers them; files that are no memfds are sealed
 *  against seals. -EINVAL: cannot have any. */
enum { FS_SEAL_SEAL = 1, FS_SEAL_SHRINK = 2, FS_SEAL_GROW = 4, FS_SEAL_WRITE = 8, FS_SEAL_FUTURE_WRITE = 16,
       FS_SEALS = 31 };
must_check err_t fs_memfd_create(const char *name, bool can_seal, struct file **file);
must_check err_t fs_add_seals(struct file *file, uint32_t seals);
int64_t fs_get_seals(struct file *file);

/** inotify: events and flags as Linux numbers them. */
enum { FS_IN_ACCESS = 1, FS_IN_MODIFY = 2, FS_IN_ATTRIB = 4, FS_IN_CLOSE_WRITE = 8, FS_IN_CLOSE_NOWRITE = 0x10,
       FS_IN_OPEN = 0x20, FS_IN_MOVED_FROM = 0x40, FS_IN_MOVED_TO = 0x80, FS_IN_CREATE = 0x100,
       FS_IN_DELETE = 0x200, FS_IN_DELETE_SELF = 0x400, FS_IN_MOVE_SELF = 0x800, FS_IN_OVERFLOW = 0x4000,
       FS_IN_IGNORED = 0x8000, FS_IN_ONLYDIR = 0x01000000, FS_IN_DONT_FOLLOW = 0x02000000,
       FS_IN_MASK_CREATE = 0x10000000, FS_IN_MASK_ADD = 0x20000000, FS_IN_ISDIR = 0x40000000 };
#define FS_IN_ONESHOT 0x80000000u
must_check err_t fs_inotify_create(uint32_t open_flags, struct file **file);
/** The watch's number. */
must_check int64_t fs_inotify_add(struct file *file, const char *path, uint32_t mask);
must_check err_t fs_inotify_remove(struct file *file, int32_t wd);

/** Record locks: bytes @start to @end, both counted. */
enum fs_lock_type { FS_LOCK_READ, FS_LOCK_WRITE, FS_LOCK_NONE };
struct fs_record_lock {
	uint64_t start, end; // UINT64_MAX: however long the file becomes
	enum fs_lock_type type;
	bool is_ofd; // the open file's own, not the process's
	uint32_t pid; // who has it; UINT32_MAX: an open file
};
/** Take, or give back with FS_LOCK_NONE. -EAGAIN (not @waits_for_it), -EDEADLK, -ERESTARTSYS, -ENOLCK. */
must_check err_t fs_record_set(struct file *file, const struct fs_record_lock *lock, bool waits_for_it);
/** The first lock of another that excludes *@lock, or FS_LOCK_NONE. */
void fs_record_test(struct file *file, struct fs_record_lock *lock);

/** The largest size to which files are written by whoever shares @context (RLIMIT_FSIZE). */
void fs_set_size_limit(struct fs_context *context, uint64_t bytes);

/** F_SETPIPE_SZ, F_GETPIPE_SZ: bytes, or -EBADF (no pipe), -EBUSY, -EPERM, -EINVAL, -ENOMEM. */
int64_t fs_pipe_set_size(struct file *file, uint64_t size);
int64_t fs_pipe_get_size(struct file *file);

/** eventfd2: @open_flags of O_NONBLOCK. */
must_check err_t fs_eventfd_create(uint64_t value, bool is_semaphore, uint32_t open_flags,
				   struct file **file);
/** timerfd: @open_flags of O_NONBLOCK. Settings: times in ns, value 0 = off, interval 0 = once. -EINVAL:
 *  no timerfd. */
struct fs_timer_setting {
	nsec_t value, interval;
};
enum { FS_TIMER_ABSOLUTE = 1, FS_TIMER_CANCEL_ON_SET = 2 };
must_check err_t fs_timerfd_create(bool is_realtime, uint32_t open_flags, struct file **file);
must_check err_t fs_timerfd_set(struct file *file, unsigned flags, const struct fs_timer_setting *wanted,
				struct fs_timer_setting *old);
must_check err_t fs_timerfd_get(struct file *file, struct fs_timer_setting *setting);
/** The offset of the wall clock was changed. */
void fs_timerfd_clock_was_set(void);

/** epoll: an object that tells which of many files are ready. Events are POLL* of <uapi/poll.h> and these
 *  flags, Linux's. */
#define FS_EPOLL_EXCLUSIVE (1u << 28)
#define FS_EPOLL_WAKEUP (1u << 29)
#define FS_EPOLL_ONESHOT (1u << 30)
#define FS_EPOLL_EDGE (1u << 31)
struct fs_epoll_event {
	uint32_t events;
	uint64_t data; // the program's own
};
enum fs_epoll_op { FS_EPOLL_ADD = 1, FS_EPOLL_DEL = 2, FS_EPOLL_MOD = 3 };
must_check err_t fs_epoll_create(struct file **file);
/** Add, change or remove @target by its descriptor @fd; @event is NULL for FS_EPOLL_DEL. */
must_check err_t fs_epoll_ctl(struct file *file, enum fs_epoll_op op, uint32_t fd, struct object *target,
			      const struct fs_epoll_event *event);
/** Up to @max events into @out: how many, 0 at @deadline (0: do not wait), -EINTR, -EINVAL (no epoll). */
must_check int64_t fs_epoll_wait(struct file *file, struct fs_epoll_event *out, unsigned max,
				 nsec_t deadline);

/** Boot: caches, the root tmpfs; then unpack the initrd (cpio newc archives): a corrupt one gives one
 *  clear line with its byte offset and leaves what was good. */
void fs_init(void);
must_check err_t fs_unpack_cpio(const void *archive, size_t size);
