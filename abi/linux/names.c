// SPDX-License-Identifier: MIT
// System calls on names, other than path.c's.
#include "path.h"
#include "with_file.h"

#include <fs/fs.h>
#include <fs/vnode.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/signal.h>

static int64_t put_statfs(uaddr_t to, const struct fs_statfs *in)
{
	uint64_t out[15] = {in->type, in->block_size, in->blocks, in->blocks_free, in->blocks_free,
			    in->files, in->files_free, 0, in->name_max, in->block_size, in->flags};
	return mm_copy_out(to, out, sizeof(out));
}

static int64_t statfs_path(const struct fs_at *at, uaddr_t to)
{
	struct fs_statfs statfs;
	err_t err = fs_statfs(at, &statfs);
	return err ? err : put_statfs(to, &statfs);
}

SYSCALL2(statfs, uaddr_t, path, uaddr_t, to)
{
	return WITH_PATH(FS_AT_CWD, path, statfs_path(&at, to));
}

SYSCALL2(fstatfs, uint32_t, fd, uaddr_t, to)
{
	struct fs_statfs statfs;
	int64_t err = WITH_FILE(fd, 0, fs_statfs_file(file, &statfs));
	return err ? err : put_statfs(to, &statfs);
}

// ---- access, links, directories -------------------------------------------------------------------

static int64_t check_access(const struct fs_at *at, uint32_t mode, uint32_t flags)
{
	if (mode & ~7u)
		return -EINVAL;
	return fs_access(at, walk_flags(flags), mode, !(flags & AT_EACCESS));
}

SYSCALL2(access, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(FS_AT_CWD, path, check_access(&at, mode, 0));
}

SYSCALL3(faccessat, int, dirfd, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(dirfd, path, check_access(&at, mode, 0));
}

SYSCALL4(faccessat2, int, dirfd, uaddr_t, path, uint32_t, mode, uint32_t, flags)
{
	return WITH_PATH(dirfd, path, check_access(&at, mode, flags));
}

static int64_t read_link(const struct fs_at *at, uaddr_t to, uint64_t size)
{
	if ((int64_t)size <= 0)
		return -EINVAL;
	char *buf = kmalloc(FS_PATH_MAX);
	if (!buf)
		return -ENOMEM;
	int64_t n = fs_readlink(at, FS_NOFOLLOW | FS_EMPTY_PATH, buf, min(size, (uint64_t)FS_PATH_MAX));
	if (n > 0 && mm_copy_out(to, buf, (size_t)n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

SYSCALL3(readlink, uaddr_t, path, uaddr_t, to, uint64_t, size)
{
	return WITH_PATH(FS_AT_CWD, path, read_link(&at, to, size));
}

SYSCALL4(readlinkat, int, dirfd, uaddr_t, path, uaddr_t, to, uint64_t, size)
{
	return WITH_PATH(dirfd, path, read_link(&at, to, size));
}

SYSCALL2(mkdir, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(FS_AT_CWD, path, fs_mkdir(&at, mode & 07777));
}

SYSCALL3(mkdirat, int, dirfd, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(dirfd, path, fs_mkdir(&at, mode & 07777));
}

/** Linux packs device numbers: 12 bits of major above 8 of minor, the rest of the minor on top. */
static uint64_t decode_dev(uint32_t dev)
{
	return FS_MKDEV((uint64_t)(dev >> 8 & 0xfff), (dev & 0xff) | (dev >> 12 & 0xfff00));
}

SYSCALL3(mknod, uaddr_t, path, uint32_t, mode, uint32_t, dev)
{
	return WITH_PATH(FS_AT_CWD, path, fs_mknod(&at, mode, decode_dev(dev)));
}

SYSCALL4(mknodat, int, dirfd, uaddr_t, path, uint32_t, mode, uint32_t, dev)
{
	return WITH_PATH(dirfd, path, fs_mknod(&at, mode, decode_dev(dev)));
}

SYSCALL1(rmdir, uaddr_t, path)
{
	return WITH_PATH(FS_AT_CWD, path, fs_rmdir(&at));
}

SYSCALL1(unlink, uaddr_t, path)
{
	return WITH_PATH(FS_AT_CWD, path, fs_unlink(&at));
}

SYSCALL3(unlinkat, int, dirfd, uaddr_t, path, uint32_t, flags)
{
	if (flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	return WITH_PATH(dirfd, path, flags ? fs_rmdir(&at) : fs_unlink(&at));
}

/** Two paths: @body sees `from` and `to`. */
#define WITH_PATHS(dirfd1, path1, dirfd2, path2, body)                                             \
	WITH_PATH(dirfd1, path1, ({                                                                \
			  struct fs_at from = at;                                                  \
			  WITH_PATH(dirfd2, path2, ({                                              \
					    struct fs_at to = at;                                  \
					    (int64_t)(body);                                       \
				    }));                                                           \
		  }))

SYSCALL2(symlink, uaddr_t, target, uaddr_t, path)
{
	return WITH_PATHS(FS_AT_CWD, target, FS_AT_CWD, path, fs_symlink(from.path, &to));
}

SYSCALL3(symlinkat, uaddr_t, target, int, dirfd, uaddr_t, path)
{
	return WITH_PATHS(FS_AT_CWD, target, dirfd, path, fs_symlink(from.path, &to));
}

SYSCALL2(link, uaddr_t, old, uaddr_t, new)
{
	return WITH_PATHS(FS_AT_CWD, old, FS_AT_CWD, new, fs_link(&from, FS_NOFOLLOW, &to));
}

SYSCALL5(linkat, int, old_dirfd, uaddr_t, old, int, new_dirfd, uaddr_t, new, uint32_t, flags)
{
	unsigned walk = (flags & AT_SYMLINK_FOLLOW ? 0 : FS_NOFOLLOW) |
			(flags & AT_EMPTY_PATH ? FS_EMPTY_PATH : 0);
	if (flags & ~(uint32_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	return WITH_PATHS(old_dirfd, old, new_dirfd, new, fs_link(&from, walk, &to));
}

SYSCALL2(rename, uaddr_t, old, uaddr_t, new)
{
	return WITH_PATHS(FS_AT_CWD, old, FS_AT_CWD, new, fs_rename(&from, &to, 0));
}

SYSCALL4(renameat, int, old_dirfd, uaddr_t, old, int, new_dirfd, uaddr_t, new)
{
	return WITH_PATHS(old_dirfd, old, new_dirfd, new, fs_rename(&from, &to, 0));
}

SYSCALL5(renameat2, int, old_dirfd, uaddr_t, old, int, new_dirfd, uaddr_t, new, uint32_t, flags)
{
	return WITH_PATHS(old_dirfd, old, new_dirfd, new, fs_rename(&from, &to, flags));
}

SYSCALL1(chdir, uaddr_t, path)
{
	return WITH_PATH(FS_AT_CWD, path, fs_chdir(&at));
}

SYSCALL1(chroot, uaddr_t, path)
{
	return WITH_PATH(FS_AT_CWD, path, fs_chroot(&at));
}

SYSCALL1(fchdir, uint32_t, fd)
{
	return WITH_FILE(fd, 0, fs_fchdir(file));
}

SYSCALL2(getcwd, uaddr_t, to, uint64_t, size)
{
	char *buf = kmalloc(FS_PATH_MAX);
	if (!buf)
		return -ENOMEM;
	int64_t n = fs_getcwd(buf, min(size, (uint64_t)FS_PATH_MAX));
	if (n > 0 && mm_copy_out(to, buf, (size_t)n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

SYSCALL1(umask, uint32_t, mask)
{
	return fs_set_umask(mask & 0777);
}

// ---- attributes -----------------------------------------------------------------------------------

static int64_t set_mode(const struct fs_at *at, uint32_t mode, uint32_t flags)
{
	struct fs_setattr attr = {.valid = FS_SET_MODE, .mode = mode & 07777};
	return fs_setattr(at, walk_flags(flags), &attr);
}

SYSCALL2(chmod, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(FS_AT_CWD, path, set_mode(&at, mode, 0));
}

SYSCALL3(fchmodat, int, dirfd, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(dirfd, path, set_mode(&at, mode, 0));
}

SYSCALL4(fchmodat2, int, dirfd, uaddr_t, path, uint32_t, mode, uint32_t, flags)
{
	return WITH_PATH(dirfd, path, set_mode(&at, mode, flags));
}

SYSCALL2(fchmod, uint32_t, fd, uint32_t, mode)
{
	struct fs_setattr attr = {.valid = FS_SET_MODE, .mode = mode & 07777};
	return WITH_FILE(fd, 0, fs_setattr_file(file, &attr));
}

static struct fs_setattr owner_attr(uint32_t uid, uint32_t gid)
{
	return (struct fs_setattr){
		.valid = (uid != UINT32_MAX ? FS_SET_UID : 0) | (gid != UINT32_MAX ? FS_SET_GID : 0),
		.uid = uid, .gid = gid};
}

static int64_t set_owner(const struct fs_at *at, uint32_t uid, uint32_t gid, uint32_t flags)
{
	struct fs_setattr attr = owner_attr(uid, gid);
	return fs_setattr(at, walk_flags(flags), &attr);
}

SYSCALL3(chown, uaddr_t, path, uint32_t, uid, uint32_t, gid)
{
	return WITH_PATH(FS_AT_CWD, path, set_owner(&at, uid, gid, 0));
}

SYSCALL3(lchown, uaddr_t, path, uint32_t, uid, uint32_t, gid)
{
	return WITH_PATH(FS_AT_CWD, path, set_owner(&at, uid, gid, AT_SYMLINK_NOFOLLOW));
}

SYSCALL5(fchownat, int, dirfd, uaddr_t, path, uint32_t, uid, uint32_t, gid, uint32_t, flags)
{
	return WITH_PATH(dirfd, path, set_owner(&at, uid, gid, flags));
}

SYSCALL3(fchown, uint32_t, fd, uint32_t, uid, uint32_t, gid)
{
	struct fs_setattr attr = owner_attr(uid, gid);
	return WITH_FILE(fd, 0, fs_setattr_file(file, &attr));
}

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

static err_t decode_time(const struct linux_timespec *ts, struct fs_setattr *attr, uint32_t set,
			 uint32_t set_now, nsec_t *time)
{
	if (ts->nsec == UTIME_OMIT)
		return 0;
	if (ts->nsec == UTIME_NOW) {
		attr->valid |= set_now;
		return 0;
	}
	if (ts->nsec < 0 || ts->nsec >= (int64_t)NSEC_PER_SEC)
		return -EINVAL;
	attr->valid |= set;
	*time = ts->sec < 0 ? 0 : (uint64_t)ts->sec * NSEC_PER_SEC + (uint64_t)ts->nsec;
	return 0;
}

static err_t decode_times(uaddr_t times_at, struct fs_setattr *attr)
{
	struct linux_timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	*attr = (struct fs_setattr){0};
	if (times_at && mm_copy_in(times, times_at, sizeof(times)))
		return -EFAULT;
	err_t err = decode_time(&times[0], attr, FS_SET_ATIME, FS_SET_ATIME_NOW, &attr->atime);
	return err ? err : decode_time(&times[1], attr, FS_SET_MTIME, FS_SET_MTIME_NOW, &attr->mtime);
}

SYSCALL4(utimensat, int, dirfd, uaddr_t, path, uaddr_t, times, uint32_t, flags)
{
	struct fs_setattr attr;
	err_t err = decode_times(times, &attr);
	if (err)
		return err;
	if (!path)
		return WITH_FILE((uint32_t)dirfd, 0, fs_setattr_file(file, &attr));
	return WITH_PATH(dirfd, path, fs_setattr(&at, walk_flags(flags), &attr));
}

SYSCALL2(utimes, uaddr_t, path, uaddr_t, times_at)
{
	struct linux_timeval tv[2];
	struct fs_setattr attr = {.valid = FS_SET_ATIME_NOW | FS_SET_MTIME_NOW};
	if (times_at && mm_copy_in(tv, times_at, sizeof(tv)))
		return -EFAULT;
	if (times_at) {
		attr.valid = FS_SET_ATIME | FS_SET_MTIME;
		attr.atime = (uint64_t)tv[0].sec * NSEC_PER_SEC + (uint64_t)tv[0].usec * 1000;
		attr.mtime = (uint64_t)tv[1].sec * NSEC_PER_SEC + (uint64_t)tv[1].usec * 1000;
	}
	return WITH_PATH(FS_AT_CWD, path, fs_setattr(&at, 0, &attr));
}

/** The result of a change of a file's size. */
static int64_t resized(int64_t err)
{
	return err == -EFBIG ? abi_file_too_large() : err;
}

SYSCALL2(truncate, uaddr_t, path, uint64_t, size)
{
	return (int64_t)size < 0 ? -EINVAL : resized(WITH_PATH(FS_AT_CWD, path, fs_truncate(&at, size)));
}

SYSCALL2(ftruncate, uint32_t, fd, uint64_t, size)
{
	return (int64_t)size < 0 ? -EINVAL : resized(WITH_FILE(fd, FILE_RIGHT_WRITE, fs_ftruncate(file, size)));
}

SYSCALL4(fallocate, uint32_t, fd, uint32_t, mode, uint64_t, offset, uint64_t, len)
{
	if ((int64_t)offset < 0 || (int64_t)len <= 0)
		return -EINVAL;
	return resized(WITH_FILE(fd, FILE_RIGHT_WRITE, fs_fallocate(file, mode, offset, len)));
}

// ---- reading directories --------------------------------------------------------------------------

#define DIRENT_HEAD 19 // ino 8, off 8, reclen 2, type 1

struct dirent_writer {
	struct file *file;
	uaddr_t to;
	uint64_t left;
	uint64_t done;
	err_t err;
};

static bool emit_dirent(void *arg, const char *name, size_t len, uint64_t ino, uint8_t type, int64_t next_pos)
{
	struct dirent_writer *writer = arg;
	char record[DIRENT_HEAD + FS_NAME_MAX + 1 + 8] = {0};
	uint16_t size = (uint16_t)align_up(DIRENT_HEAD + len + 1, 8ul);
	if (size > writer->left) {
		if (!writer->done)
			writer->err = -EINVAL;
		return false;
	}
	memcpy(record, &ino, 8);
	memcpy(record + 8, &next_pos, 8);
	memcpy(record + 16, &size, 2);
	record[18] = (char)type;
	memcpy(record + DIRENT_HEAD, name, len);
	if (mm_copy_out(writer->to + writer->done, record, size)) {
		writer->err = writer->done ? 0 : -EFAULT;
		return false;
	}
	writer->done += size;
	writer->left -= size;
	writer->file->pos = next_pos;
	return true;
}

static int64_t read_dir(struct file *file, uaddr_t to, uint64_t size)
{
	struct dirent_writer writer = {.file = file, .to = to, .left = size};
	if (!file->ops->read_dir)
		return -ENOTDIR;
	sched_mutex_lock(&file->pos_lock);
	err_t err = file->ops->read_dir(file, emit_dirent, &writer);
	sched_mutex_unlock(&file->pos_lock);
	return writer.done ? (int64_t)writer.done : err ? err : writer.err;
}

SYSCALL3(getdents64, uint32_t, fd, uaddr_t, to, uint64_t, size)
{
	return WITH_FILE(fd, FILE_RIGHT_READ, read_dir(file, to, size));
}

// ---- mounts ---------------------------------------------------------------------------------------

static int64_t mount_path(uaddr_t source_at, const struct fs_at *at, uaddr_t type_at, uint64_t flags,
			  uaddr_t data_at)
{
	char source[64] = "none", type[32] = "", options[256] = "";
	if ((source_at && mm_copy_in_string(source, source_at, sizeof(source)) < 0) ||
	    (type_at && mm_copy_in_string(type, type_at, sizeof(type)) < 0) ||
	    (data_at && mm_copy_in_string(options, data_at, sizeof(options)) < 0))
		return -EINVAL;
	return fs_mount(source, at, type, flags, options);
}

// Partly: tmpfs, proc, sysfs, devtmpfs and 9p; no bind mounts (EINVAL), no propagation.
SYSCALL5(mount, uaddr_t, source, uaddr_t, target, uaddr_t, type, uint64_t, flags, uaddr_t, data)
{
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	return WITH_PATH(FS_AT_CWD, target, mount_path(source, &at, type, flags, data));
}

SYSCALL2(umount2, uaddr_t, target, uint32_t, flags)
{
	if (!cred_has_cap(cred_current(), CAP_SYS_ADMIN))
		return -EPERM;
	return WITH_PATH(FS_AT_CWD, target, fs_umount(&at, flags));
}
