// SPDX-License-Identifier: MIT
// System calls on descriptors.
#include "syscall.h"

#include <fs/fs.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <object/file.h>
#include <proc/signal.h>
#include <uapi/ioctl.h>

#define IOV_MAX 1024

enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN,
       F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ = 1031, F_GETPIPE_SZ = 1032 };
#define F_UNLCK 2
#define FL_CHANGEABLE (O_APPEND | O_NONBLOCK | O_ASYNC | ABI_O_DIRECT | O_NOATIME)

static struct fdtable *fds(void)
{
	return current_thread()->object.fds;
}

// ---- read and write -------------------------------------------------------------------------------

no_inline int64_t abi_broken_pipe(void)
{
	struct siginfo info = {.signo = SIGPIPE, .code = SI_KERNEL};
	(void)signal_send_thread(current_thread(), &info);
	return -EPIPE;
}

static always_inline int64_t transfer(uint32_t fd, struct io_vec *io, int64_t pos, bool is_write)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, is_write ? FILE_RIGHT_WRITE : FILE_RIGHT_READ, &ref);
	if (unlikely(err))
		return err;
	int64_t result;
	if (pos != -1 && ref.file->is_stream)
		result = -ESPIPE;
	else
		result = is_write ? fs_write(ref.file, io, pos) : fs_read(ref.file, io, pos);
	file_ref_drop(&ref);
	if (unlikely(result == -EPIPE) && is_write)
		return abi_broken_pipe();
	return abi_restartable(result);
}

SYSCALL3(read, uint32_t, fd, uaddr_t, buf, uint64_t, len)
{
	struct io_vec io;
	io_vec_init_user(&io, buf, min(len, ABI_IO_MAX));
	return transfer(fd, &io, -1, false);
}

SYSCALL3(write, uint32_t, fd, uaddr_t, buf, uint64_t, len)
{
	struct io_vec io;
	io_vec_init_user(&io, buf, min(len, ABI_IO_MAX));
	return transfer(fd, &io, -1, true);
}

SYSCALL4(pread64, uint32_t, fd, uaddr_t, buf, uint64_t, len, int64_t, pos)
{
	struct io_vec io;
	io_vec_init_user(&io, buf, min(len, ABI_IO_MAX));
	return pos < 0 ? -EINVAL : transfer(fd, &io, pos, false);
}

SYSCALL4(pwrite64, uint32_t, fd, uaddr_t, buf, uint64_t, len, int64_t, pos)
{
	struct io_vec io;
	io_vec_init_user(&io, buf, min(len, ABI_IO_MAX));
	return pos < 0 ? -EINVAL : transfer(fd, &io, pos, true);
}

err_t abi_get_pieces(uaddr_t at, uint32_t count, struct io_piece **pieces, uint64_t *total)
{
	if (count > IOV_MAX)
		return -EINVAL;
	struct io_piece *copy = kcalloc(max(count, 1u), sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	err_t err = mm_copy_in(copy, at, count * sizeof(*copy));
	*total = 0;
	for (uint32_t i = 0; !err && i < count; i++) {
		if (copy[i].len > INT64_MAX)
			err = -EINVAL;
		copy[i].len = min(copy[i].len, ABI_IO_MAX - *total);
		*total += copy[i].len;
	}
	if (err)
		kfree(copy);
	else
		*pieces = copy;
	return err;
}

static int64_t transfer_pieces(uint32_t fd, uaddr_t at, uint32_t count, int64_t pos, bool is_write)
{
	struct io_piece *pieces;
	struct io_vec io;
	uint64_t total;
	err_t err = abi_get_pieces(at, count, &pieces, &total);
	if (err)
		return err;
	io_vec_init_user_pieces(&io, pieces, count, total);
	int64_t result = transfer(fd, &io, pos, is_write);
	kfree(pieces);
	return result;
}

SYSCALL3(readv, uint32_t, fd, uaddr_t, at, uint32_t, count)
{
	return transfer_pieces(fd, at, count, -1, false);
}

SYSCALL3(writev, uint32_t, fd, uaddr_t, at, uint32_t, count)
{
	return transfer_pieces(fd, at, count, -1, true);
}

SYSCALL4(preadv, uint32_t, fd, uaddr_t, at, uint32_t, count, int64_t, pos)
{
	return pos < 0 ? -EINVAL : transfer_pieces(fd, at, count, pos, false);
}

SYSCALL4(pwritev, uint32_t, fd, uaddr_t, at, uint32_t, count, int64_t, pos)
{
	return pos < 0 ? -EINVAL : transfer_pieces(fd, at, count, pos, true);
}

SYSCALL6(preadv2, uint32_t, fd, uaddr_t, at, uint32_t, count, int64_t, pos, uint64_t, high, uint32_t, flags)
{
	(void)high;
	return flags ? -EOPNOTSUPP : pos < -1 ? -EINVAL : transfer_pieces(fd, at, count, pos, false);
}

SYSCALL6(pwritev2, uint32_t, fd, uaddr_t, at, uint32_t, count, int64_t, pos, uint64_t, high, uint32_t, flags)
{
	(void)high;
	return flags ? -EOPNOTSUPP : pos < -1 ? -EINVAL : transfer_pieces(fd, at, count, pos, true);
}

SYSCALL3(lseek, uint32_t, fd, int64_t, offset, int, whence)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	int64_t result = fs_seek(ref.file, offset, whence);
	file_ref_drop(&ref);
	return result;
}

/** sendfile, copy_file_range, splice of files: positions from user space or the files' own. */
static int64_t copy(uint32_t in_fd, uaddr_t in_pos_at, uint32_t out_fd, uaddr_t out_pos_at, uint64_t len)
{
	struct file_ref in, out;
	int64_t in_pos = 0, out_pos = 0;
	if ((in_pos_at && mm_copy_in(&in_pos, in_pos_at, 8)) ||
	    (out_pos_at && mm_copy_in(&out_pos, out_pos_at, 8)))
		return -EFAULT;
	if (in_pos < 0 || out_pos < 0)
		return -EINVAL;
	err_t err = file_ref_take(in_fd, FILE_RIGHT_READ, &in);
	if (err)
		return err;
	err = file_ref_take(out_fd, FILE_RIGHT_WRITE, &out);
	int64_t result = err;
	if (!err) {
		result = fs_copy(in.file, in_pos_at ? &in_pos : NULL, out.file,
				 out_pos_at ? &out_pos : NULL, min(len, ABI_IO_MAX));
		file_ref_drop(&out);
	}
	file_ref_drop(&in);
	if (result == -EPIPE)
		return abi_broken_pipe();
	if (result >= 0 && ((in_pos_at && mm_copy_out(in_pos_at, &in_pos, 8)) ||
			    (out_pos_at && mm_copy_out(out_pos_at, &out_pos, 8))))
		return -EFAULT;
	return abi_restartable(result);
}

SYSCALL4(sendfile, uint32_t, out_fd, uint32_t, in_fd, uaddr_t, pos_at, uint64_t, len)
{
	return copy(in_fd, pos_at, out_fd, 0, len);
}

SYSCALL6(copy_file_range, uint32_t, in_fd, uaddr_t, in_pos, uint32_t, out_fd, uaddr_t, out_pos, uint64_t, len,
	 uint32_t, flags)
{
	return flags ? -EINVAL : copy(in_fd, in_pos, out_fd, out_pos, len);
}

// ---- descriptors ----------------------------------------------------------------------------------

SYSCALL1(close, uint32_t, fd)
{
	return fd_close(fds(), fd);
}

SYSCALL3(close_range, uint32_t, first, uint32_t, last, uint32_t, flags)
{
	if (first > last || (flags & ~4u)) // CLOSE_RANGE_CLOEXEC
		return -EINVAL;
	return fd_close_range(fds(), first, last, flags & 4 ? FD_CLOEXEC : 0);
}

static int64_t duplicate(uint32_t fd, uint32_t min_fd, uint32_t flags)
{
	struct grant *grant = fd_lookup_get(fds(), fd);
	if (!grant)
		return -EBADF;
	int result = fd_install(fds(), grant, min_fd, flags);
	if (result < 0)
		grant_put(grant);
	return result;
}

static int64_t duplicate_at(uint32_t fd, uint32_t at, uint32_t flags)
{
	struct grant *grant = fd_lookup_get(fds(), fd);
	if (!grant)
		return -EBADF;
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

/** Record locks: one system, no other owner can conflict yet but through fork; a lock is always had,
 *  and nobody else's is ever reported. */
static int64_t record_lock(uint32_t command, uaddr_t at)
{
	int16_t head[2];
	if (mm_copy_in(head, at, sizeof(head)))
		return -EFAULT;
	if (head[0] < 0 || head[0] > F_UNLCK)
		return -EINVAL;
	if (command != F_GETLK)
		return 0;
	head[0] = F_UNLCK;
	return mm_copy_out(at, head, sizeof(head));
}

static int64_t fcntl_file(struct file *file, uint32_t command, uint64_t arg)
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
		return record_lock(command, arg);
	case F_SETOWN:
		return 0;
	case F_GETOWN:
		return 0;
	case F_SETPIPE_SZ:
		return fs_pipe_set_size(file, arg);
	case F_GETPIPE_SZ:
		return fs_pipe_get_size(file);
	default:
		return -EINVAL;
	}
}

SYSCALL3(fcntl, uint32_t, fd, uint32_t, command, uint64_t, arg)
{
	struct file_ref ref;
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
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	int64_t result = fcntl_file(ref.file, command, arg);
	file_ref_drop(&ref);
	return result;
}

SYSCALL2(flock, uint32_t, fd, uint32_t, operation)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	err = fs_flock(ref.file, operation);
	file_ref_drop(&ref);
	return err;
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

SYSCALL3(ioctl, uint32_t, fd, uint32_t, command, uint64_t, arg)
{
	struct file_ref ref;
	err_t err = file_ref_take(fd, 0, &ref);
	if (err)
		return err;
	int64_t result = ioctl_file(ref.file, fd, command, arg);
	file_ref_drop(&ref);
	return abi_restartable(result);
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

SYSCALL4(fadvise64, uint32_t, fd, uint64_t, offset, uint64_t, len, int, advice)
{
	(void)offset, (void)len;
	return advice < 0 || advice > 5 ? -EINVAL : sync_file(fd);
}

SYSCALL3(readahead, uint32_t, fd, uint64_t, offset, uint64_t, len)
{
	(void)offset, (void)len;
	return sync_file(fd);
}
