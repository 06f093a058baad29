// SPDX-License-Identifier: MIT
// System calls that move bytes between files inside the kernel.
#include "syscall.h"
#include "with_file.h"

#include <abi/procfs.h>
#include <fs/fs.h>
#include <mm/io_vec.h>
#include <mm/slab.h>

enum { SPLICE_F_NONBLOCK = 2, SPLICE_F_ALL = 15 };

/** Two files, positions from user space (or the files' own), and what is to be done with them. */
struct transfer {
	uint32_t in_fd, out_fd;
	uaddr_t in_pos_at, out_pos_at;
	uint64_t len;
	bool nonblock;
};
typedef int64_t move_fn(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, uint64_t len,
			bool nonblock);

static int64_t copy(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, uint64_t len,
		    bool nonblock)
{
	(void)nonblock;
	return fs_copy(in, in_pos, out, out_pos, len);
}

static int64_t splice(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, uint64_t len,
		      bool nonblock)
{
	return fs_splice(procfs_alias_target(in), in_pos, procfs_alias_target(out), out_pos, len, nonblock);
}

static int64_t tee(struct file *in, int64_t *in_pos, struct file *out, int64_t *out_pos, uint64_t len,
		   bool nonblock)
{
	(void)in_pos;
	(void)out_pos;
	return fs_tee(procfs_alias_target(in), procfs_alias_target(out), len, nonblock);
}

static int64_t move(const struct transfer *t, move_fn *fn)
{
	struct file_ref in, out;
	int64_t in_pos = 0, out_pos = 0;
	if ((t->in_pos_at && mm_copy_in(&in_pos, t->in_pos_at, 8)) ||
	    (t->out_pos_at && mm_copy_in(&out_pos, t->out_pos_at, 8)))
		return -EFAULT;
	if (in_pos < 0 || out_pos < 0)
		return -EINVAL;
	err_t err = file_ref_take(t->in_fd, FILE_RIGHT_READ, &in);
	if (err)
		return err;
	err = file_ref_take(t->out_fd, FILE_RIGHT_WRITE, &out);
	int64_t result = err;
	if (!err) {
		result = fn(in.file, t->in_pos_at ? &in_pos : NULL, out.file,
			    t->out_pos_at ? &out_pos : NULL, min(t->len, ABI_IO_MAX), t->nonblock);
		file_ref_drop(&out);
	}
	file_ref_drop(&in);
	if (result == -EPIPE)
		return abi_broken_pipe();
	if (result == -EFBIG)
		return abi_file_too_large();
	if (result >= 0 && ((t->in_pos_at && mm_copy_out(t->in_pos_at, &in_pos, 8)) ||
			    (t->out_pos_at && mm_copy_out(t->out_pos_at, &out_pos, 8))))
		return -EFAULT;
	return abi_restartable(result);
}

SYSCALL4(sendfile, uint32_t, out_fd, uint32_t, in_fd, uaddr_t, pos_at, uint64_t, len)
{
	return move(&(struct transfer){in_fd, out_fd, pos_at, 0, len, false}, copy);
}

// Partly: no flags, as in Linux; files are copied, never shared.
SYSCALL6(copy_file_range, uint32_t, in_fd, uaddr_t, in_pos, uint32_t, out_fd, uaddr_t, out_pos, uint64_t, len,
	 uint32_t, flags)
{
	if (flags)
		return -EINVAL;
	return move(&(struct transfer){in_fd, out_fd, in_pos, out_pos, len, false}, copy);
}

static int64_t check_splice(uint64_t len, uint32_t flags)
{
	return !len ? 0 : flags & ~(uint32_t)SPLICE_F_ALL ? -EINVAL : 1;
}

SYSCALL6(splice, uint32_t, in_fd, uaddr_t, in_pos, uint32_t, out_fd, uaddr_t, out_pos, uint64_t, len,
	 uint32_t, flags)
{
	int64_t result = check_splice(len, flags);
	bool nonblock = flags & SPLICE_F_NONBLOCK;
	return result <= 0 ? result
			   : move(&(struct transfer){in_fd, out_fd, in_pos, out_pos, len, nonblock}, splice);
}

SYSCALL4(tee, uint32_t, in_fd, uint32_t, out_fd, uint64_t, len, uint32_t, flags)
{
	int64_t result = check_splice(len, flags);
	bool nonblock = flags & SPLICE_F_NONBLOCK;
	return result <= 0 ? result
			   : move(&(struct transfer){in_fd, out_fd, 0, 0, len, nonblock}, tee);
}

// Partly: pages are copied, never given away.
SYSCALL4(vmsplice, uint32_t, fd, uaddr_t, at, uint32_t, count, uint32_t, flags)
{
	struct io_piece *pieces;
	struct io_vec io;
	uint64_t total;
	if (flags & ~(uint32_t)SPLICE_F_ALL)
		return -EINVAL;
	err_t err = abi_get_pieces(at, count, &pieces, &total);
	if (err)
		return err;
	io_vec_init_user_pieces(&io, pieces, count, total);
	int64_t result = WITH_FILE(fd, 0, fs_vmsplice(procfs_alias_target(file), &io, flags & SPLICE_F_NONBLOCK));
	kfree(pieces);
	return result == -EPIPE ? abi_broken_pipe() : abi_restartable(result);
}
