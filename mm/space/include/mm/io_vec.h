// SPDX-License-Identifier: MIT
// The buffers of one read or write: user memory of the current thread or kernel memory, one piece or
// several. Copying consumes it; what could not be copied stays.
#pragma once

#include <lib/types.h>
#include <mm/ucopy.h>

struct io_piece {
	uint64_t base; // user address, or kernel pointer
	uint64_t len;
};

struct io_vec {
	const struct io_piece *pieces; // kernel copy of the iovec array
	unsigned piece_count;
	bool is_kernel;
	uint64_t offset; // into pieces[0]
	uint64_t left; // bytes in all pieces together
	struct io_piece single; // for one piece
};

static inline void io_vec_init_user(struct io_vec *io, uaddr_t base, uint64_t len);
static inline void io_vec_init_kernel(struct io_vec *io, void *base, uint64_t len);
/** @pieces is kernel memory that outlives @io; lengths are summed by the caller (@total). */
static inline void io_vec_init_user_pieces(struct io_vec *io, const struct io_piece *pieces,
					   unsigned count, uint64_t total);

/** Copy up to @len bytes into / out of the buffers: bytes copied. Fewer than min(@len, left) means
 *  that user memory could not be reached: -EFAULT if nothing had been copied before. May sleep. */
size_t io_vec_put(struct io_vec *io, const void *from, size_t len); // for read(2)
size_t io_vec_take(struct io_vec *io, void *to, size_t len); // for write(2)
size_t io_vec_put_zeros(struct io_vec *io, size_t len);

#include <mm/io_vec_inline.h>
