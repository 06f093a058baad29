// SPDX-License-Identifier: MIT
// Inline half of mm/io_vec.h.
#pragma once

static inline void io_vec_init_user(struct io_vec *io, uaddr_t base, uint64_t len)
{
	io->single = (struct io_piece){base, len};
	io->pieces = &io->single;
	io->piece_count = 1;
	io->is_kernel = false;
	io->offset = 0;
	io->left = len;
}

static inline void io_vec_init_kernel(struct io_vec *io, void *base, uint64_t len)
{
	io_vec_init_user(io, (uintptr_t)base, len);
	io->is_kernel = true;
}

static inline void io_vec_init_user_pieces(struct io_vec *io, const struct io_piece *pieces,
					   unsigned count, uint64_t total)
{
	io->pieces = pieces;
	io->piece_count = count;
	io->is_kernel = false;
	io->offset = 0;
	io->left = total;
}
