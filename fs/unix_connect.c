// SPDX-License-Identifier: MIT
// Connections: listen, connect and accept. Connecting makes the other end at once; it waits in the
// listener's queue, an embryo without a file, and can be written to before it is accepted.
#include "unix.h"

#define BACKLOG_MAX 4096

err_t fs_socket_listen(struct file *file, int backlog)
{
	struct unix_socket *socket = file->data;
	err_t err = 0;
	if (!is_connected_type(socket))
		return -EOPNOTSUPP;
	sched_mutex_lock(&unix_lock);
	sched_mutex_lock(&socket->lock);
	if (!socket->address || socket->state == UNIX_CONNECTED)
		err = -EINVAL;
	if (!err) {
		socket->backlog = backlog < 0 ? BACKLOG_MAX : min((uint32_t)backlog, (uint32_t)BACKLOG_MAX);
		socket->state = UNIX_LISTENING;
		socket->peer_cred = unix_own_cred(); // what those who connect see
	}
	sched_mutex_unlock(&socket->lock);
	sched_mutex_unlock(&unix_lock);
	if (!err)
		sched_cond_broadcast(&socket->writable); // there may be more room
	return err;
}

/** Both ends know each other. unix_lock. */
static void join(struct unix_socket *socket, struct unix_socket *embryo, struct unix_socket *listener)
{
	unix_get(socket);
	unix_get(embryo);
	embryo->state = UNIX_CONNECTED;
	embryo->peer_cred = unix_own_cred();
	embryo->address = listener->address;
	fetch_add_relaxed(&embryo->address->refs, 1);
	store_release(&embryo->peer, socket);
	sched_mutex_lock(&socket->lock);
	socket->peer_cred = listener->peer_cred;
	store_release(&socket->peer, embryo);
	socket->state = UNIX_CONNECTED;
	sched_mutex_unlock(&socket->lock);
}

/** One attempt: -EAGAIN if the queue is full. The embryo's reference is the queue's on success. */
static err_t try_connect(struct unix_socket *socket, struct unix_socket *embryo,
			 struct unix_socket *listener)
{
	err_t err = 0;
	sched_mutex_lock(&unix_lock);
	sched_mutex_lock(&listener->lock);
	if (socket->state != UNIX_UNCONNECTED)
		err = socket->state == UNIX_LISTENING ? -EINVAL : -EISCONN;
	else if (listener->state != UNIX_LISTENING || (load_relaxed(&listener->shut) & SHUT_READ))
		err = -ECONNREFUSED;
	else if (listener->embryo_count > listener->backlog)
		err = -EAGAIN;
	if (!err) {
		embryo->listener = listener;
		join(socket, embryo, listener);
		list_push_back(&listener->embryos, &embryo->embryo_node);
		listener->embryo_count++;
	}
	sched_mutex_unlock(&listener->lock);
	sched_mutex_unlock(&unix_lock);
	if (!err) {
		sched_cond_signal(&listener->readable);
		poll_notify(&listener->poll, POLLIN | POLLRDNORM);
		poll_notify(&socket->poll, POLLOUT | POLLWRNORM);
	}
	return err;
}

static err_t wait_for_backlog(struct unix_socket *listener, nsec_t deadline)
{
	err_t err = 0;
	sched_mutex_lock(&listener->lock);
	if (listener->state == UNIX_LISTENING && listener->embryo_count > listener->backlog)
		err = unix_sleep(listener, &listener->writable, &listener->sleeping_writers, deadline);
	sched_mutex_unlock(&listener->lock);
	return err;
}

/** Connect to whoever listens at @name; looked up again after each wait, for it may be another then. */
static err_t connect_to(struct file *file, const struct fs_socket_name *name, struct unix_socket *embryo)
{
	struct unix_socket *socket = file->data, *listener;
	nsec_t deadline = unix_deadline(load_relaxed(&socket->send_timeout));
	for (;;) {
		err_t err = unix_find(name, socket->type, &listener);
		if (err)
			return err;
		err = try_connect(socket, embryo, listener);
		bool waits = err == -EAGAIN && !unix_is_nonblock(file, 0);
		if (waits)
			err = wait_for_backlog(listener, deadline);
		unix_put(listener);
		if (!waits || err)
			return err;
	}
}

static err_t connect_stream(struct file *file, const struct fs_socket_name *name)
{
	struct unix_socket *socket = file->data;
	if (!name)
		return -EINVAL;
	err_t err = unix_autobind(socket);
	if (err)
		return err;
	struct unix_socket *embryo = unix_create(socket->type);
	if (!embryo)
		return -ENOMEM;
	err = connect_to(file, name, embryo);
	if (err)
		unix_put(embryo);
	return err;
}

/** A datagram socket has another peer, whose reference it takes over, or none. */
static void set_peer(struct unix_socket *socket, struct unix_socket *peer)
{
	sched_mutex_lock(&unix_lock);
	sched_mutex_lock(&socket->lock);
	struct unix_socket *old = load_relaxed(&socket->peer);
	store_release(&socket->peer, peer);
	socket->state = peer ? UNIX_CONNECTED : UNIX_UNCONNECTED;
	sched_mutex_unlock(&socket->lock);
	list_remove(&socket->sender_node);
	if (peer)
		list_push_back(&peer->senders, &socket->sender_node);
	sched_mutex_unlock(&unix_lock);
	unix_put(old);
}

static err_t connect_dgram(struct unix_socket *socket, const struct fs_socket_name *name)
{
	struct unix_socket *peer = NULL;
	err_t err = unix_autobind(socket);
	if (!err && name)
		err = unix_find(name, FS_SOCKET_DGRAM, &peer);
	if (err)
		return err;
	struct unix_socket *its_peer = peer ? load_acquire(&peer->peer) : NULL;
	if (its_peer && its_peer != socket) { // it listens to another only
		unix_put(peer);
		return -EPERM;
	}
	set_peer(socket, peer);
	return 0;
}

err_t fs_socket_connect(struct file *file, const struct fs_socket_name *name)
{
	struct unix_socket *socket = file->data;
	return is_connected_type(socket) ? connect_stream(file, name) : connect_dgram(socket, name);
}

/** The first embryo, no longer the listener's. Lock of @listener held, and dropped on error. */
static err_t take_embryo(struct file *file, struct unix_socket *listener, struct unix_socket **embryo)
{
	nsec_t deadline = unix_deadline(load_relaxed(&listener->receive_timeout));
	while (list_is_empty(&listener->embryos)) {
		err_t err = load_relaxed(&listener->shut) & SHUT_READ ? -EINVAL : 0;
		if (!err)
			err = unix_is_nonblock(file, 0)
				      ? -EAGAIN
				      : unix_sleep(listener, &listener->readable,
						   &listener->sleeping_readers, deadline);
		if (err)
			return err;
	}
	*embryo = list_pop_front_entry(&listener->embryos, struct unix_socket, embryo_node);
	listener->embryo_count--;
	return 0;
}

err_t fs_socket_accept(struct file *file, uint32_t open_flags, struct file **accepted)
{
	struct unix_socket *listener = file->data, *embryo = NULL;
	if (!is_connected_type(listener))
		return -EOPNOTSUPP;
	sched_mutex_lock(&listener->lock);
	err_t err = listener->state != UNIX_LISTENING ? -EINVAL : take_embryo(file, listener, &embryo);
	bool is_awaited = listener->sleeping_writers;
	sched_mutex_unlock(&listener->lock);
	if (err)
		return err;
	if (is_awaited)
		sched_cond_signal(&listener->writable);
	*accepted = unix_create_file(embryo, open_flags);
	unix_rights_leave_listener(embryo);
	if (*accepted)
		return 0;
	unix_close(embryo, true);
	unix_rights_collect();
	return -ENOMEM;
}
