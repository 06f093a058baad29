// SPDX-License-Identifier: MIT
// System calls on descriptors: copies, flags, locks, pipes; and those that would write back.
#include "syscall.h"
#include "with_file.h"

#include <fs/vnode.h>
#include <uapi/ioctl.h>

enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN,
       F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032,
       F_ADD_SEALS = 1033, F_GET_SEALS = 1034 };
#define F_UNLCK 2
#define FL_CHANGEABLE (O_APPEND | O_NONBLOCK | O_ASYNC | ABI_O_DIRECT | O_NOATIME)

static struct fdtable *fds(void)
{
	return current_thread()->object.fds;
}

SYSCALL3(close_range, uint32_t, first, uint32_t, last, uint32_t, flags)
{
	if (first > last || (flags & ~4u)) // CLOSE_RANGE_CLOEXEC
		return -EINVAL;
	return fd_close_range(fds(), first, last, flags & 4 ? FD_CLOEXEC : 0);
}

/** The grant of @fd for one more descriptor; NULL and the error. */
static struct grant *get_shared(uint32_t fd, err_t *err)
{
	struct grant *grant = fd_lookup_get(fds(), fd);
	*err = grant && grant_is_single(grant) ? -EPERM : -EBADF;
	if (!grant || *err == -EBADF)
		return grant;
	grant_put(grant);
	return NULL;
}

static int64_t duplicate(uint32_t fd, uint32_t min_fd, uint32_t flags)
{
	err_t err;
	struct grant *grant = get_shared(fd, &err);
	if (!grant)
		return err;
	int result = fd_install(fds(), grant, min_fd, flags);
	if (result < 0)
		grant_put(grant);
	return result;
}

static int64_t duplicate_at(uint32_t fd, uint32_t at, uint32_t flags)
{
	err_t err;
	struct grant *grant = get_shared(fd, &err);
	if (!grant)
		return err;
	int result = fd_install_at(fds(), grant, at, flags);
	if (result < 0)
		grant_put(grant);
	return result;
}

SYSCALL1(dup, uint32_t, fd)
{
	return duplicate(fd, 0, 0);
}

SYSCALL2(dup2, uint32_t, fd, uint32_t, at)
{
	if (fd == at)
		return fd_get_flags(fds(), fd) < 0 ? -EBADF : (int64_t)fd;
	return duplicate_at(fd, at, 0);
}

SYSCALL3(dup3, uint32_t, fd, uint32_t, at, uint32_t, flags)
{
	if (fd == at || (flags & ~(uint32_t)O_CLOEXEC))
		return -EINVAL;
	return duplicate_at(fd, at, flags & O_CLOEXEC ? FD_CLOEXEC : 0);
}

static int64_t set_status_flags(struct file *file, uint32_t wanted)
{
	uint32_t flags = load_relaxed(&file->flags);
	while (!cas_acq_rel(&file->flags, &flags, (flags & ~FL_CHANGEABLE) | (wanted & FL_CHANGEABLE)))
		;
	return 0;
}

/** Linux's struct flock. */
struct linux_flock {
	int16_t type, whence;
	int64_t start, len;
	int32_t pid;
};

/** The range that @in names, relative to @file's position or end. */
static err_t get_range(struct file *file, const struct linux_flock *in, struct fs_record_lock *lock)
{
	int64_t base = 0, start, last;
	if (in->whence == FS_SEEK_CUR)
		base = file->is_stream ? 0 : file->pos;
	else if (in->whence == FS_SEEK_END)
		base = file->vnode ? (int64_t)file->vnode->size : 0;
	else if (in->whence != FS_SEEK_SET)
		return -EINVAL;
	if (__builtin_add_overflow(base, in->start, &start))
		return -EOVERFLOW;
	if (in->len < 0) { // the bytes before
		last = start - 1;
		if (__builtin_add_overflow(start, in->len, &start))
			return -EINVAL;
	} else if (!in->len) {
		last = INT64_MAX;
	} else if (__builtin_add_overflow(start, in->len - 1, &last)) {
		return -EOVERFLOW;
	}
	if (start < 0)
		return -EINVAL;
	lock->start = (uint64_t)start;
	lock->end = last == INT64_MAX ? UINT64_MAX : (uint64_t)last;
	return 0;
}

static err_t get_record_lock(struct file *file, const struct linux_flock *in, bool is_ofd,
			     struct fs_record_lock *lock)
{
	static const enum fs_lock_type types[] = {FS_LOCK_READ, FS_LOCK_WRITE, FS_LOCK_NONE};
	if (in->type < 0 || in->type > F_UNLCK || (is_ofd && in->pid))
		return -EINVAL;
	lock->type = types[in->type];
	lock->is_ofd = is_ofd;
	return get_range(file, in, lock);
}

static int64_t test_record_lock(struct file *file, struct fs_record_lock *lock, struct linux_flock *in, uaddr_t at)
{
	static const int16_t types[] = {[FS_LOCK_READ] = 0, [FS_LOCK_WRITE] = 1, [FS_LOCK_NONE] = F_UNLCK};
	if (lock->type == FS_LOCK_NONE)
		return -EINVAL;
	fs_record_test(file, lock);
	in->type = types[lock->type];
	if (lock->type != FS_LOCK_NONE) {
		in->whence = FS_SEEK_SET;
		in->start = (int64_t)lock->start;
		in->len = lock->end == UINT64_MAX ? 0 : (int64_t)(lock->end - lock->start + 1);
		in->pid = (int32_t)lock->pid;
	}
	return mm_copy_out(at, in, sizeof(*in));
}

static int64_t set_record_lock(struct file *file, uint32_t fd, struct fs_record_lock *lock, bool waits)
{
	bool is_write = lock->type == FS_LOCK_WRITE;
	uint32_t right = is_write ? FILE_RIGHT_WRITE : FILE_RIGHT_READ;
	if (lock->type != FS_LOCK_NONE && !grant_allows(&file->grant, OBJECT_FILE | right))
		return -EBADF;
	err_t err = fs_record_set(file, lock, waits);
	if (err || lock->is_ofd || lock->type == FS_LOCK_NONE)
		return err;
	// Closed meanwhile: nobody would give it back.
	if (fd_lookup(fds(), fd) == &file->grant)
		return 0;
	lock->type = FS_LOCK_NONE;
	(void)!fs_record_set(file, lock, false);
	return -EBADF;
}

static int64_t record_lock(struct file *file, uint32_t fd, uint32_t command, uaddr_t at)
{
	struct linux_flock in;
	struct fs_record_lock lock;
	bool is_ofd = command >= F_OFD_GETLK;
	if (mm_copy_in(&in, at, sizeof(in)))
		return -EFAULT;
	err_t err = get_record_lock(file, &in, is_ofd, &lock);
	if (err)
		return err;
	if (command == F_GETLK || command == F_OFD_GETLK)
		return test_record_lock(file, &lock, &in, at);
	return set_record_lock(file, fd, &lock, command == F_SETLKW || command == F_OFD_SETLKW);
}

static int64_t fcntl_file(struct file *file, uint32_t fd, uint32_t command, uint64_t arg)
{
	switch (command) {
	case F_GETFL:
		return load_relaxed(&file->flags) & ~(uint32_t)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC) &
		       0x7fffff;
	case F_SETFL:
		return set_status_flags(file, (uint32_t)arg);
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return record_lock(file, fd, command, arg);
	case F_SETOWN:
		return 0;
	case F_GETOWN:
		return 0;
	case F_SETPIPE_SZ:
		return fs_pipe_set_size(file, arg);
	case F_GETPIPE_SZ:
		return fs_pipe_get_size(file);
	case F_ADD_SEALS:
		return fs_add_seals(file, (uint32_t)arg);
	case F_GET_SEALS:
		return fs_get_seals(file);
	default:
		return -EINVAL;
	}
}

// Partly: no leases; F_SETOWN and F_SETSIG change nothing.
SYSCALL3(fcntl, uint32_t, fd, uint32_t, command, uint64_t, arg)
{
	switch (command) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (arg >= fds()->limit)
			return -EINVAL;
		return duplicate(fd, (uint32_t)arg, command == F_DUPFD_CLOEXEC ? FD_CLOEXEC : 0);
	case F_GETFD:
		return fd_get_flags(fds(), fd);
	case F_SETFD:
		return fd_set_flags(fds(), fd, arg & FD_CLOEXEC);
	default:
		break;
	}
	return WITH_FILE(fd, 0, fcntl_file(file, fd, command, arg));
}

SYSCALL2(flock, uint32_t, fd, uint32_t, operation)
{
	return WITH_FILE(fd, 0, fs_flock(file, operation));
}

static int64_t ioctl_file(struct file *file, uint32_t fd, uint32_t command, uint64_t arg)
{
	uint32_t on;
	switch (command) {
	case FIOCLEX:
		return fd_set_flags(fds(), fd, FD_CLOEXEC);
	case FIONCLEX:
		return fd_set_flags(fds(), fd, 0);
	case FIONBIO:
		if (abi_get32(arg, &on))
			return -EFAULT;
		if (on)
			fetch_or_acq_rel(&file->flags, O_NONBLOCK);
		else
			fetch_and_acq_rel(&file->flags, ~(uint32_t)O_NONBLOCK);
		return 0;
	default:
		return file->ops->ioctl ? file->ops->ioctl(file, command, arg) : -ENOTTY;
	}
}

// Partly: terminals, pseudo-terminals, FIONBIO, FIOCLEX and what devices say; the rest: ENOTTY.
SYSCALL3(ioctl, uint32_t, fd, uint32_t, command, uint64_t, arg)
{
	return abi_restartable(WITH_FILE(fd, 0, ioctl_file(file, fd, command, arg)));
}

// ---- pipes ----------------------------------------------------------------------------------------

int64_t abi_install_pair(struct file *ends[2], uint32_t fd_flags, uaddr_t at)
{
	int32_t out[2];
	out[0] = file_install(ends[0], fd_flags);
	if (out[0] < 0) {
		grant_put(&ends[1]->grant);
		return out[0];
	}
	out[1] = file_install(ends[1], fd_flags);
	err_t err = out[1] < 0 ? out[1] : mm_copy_out(at, out, sizeof(out));
	if (err) {
		(void)fd_close(fds(), (uint32_t)out[0]);
		if (out[1] >= 0)
			(void)fd_close(fds(), (uint32_t)out[1]);
	}
	return err;
}

static int64_t make_pipe(uaddr_t at, uint32_t flags)
{
	struct file *ends[2];
	if (flags & ~(uint32_t)(O_CLOEXEC | O_NONBLOCK | ABI_O_DIRECT))
		return -EINVAL;
	err_t err = fs_pipe_create(flags & O_NONBLOCK, &ends[0], &ends[1]);
	return err ? err : abi_install_pair(ends, flags & O_CLOEXEC ? FD_CLOEXEC : 0, at);
}

SYSCALL1(pipe, uaddr_t, at)
{
	return make_pipe(at, 0);
}

SYSCALL2(pipe2, uaddr_t, at, uint32_t, flags)
{
	return make_pipe(at, flags);
}

// ---- nothing is kept back: there is no disk ---------------------------------------------------------

static int64_t sync_file(uint32_t fd)
{
	return fd_get_flags(fds(), fd) < 0 ? -EBADF : 0;
}

SYSCALL1(fsync, uint32_t, fd)
{
	return sync_file(fd);
}

SYSCALL1(fdatasync, uint32_t, fd)
{
	return sync_file(fd);
}

SYSCALL1(syncfs, uint32_t, fd)
{
	return sync_file(fd);
}

SYSCALL0(sync)
{
	return 0;
}

// Partly: accepted; files are in memory.
SYSCALL4(fadvise64, uint32_t, fd, uint64_t, offset, uint64_t, len, int, advice)
{
	(void)offset, (void)len;
	return advice < 0 || advice > 5 ? -EINVAL : sync_file(fd);
}

SYSCALL4(sync_file_range, uint32_t, fd, int64_t, offset, int64_t, len, uint32_t, flags)
{
	return offset < 0 || len < 0 || flags > 7 ? -EINVAL : sync_file(fd);
}

// Partly: accepted; files are in memory.
SYSCALL3(readahead, uint32_t, fd, uint64_t, offset, uint64_t, len)
{
	(void)offset, (void)len;
	return sync_file(fd);
}
