// SPDX-License-Identifier: MIT
// Copies through io_vec: piece by piece, stopping at the first byte that cannot be reached.
#include <lib/string.h>
#include <mm/io_vec.h>

/** Skip finished pieces; the address of the next byte and how many follow it in its piece. */
static uint64_t current_piece(struct io_vec *io, uint64_t *room)
{
	while (io->offset == io->pieces[0].len) {
		io->pieces++;
		io->piece_count--;
		io->offset = 0;
	}
	*room = io->pieces[0].len - io->offset;
	return io->pieces[0].base + io->offset;
}

static void advance(struct io_vec *io, size_t n)
{
	io->offset += n;
	io->left -= n;
}

size_t io_vec_put(struct io_vec *io, const void *from, size_t len)
{
	size_t done = 0;
	while (done < len && io->left > 0) {
		uint64_t room, at = current_piece(io, &room);
		size_t want = min(room, (uint64_t)(len - done)), n = want;
		if (io->is_kernel)
			memcpy((void *)(uintptr_t)at, (const char *)from + done, want);
		else
			n = mm_copy_out_partial(at, (const char *)from + done, want);
		advance(io, n);
		done += n;
		if (n < want)
			break;
	}
	return done;
}

size_t io_vec_take(struct io_vec *io, void *to, size_t len)
{
	size_t done = 0;
	while (done < len && io->left > 0) {
		uint64_t room, at = current_piece(io, &room);
		size_t want = min(room, (uint64_t)(len - done)), n = want;
		if (io->is_kernel)
			memcpy((char *)to + done, (const void *)(uintptr_t)at, want);
		else
			n = mm_copy_in_partial((char *)to + done, at, want);
		advance(io, n);
		done += n;
		if (n < want)
			break;
	}
	return done;
}

size_t io_vec_put_zeros(struct io_vec *io, size_t len)
{
	static const char zeros[512];
	size_t done = 0;
	while (done < len) {
		size_t want = min(len - done, sizeof(zeros)), n = io_vec_put(io, zeros, want);
		done += n;
		if (n < want)
			break;
	}
	return done;
}
