// SPDX-License-Identifier: MIT
// socketpair(AF_UNIX, SOCK_STREAM): two pipes back to back, an end of each for either file.
#include "pipe.h"

struct pair {
	struct pipe pipes[2]; // pipes[i] carries what end i writes
	struct poll_source polls[2]; // of the ends
	_Atomic uint32_t ends;
	uint64_t ino; // of end 0; end 1 has the next
};

/** One end. @pair outlives both. */
struct socket {
	struct pair *pair;
	unsigned side;
	_Atomic uint32_t shut; // SHUT_READ | SHUT_WRITE: that direction is given up
};
enum { SHUT_READ = 1, SHUT_WRITE = 2 };

static struct pipe *out_of(const struct socket *socket)
{
	return &socket->pair->pipes[socket->side];
}

static struct pipe *into(const struct socket *socket)
{
	return &socket->pair->pipes[!socket->side];
}

static bool is_nonblock(struct file *file)
{
	return load_relaxed(&file->flags) & O_NONBLOCK;
}

static int64_t socket_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct socket *socket = file->data;
	(void)pos;
	if (unlikely(load_relaxed(&socket->shut) & SHUT_READ))
		return 0;
	return pipe_get(into(socket), io, is_nonblock(file));
}

static int64_t socket_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct socket *socket = file->data;
	(void)pos;
	if (unlikely(load_relaxed(&socket->shut) & SHUT_WRITE))
		return -EPIPE;
	return pipe_put(out_of(socket), io, is_nonblock(file));
}

static uint32_t socket_poll(struct file *file, struct poll_entry *entry)
{
	struct socket *socket = file->data;
	uint32_t shut = load_relaxed(&socket->shut);
	poll_link(&socket->pair->polls[socket->side], entry);
	uint32_t in = pipe_poll_reader(into(socket)), out = pipe_poll_writer(out_of(socket));
	bool no_input = (in & POLLHUP) || (shut & SHUT_READ);
	bool no_output = (out & POLLERR) || (shut & SHUT_WRITE);
	uint32_t events = (in & (POLLIN | POLLRDNORM)) | (out & (POLLOUT | POLLWRNORM));
	if (no_input)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (no_input && no_output)
		events |= POLLHUP;
	return events;
}

static int64_t socket_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	return pipe_ioctl(into(file->data), command, arg);
}

static err_t shut_down(struct socket *socket, uint32_t what)
{
	uint32_t fresh = what & ~fetch_or_acq_rel(&socket->shut, what);
	if (fresh & SHUT_READ)
		pipe_drop_reader(into(socket));
	if (fresh & SHUT_WRITE)
		pipe_drop_writer(out_of(socket));
	return 0;
}

static void pair_put(struct pair *pair)
{
	if (fetch_sub_acq_rel(&pair->ends, 1) != 1)
		return;
	for (unsigned i = 0; i < 2; i++) {
		poll_source_destroy(&pair->polls[i], POLLHUP);
		pipe_free_pages(&pair->pipes[i]);
	}
	kfree(pair);
}

static void socket_release(struct file *file)
{
	struct socket *socket = file->data;
	(void)!shut_down(socket, SHUT_READ | SHUT_WRITE);
	pair_put(socket->pair);
	kfree(socket);
}

static const struct file_ops socket_ops = {
	.name = "socket",
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

bool fs_is_socket(struct file *file)
{
	return file->ops == &socket_ops;
}

uint64_t socket_ino(struct file *file)
{
	const struct socket *socket = file->data;
	return fs_is_socket(file) ? socket->pair->ino + socket->side : 0;
}

err_t fs_socket_shutdown(struct file *file, int how)
{
	static const uint32_t what[] = {SHUT_READ, SHUT_WRITE, SHUT_READ | SHUT_WRITE};
	if (!fs_is_socket(file))
		return -ENOTSOCK;
	if (how < 0 || how > 2)
		return -EINVAL;
	return shut_down(file->data, what[how]);
}

static struct pair *pair_create(void)
{
	struct pair *pair = kmalloc(sizeof(*pair));
	if (!pair)
		return NULL;
	for (unsigned i = 0; i < 2; i++) {
		poll_source_init(&pair->polls[i]);
		pipe_setup(&pair->pipes[i], &pair->polls[!i], &pair->polls[i]);
	}
	atomic_init(&pair->ends, 2);
	pair->ino = anon_ino();
	(void)anon_ino();
	return pair;
}

/** Takes over one end of @pair; on failure that end is closed. */
static struct file *end_create(struct pair *pair, unsigned side, uint32_t flags)
{
	struct socket *socket = kzalloc(sizeof(*socket));
	struct file *file = socket ? file_create(&socket_ops, O_RDWR | flags, socket) : NULL;
	if (!file) {
		kfree(socket);
		pair_put(pair);
		return NULL;
	}
	socket->pair = pair;
	socket->side = side;
	file->is_stream = 1;
	return file;
}

err_t fs_socketpair_create(uint32_t open_flags, struct file *ends[2])
{
	struct pair *pair = pair_create();
	if (!pair)
		return -ENOMEM;
	ends[0] = end_create(pair, 0, open_flags & O_NONBLOCK);
	ends[1] = end_create(pair, 1, open_flags & O_NONBLOCK);
	if (ends[0] && ends[1])
		return 0;
	for (unsigned i = 0; i < 2; i++) {
		if (ends[i])
			file_put(ends[i]);
	}
	return -ENOMEM;
}
