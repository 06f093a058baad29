// SPDX-License-Identifier: MIT
// Sending. A message is made, and user memory read, before any lock is taken; a stream cuts what is
// long into several. Rights travel with the first.
#include "unix.h"

#define STREAM_PIECE (KIB(32) - sizeof(struct unix_message))

/** A message of the next @size bytes of @io. Credentials are the sender's own. -ENOMEM, -EFAULT. */
static err_t make_message(struct io_vec *io, uint32_t size, const struct fs_message_out *out,
			  struct unix_message **message)
{
	struct unix_message *m = kmalloc(sizeof(*m) + size);
	if (!m)
		return -ENOMEM;
	m->from = NULL;
	m->cred = out->cred ? *out->cred : unix_own_cred();
	atomic_init(&m->rights, NULL);
	m->size = size;
	m->taken = 0;
	if (size && take_bytes(io, m->data, size) != size) {
		kfree(m);
		return -EFAULT;
	}
	*message = m;
	return 0;
}

/** Wait for room and queue @message. On error it stays the caller's. */
static err_t deliver(struct unix_socket *from, struct unix_socket *to, struct unix_message *message,
		     struct fs_message_out *out, bool is_nonblock, nsec_t deadline)
{
	uint32_t cost = message->size + (uint32_t)sizeof(*message);
	err_t err = 0;
	sched_mutex_lock(&to->lock);
	for (;;) {
		struct unix_socket *its_peer = load_relaxed(&to->peer);
		if (to->is_closed && to->type == FS_SOCKET_DGRAM)
			err = -ECONNREFUSED;
		else if (to->is_closed || ((load_relaxed(&to->shut) & SHUT_READ) ||
					   (load_relaxed(&from->shut) & SHUT_WRITE)))
			err = -EPIPE;
		else if (to->type == FS_SOCKET_DGRAM && its_peer && its_peer != from)
			err = -EPERM;
		else if (likely(unix_has_room(from, to, cost)))
			break;
		else
			err = is_nonblock ? -EAGAIN
					  : unix_sleep(to, &to->writable, &to->sleeping_writers, deadline);
		if (err) {
			sched_mutex_unlock(&to->lock);
			return err;
		}
	}
	if (unlikely(out->rights != NULL)) {
		store_relaxed(&message->rights, out->rights);
		out->rights = NULL;
		unix_rights_enter(to, message);
	}
	list_push_back(&to->queue, &message->node);
	to->queued += cost;
	to->messages++;
	bool is_awaited = to->sleeping_readers;
	sched_mutex_unlock(&to->lock);
	if (is_awaited)
		sched_cond_signal(&to->readable);
	poll_notify(&to->poll, POLLIN | POLLRDNORM);
	return 0;
}

static int64_t send_stream(struct file *file, struct io_vec *io, struct fs_message_out *out, unsigned flags)
{
	struct unix_socket *socket = file->data, *peer = load_acquire(&socket->peer);
	bool is_nonblock = unix_is_nonblock(file, flags);
	nsec_t deadline = unix_deadline(load_relaxed(&socket->send_timeout));
	int64_t done = 0;
	err_t err = 0;
	if (out->to)
		return peer ? -EISCONN : -EOPNOTSUPP;
	if (load_relaxed(&socket->shut) & SHUT_WRITE)
		return -EPIPE;
	if (!peer)
		return -ENOTCONN;
	while (io->left && !err) {
		struct unix_message *message;
		uint32_t size = (uint32_t)min(io->left, (uint64_t)STREAM_PIECE);
		err = make_message(io, size, out, &message);
		if (err)
			break;
		err = deliver(socket, peer, message, out, is_nonblock, deadline);
		if (err)
			kfree(message);
		else
			done += size;
	}
	return done ? done : err;
}

/** Where a datagram goes, with a reference. */
static err_t find_target(struct unix_socket *socket, const struct fs_message_out *out,
			 struct unix_socket **target)
{
	if (out->to)
		return unix_find(out->to, FS_SOCKET_DGRAM, target);
	sched_mutex_lock(&socket->lock);
	*target = load_relaxed(&socket->peer);
	if (*target)
		unix_get(*target);
	sched_mutex_unlock(&socket->lock);
	return *target ? 0 : -ENOTCONN;
}

static struct unix_address *address_of(struct unix_socket *socket)
{
	sched_mutex_lock(&unix_lock);
	struct unix_address *address = socket->address;
	if (address)
		fetch_add_relaxed(&address->refs, 1);
	sched_mutex_unlock(&unix_lock);
	return address;
}

static int64_t send_whole(struct file *file, struct unix_socket *target, struct io_vec *io,
			  struct fs_message_out *out, unsigned flags)
{
	struct unix_socket *socket = file->data;
	struct unix_message *message;
	uint64_t size = io->left;
	if (size > load_relaxed(&socket->send_limit) - sizeof(*message))
		return -EMSGSIZE;
	err_t err = make_message(io, (uint32_t)size, out, &message);
	if (err)
		return err;
	message->from = address_of(socket);
	err = deliver(socket, target, message, out, unix_is_nonblock(file, flags),
		      unix_deadline(load_relaxed(&socket->send_timeout)));
	if (!err)
		return (int64_t)size;
	unix_address_put(message->from);
	kfree(message);
	return err;
}

static int64_t send_seqpacket(struct file *file, struct io_vec *io, struct fs_message_out *out,
			      unsigned flags)
{
	struct unix_socket *socket = file->data, *peer = load_acquire(&socket->peer);
	if (load_relaxed(&socket->shut) & SHUT_WRITE)
		return -EPIPE;
	return peer ? send_whole(file, peer, io, out, flags) : -ENOTCONN;
}

static int64_t send_dgram(struct file *file, struct io_vec *io, struct fs_message_out *out, unsigned flags)
{
	struct unix_socket *socket = file->data, *target;
	err_t err = unix_autobind(socket);
	if (!err)
		err = find_target(socket, out, &target);
	if (err)
		return err;
	int64_t n = send_whole(file, target, io, out, flags);
	unix_put(target);
	if (n == -ECONNREFUSED && !out->to)
		(void)!fs_socket_connect(file, NULL); // the peer is gone for good
	return n;
}

int64_t fs_socket_send(struct file *file, struct io_vec *io, struct fs_message_out *out, unsigned flags)
{
	const struct unix_socket *socket = file->data;
	if (flags & FS_MSG_OOB)
		return -EOPNOTSUPP;
	switch (socket->type) {
	case FS_SOCKET_STREAM:
		return send_stream(file, io, out, flags);
	case FS_SOCKET_SEQPACKET:
		return send_seqpacket(file, io, out, flags);
	default:
		return send_dgram(file, io, out, flags);
	}
}
