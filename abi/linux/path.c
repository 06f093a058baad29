// SPDX-License-Identifier: MIT
// System calls that open names and tell what they stand for; names.c has the others.
#include "path.h"
#include "with_file.h"

#include <fs/fs.h>
#include <fs/vnode.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <proc/signal.h>

// ---- open -----------------------------------------------------------------------------------------

/** Linux's flags, whose upper ones differ between architectures, as fs has them. */
static uint32_t open_flags_of(uint32_t flags)
{
	uint32_t same = flags & (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND |
				 O_NONBLOCK | O_DSYNC | O_ASYNC | O_NOATIME | O_CLOEXEC | O_PATH);
	return same | (flags & ABI_O_DIRECTORY ? FS_OPEN_DIRECTORY : 0) |
	       (flags & ABI_O_NOFOLLOW ? FS_OPEN_NOFOLLOW : 0);
}

/** A descriptor of what a server has published there; -ENXIO: nothing. */
static int64_t open_published(const struct fs_at *at, uint32_t flags)
{
	struct grant *grant;
	err_t err = fs_open_published(at, flags & ABI_O_NOFOLLOW ? FS_NOFOLLOW : 0, &grant);
	if (err)
		return err;
	int fd = fd_install(current_thread()->object.fds, grant, 0, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
	if (fd < 0)
		grant_put(grant);
	return fd;
}

static int64_t open_path(const struct fs_at *at, uint32_t flags, uint32_t mode)
{
	struct file *file;
	err_t err = fs_open(at, open_flags_of(flags), mode & 07777, &file);
	if (unlikely(err == -ENXIO))
		return open_published(at, flags);
	if (err)
		return abi_restartable(err);
	return file_install(file, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

SYSCALL4(openat, int, dirfd, uaddr_t, path, uint32_t, flags, uint32_t, mode)
{
	return WITH_PATH(dirfd, path, open_path(&at, flags, mode));
}

SYSCALL3(open, uaddr_t, path, uint32_t, flags, uint32_t, mode)
{
	return WITH_PATH(FS_AT_CWD, path, open_path(&at, flags, mode));
}

SYSCALL2(creat, uaddr_t, path, uint32_t, mode)
{
	return WITH_PATH(FS_AT_CWD, path,
			 open_path(&at, O_WRONLY | O_CREAT | O_TRUNC, mode));
}

/** struct open_how of openat2(2), its first version. */
struct open_how {
	uint64_t flags, mode, resolve;
};
enum { RESOLVE_NO_XDEV = 1, RESOLVE_NO_MAGICLINKS = 2, RESOLVE_NO_SYMLINKS = 4, RESOLVE_BENEATH = 8,
       RESOLVE_IN_ROOT = 16, RESOLVE_CACHED = 32 };

/** A later version's fields must be zero. */
static err_t get_open_how(uaddr_t at, uint64_t size, struct open_how *how)
{
	if (size < sizeof(*how))
		return -EINVAL;
	if (size > HAL_PAGE_SIZE)
		return -E2BIG;
	for (uint64_t done = sizeof(*how), word; done < size; done += min(size - done, sizeof(word))) {
		word = 0;
		if (mm_copy_in(&word, at + done, min(size - done, sizeof(word))))
			return -EFAULT;
		if (word)
			return -E2BIG;
	}
	return mm_copy_in(how, at, sizeof(*how));
}

static err_t check_open_how(const struct open_how *how)
{
	const uint64_t sync = 04010000; // O_SYNC, which has O_DSYNC in it
	uint64_t known = O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | sync |
			 O_ASYNC | O_NOATIME | O_CLOEXEC | O_PATH | ABI_O_DIRECTORY | ABI_O_NOFOLLOW |
			 ABI_O_DIRECT | ABI_O_LARGEFILE;
	uint64_t with_path = O_PATH | O_CLOEXEC | ABI_O_DIRECTORY | ABI_O_NOFOLLOW;
	uint64_t both = RESOLVE_BENEATH | RESOLVE_IN_ROOT;
	if ((how->flags & ~known) || (how->resolve >> 6) || (how->resolve & both) == both)
		return -EINVAL;
	if (how->mode & (how->flags & O_CREAT ? ~07777ull : ~0ull))
		return -EINVAL;
	if ((how->flags & O_PATH) && (how->flags & ~with_path))
		return -EINVAL;
	return how->resolve & RESOLVE_CACHED && how->flags & (O_CREAT | O_TRUNC) ? -EAGAIN : 0;
}

static unsigned resolve_flags(uint64_t resolve)
{
	return (resolve & RESOLVE_NO_XDEV ? FS_NO_XDEV : 0) |
	       (resolve & RESOLVE_NO_MAGICLINKS ? FS_NO_MAGICLINKS : 0) |
	       (resolve & RESOLVE_NO_SYMLINKS ? FS_NO_SYMLINKS : 0) |
	       (resolve & RESOLVE_BENEATH ? FS_BENEATH : 0) |
	       (resolve & RESOLVE_IN_ROOT ? FS_IN_ROOT : 0);
}

static int64_t open_how(struct fs_at *at, const struct open_how *how)
{
	at->resolve = resolve_flags(how->resolve);
	return open_path(at, (uint32_t)how->flags, (uint32_t)how->mode);
}

// Partly: RESOLVE_CACHED asks file systems all the same; no O_TMPFILE.
SYSCALL4(openat2, int, dirfd, uaddr_t, path, uaddr_t, how_at, uint64_t, size)
{
	struct open_how how;
	err_t err = get_open_how(how_at, size, &how);
	if (!err)
		err = check_open_how(&how);
	return err ? err : WITH_PATH(dirfd, path, open_how(&at, &how));
}

// ---- stat -----------------------------------------------------------------------------------------

static int64_t put_stat(uaddr_t to, const struct fs_stat *stat)
{
	struct linux_stat out = {
		.st_dev = stat->dev, .st_ino = stat->ino, .st_mode = (uint32_t)stat->mode,
		.st_uid = (uint32_t)stat->uid, .st_gid = (uint32_t)stat->gid, .st_rdev = stat->rdev,
		.st_size = (int64_t)stat->size, .st_blocks = (int64_t)stat->blocks,
		.st_atime_sec = (int64_t)(stat->atime / NSEC_PER_SEC),
		.st_atime_nsec = (int64_t)(stat->atime % NSEC_PER_SEC),
		.st_mtime_sec = (int64_t)(stat->mtime / NSEC_PER_SEC),
		.st_mtime_nsec = (int64_t)(stat->mtime % NSEC_PER_SEC),
		.st_ctime_sec = (int64_t)(stat->ctime / NSEC_PER_SEC),
		.st_ctime_nsec = (int64_t)(stat->ctime % NSEC_PER_SEC),
	};
	out.st_nlink = (__typeof__(out.st_nlink))stat->nlink;
	out.st_blksize = (__typeof__(out.st_blksize))stat->blksize;
	return mm_copy_out(to, &out, sizeof(out));
}

static int64_t stat_path(const struct fs_at *at, uint32_t at_flags, uaddr_t to)
{
	struct fs_stat stat;
	err_t err = fs_stat(at, walk_flags(at_flags), &stat);
	return err ? err : put_stat(to, &stat);
}

static int64_t stat_fd(uint32_t fd, uaddr_t to)
{
	struct fs_stat stat;
	int64_t err = WITH_FILE(fd, 0, fs_stat_file(file, &stat));
	return err ? err : put_stat(to, &stat);
}

SYSCALL4(newfstatat, int, dirfd, uaddr_t, path, uaddr_t, to, uint32_t, flags)
{
	if (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return -EINVAL;
	char first = 1;
	// glibc's fstat: an empty path and AT_EMPTY_PATH.
	if ((flags & AT_EMPTY_PATH) && dirfd >= 0 && !mm_copy_in(&first, path, 1) && !first)
		return stat_fd((uint32_t)dirfd, to);
	return WITH_PATH(dirfd, path, stat_path(&at, flags, to));
}

SYSCALL2(stat, uaddr_t, path, uaddr_t, to)
{
	return WITH_PATH(FS_AT_CWD, path, stat_path(&at, 0, to));
}

SYSCALL2(lstat, uaddr_t, path, uaddr_t, to)
{
	return WITH_PATH(FS_AT_CWD, path, stat_path(&at, AT_SYMLINK_NOFOLLOW, to));
}

SYSCALL2(fstat, uint32_t, fd, uaddr_t, to)
{
	return stat_fd(fd, to);
}

struct linux_statx_time {
	int64_t sec;
	uint32_t nsec, pad;
};
struct linux_statx {
	uint32_t mask, blksize;
	uint64_t attributes;
	uint32_t nlink, uid, gid;
	uint16_t mode, pad;
	uint64_t ino, size, blocks, attributes_mask;
	struct linux_statx_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t mnt_id;
	uint64_t spare[13];
};
_Static_assert(sizeof(struct linux_statx) == 256, "Linux's struct statx");

static struct linux_statx_time statx_time(nsec_t ns)
{
	return (struct linux_statx_time){(int64_t)(ns / NSEC_PER_SEC), (uint32_t)(ns % NSEC_PER_SEC), 0};
}

static int64_t statx_path(const struct fs_at *at, uint32_t at_flags, uaddr_t to)
{
	struct fs_stat stat;
	err_t err = fs_stat(at, walk_flags(at_flags), &stat);
	if (err)
		return err;
	struct linux_statx out = {
		.mask = 0xfff, // basic stats and the time of birth
		.blksize = (uint32_t)stat.blksize, .nlink = (uint32_t)stat.nlink,
		.uid = (uint32_t)stat.uid, .gid = (uint32_t)stat.gid, .mode = (uint16_t)stat.mode,
		.ino = stat.ino, .size = stat.size, .blocks = stat.blocks,
		.atime = statx_time(stat.atime), .btime = statx_time(stat.btime),
		.ctime = statx_time(stat.ctime), .mtime = statx_time(stat.mtime),
		.rdev_major = (uint32_t)(stat.rdev >> 8), .rdev_minor = (uint32_t)(stat.rdev & 0xff),
		.dev_major = (uint32_t)(stat.dev >> 8), .dev_minor = (uint32_t)(stat.dev & 0xff),
	};
	return mm_copy_out(to, &out, sizeof(out));
}

SYSCALL5(statx, int, dirfd, uaddr_t, path, uint32_t, flags, uint32_t, mask, uaddr_t, to)
{
	if (mask >> 31 || (flags & ~(uint32_t)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
					       AT_STATX_SYNC)))
		return -EINVAL;
	return WITH_PATH(dirfd, path, statx_path(&at, flags, to));
}
