// SPDX-License-Identifier: MIT
// System calls that read, write and close.
#include "syscall.h"
#include "with_file.h"

#include <fs/vnode.h>
#include <mm/io_vec.h>
#include <mm/slab.h>
#include <proc/signal.h>

#define IOV_MAX 1024

// ---- read and write -------------------------------------------------------------------------------

no_inline int64_t abi_broken_pipe(void)
{
	struct siginfo info = {.signo = SIGPIPE, .code = SI_KERNEL};
	(void)signal_send_thread(current_process(), current_thread(), &info);
	return -EPIPE;
}

int64_t abi_file_too_large(void)
{
	struct siginfo info = {.signo = SIGXFSZ, .code = SI_KERNEL};
	if (proc_limit(RLIMIT_FSIZE) != UINT64_MAX)
		(void)signal_send_thread(current_process(), current_thread(), &info);
	return -EFBIG;
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
	if (unlikely(result == -EFBIG) && is_write)
		return abi_file_too_large();
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

// Partly: flags: EOPNOTSUPP.
SYSCALL6(preadv2, uint32_t, fd, uaddr_t, at, uint32_t, count, int64_t, pos, uint64_t, high, uint32_t, flags)
{
	(void)high;
	return flags ? -EOPNOTSUPP : pos < -1 ? -EINVAL : transfer_pieces(fd, at, count, pos, false);
}

// Partly: flags: EOPNOTSUPP.
SYSCALL6(pwritev2, uint32_t, fd, uaddr_t, at, uint32_t, count, int64_t, pos, uint64_t, high, uint32_t, flags)
{
	(void)high;
	return flags ? -EOPNOTSUPP : pos < -1 ? -EINVAL : transfer_pieces(fd, at, count, pos, true);
}

SYSCALL3(lseek, uint32_t, fd, int64_t, offset, int, whence)
{
	return WITH_FILE(fd, 0, fs_seek(file, offset, whence));
}

SYSCALL1(close, uint32_t, fd)
{
	return fd_close(current_thread()->object.fds, fd);
}
