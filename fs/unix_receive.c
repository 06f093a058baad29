// SPDX-License-Identifier: MIT
// Receiving. A message leaves the queue after its bytes have arrived: a receive that fails takes nothing.
#include <lib/string.h>

#include "unix.h"

void unix_free_message(struct unix_message *message)
{
	if (unlikely(load_relaxed(&message->rights) != NULL))
		unix_rights_discard(unix_rights_leave(message));
	unix_address_put(message->from);
	kfree(message);
}

/** Unlink @message, the first: the caller frees it when it has unlocked. */
static void remove_message(struct unix_socket *socket, struct unix_message *message)
{
	list_remove(&message->node);
	socket->queued -= message->size + (uint32_t)sizeof(*message);
	socket->messages--;
}

/** Room appeared in the queue of @socket: tell who writes to it. No lock held. */
static void tell_senders(struct unix_socket *socket, bool are_asleep)
{
	if (are_asleep)
		sched_cond_broadcast(&socket->writable);
	if (is_connected_type(socket)) {
		struct unix_socket *peer = load_acquire(&socket->peer);
		if (peer)
			poll_notify(&peer->poll, POLLOUT | POLLWRNORM);
		return;
	}
	if (list_is_empty(&socket->senders))
		return;
	struct unix_socket *sender;
	sched_mutex_lock(&unix_lock);
	list_for_each_entry(sender, &socket->senders, sender_node)
		poll_notify(&sender->poll, POLLOUT | POLLWRNORM);
	sched_mutex_unlock(&unix_lock);
}

/** What goes with the bytes of @message. */
static void take_extras(struct unix_socket *socket, struct unix_message *message, struct fs_message_in *in,
			unsigned flags)
{
	if (unlikely(load_relaxed(&message->rights) != NULL)) {
		in->rights = flags & FS_MSG_PEEK ? unix_rights_copy(message) : unix_rights_leave(message);
	}
	if (load_relaxed(&socket->passes_cred)) {
		in->has_cred = true;
		in->cred = message->cred;
	}
	if (message->from)
		in->from = message->from->name;
}

/** Wait for a message: 1, 0 at the end of input, or an error. Locked. */
static int64_t wait_for_message(struct unix_socket *socket, bool is_nonblock, nsec_t deadline)
{
	while (list_is_empty(&socket->queue)) {
		err_t err = 0;
		if (unlikely(socket->error)) {
			err = -socket->error;
			socket->error = 0;
			return err;
		}
		if (load_relaxed(&socket->shut) & SHUT_READ)
			return 0;
		if (is_connected_type(socket) && socket->state != UNIX_CONNECTED)
			return socket->type == FS_SOCKET_STREAM ? -EINVAL : -ENOTCONN;
		err = is_nonblock ? -EAGAIN
				  : unix_sleep(socket, &socket->readable, &socket->sleeping_readers,
					       deadline);
		if (err)
			return err;
	}
	return 1;
}

static bool is_same_cred(const struct fs_socket_cred *a, const struct fs_socket_cred *b)
{
	return a->pid == b->pid && a->uid == b->uid && a->gid == b->gid;
}

/** State of one receive from a stream. */
struct stream_read {
	struct unix_socket *socket;
	struct io_vec *io;
	struct fs_message_in *in;
	unsigned flags;
	int64_t done;
	struct list freed; // messages read to their end
};

/** Copy what @message still has. False: the receive ends here. Locked. */
static bool read_message(struct stream_read *read, struct unix_message *message)
{
	bool is_peek = read->flags & FS_MSG_PEEK;
	uint32_t n = (uint32_t)min(read->io->left, (uint64_t)(message->size - message->taken));
	if (read->done && read->in->has_cred && !is_same_cred(&read->in->cred, &message->cred))
		return false; // bytes of different writers do not mix
	size_t copied = put_bytes(read->io, message->data + message->taken, n);
	read->done += (int64_t)copied;
	if (copied)
		take_extras(read->socket, message, read->in, read->flags);
	if (!is_peek) {
		message->taken += (uint32_t)copied;
		if (message->taken == message->size) {
			remove_message(read->socket, message);
			list_push_back(&read->freed, &message->node);
		}
	}
	return copied == n && read->io->left && !read->in->rights;
}

/** Copy from the messages that are there. False: enough. Locked. */
static bool read_queue(struct stream_read *read)
{
	struct unix_message *message, *next;
	list_for_each_entry_safe(message, next, &read->socket->queue, node) {
		if (!read_message(read, message))
			return false;
	}
	return (read->flags & FS_MSG_WAITALL) && !(read->flags & FS_MSG_PEEK);
}

static void free_read(struct stream_read *read)
{
	struct unix_message *message;
	while ((message = list_pop_front_entry(&read->freed, struct unix_message, node)))
		unix_free_message(message);
}

static int64_t receive_stream(struct file *file, struct io_vec *io, struct fs_message_in *in, unsigned flags)
{
	struct unix_socket *socket = file->data;
	struct stream_read read = {.socket = socket, .io = io, .in = in, .flags = flags};
	nsec_t deadline = unix_deadline(load_relaxed(&socket->receive_timeout));
	bool is_nonblock = unix_is_nonblock(file, flags), wants_more;
	list_init(&read.freed);
	if (!io->left)
		return socket->state == UNIX_CONNECTED ? 0 : -EINVAL;
	sched_mutex_lock(&socket->lock);
	int64_t result;
	do {
		result = wait_for_message(socket, is_nonblock, deadline);
		if (result <= 0)
			break;
		wants_more = read_queue(&read);
		if (!read.done)
			result = -EFAULT;
		if (socket->sleeping_writers && wants_more)
			sched_cond_broadcast(&socket->writable);
	} while (wants_more);
	bool are_asleep = socket->sleeping_writers;
	sched_mutex_unlock(&socket->lock);
	bool is_room = !list_is_empty(&read.freed);
	free_read(&read);
	if (is_room)
		tell_senders(socket, are_asleep);
	return read.done ? read.done : result;
}

static int64_t receive_whole(struct file *file, struct io_vec *io, struct fs_message_in *in, unsigned flags)
{
	struct unix_socket *socket = file->data;
	bool is_nonblock = unix_is_nonblock(file, flags), is_peek = flags & FS_MSG_PEEK;
	sched_mutex_lock(&socket->lock);
	int64_t result = wait_for_message(socket, is_nonblock,
					  unix_deadline(load_relaxed(&socket->receive_timeout)));
	if (result <= 0) {
		sched_mutex_unlock(&socket->lock);
		return result;
	}
	struct unix_message *message = list_first_entry(&socket->queue, struct unix_message, node);
	uint32_t n = (uint32_t)min(io->left, (uint64_t)message->size), size = message->size;
	if (n && put_bytes(io, message->data, n) != n) {
		sched_mutex_unlock(&socket->lock);
		return -EFAULT;
	}
	take_extras(socket, message, in, flags);
	if (!is_peek)
		remove_message(socket, message);
	bool are_asleep = socket->sleeping_writers;
	sched_mutex_unlock(&socket->lock);
	if (!is_peek) {
		unix_free_message(message);
		tell_senders(socket, are_asleep);
	}
	if (n < size)
		in->flags |= FS_MSG_TRUNC;
	return flags & FS_MSG_TRUNC ? size : n;
}

int64_t fs_socket_receive(struct file *file, struct io_vec *io, struct fs_message_in *in, unsigned flags)
{
	const struct unix_socket *socket = file->data;
	in->flags = 0;
	in->has_cred = false;
	in->rights = NULL;
	in->from.len = 0;
	if (flags & FS_MSG_OOB)
		return -EOPNOTSUPP;
	return socket->type == FS_SOCKET_STREAM ? receive_stream(file, io, in, flags)
						: receive_whole(file, io, in, flags);
}
