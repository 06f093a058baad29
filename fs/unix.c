// SPDX-License-Identifier: MIT
// Unix sockets as files: their life, readiness, shutdown and options.
//
// A socket has one queue, of what was sent to it; a sender waits for room there. A connected socket keeps
// its peer until its own file is gone, so whoever uses the file may use the peer without a reference.
#include <lib/string.h>

#include "unix.h"

#define SEND_LIMIT_DEFAULT 212992u
#define SEND_LIMIT_MIN 4608u
#define DGRAMS_MAX 10u // more than these fill a queue, as Linux's max_dgram_qlen

enum { IOCTL_FIONREAD = 0x541b, IOCTL_TIOCOUTQ = 0x5411 };

struct sched_mutex unix_lock;
static const struct file_ops socket_ops;

void unix_init(void)
{
	sched_mutex_init(&unix_lock);
	unix_names_init();
	unix_rights_init();
}

struct fs_socket_cred unix_own_cred(void)
{
	const struct cred *cred = cred_current();
	return (struct fs_socket_cred){current_thread()->proc.pid, cred->euid, cred->egid};
}

// ---- life -----------------------------------------------------------------------------------------

struct unix_socket *unix_create(enum fs_socket_type type)
{
	struct unix_socket *socket = kzalloc(sizeof(*socket));
	if (!socket)
		return NULL;
	atomic_init(&socket->refs, 1);
	socket->type = type;
	socket->ino = anon_ino();
	sched_mutex_init(&socket->lock);
	sched_mutex_init(&socket->bind_lock);
	list_init(&socket->queue);
	sched_cond_init(&socket->readable);
	sched_cond_init(&socket->writable);
	poll_source_init(&socket->poll);
	list_init(&socket->embryos);
	list_init(&socket->embryo_node);
	list_init(&socket->senders);
	list_init(&socket->sender_node);
	list_init(&socket->rights);
	list_init(&socket->in_flight_node);
	list_init(&socket->reachable_node);
	atomic_init(&socket->send_limit, SEND_LIMIT_DEFAULT);
	return socket;
}

void unix_put(struct unix_socket *socket)
{
	if (!socket || fetch_sub_acq_rel(&socket->refs, 1) != 1)
		return;
	unix_address_put(socket->address);
	kfree(socket);
}

void unix_wake_all(struct unix_socket *socket)
{
	sched_cond_broadcast(&socket->readable);
	sched_cond_broadcast(&socket->writable);
	poll_notify(&socket->poll, POLLIN | POLLRDNORM | POLLRDHUP | POLLOUT | POLLWRNORM | POLLHUP | POLLERR);
}

static void shut(struct unix_socket *socket, uint32_t what, int error)
{
	sched_mutex_lock(&socket->lock);
	fetch_or_acq_rel(&socket->shut, what);
	if (error)
		socket->error = error;
	sched_mutex_unlock(&socket->lock);
	unix_wake_all(socket);
}

/** Take @socket out of everything that others find it by; what it held goes to the lists. Its peer. */
static struct unix_socket *detach(struct unix_socket *socket, struct list *messages, struct list *embryos)
{
	sched_mutex_lock(&unix_lock);
	sched_mutex_lock(&socket->lock);
	struct unix_socket *peer = load_relaxed(&socket->peer);
	store_relaxed(&socket->peer, NULL);
	socket->is_closed = true;
	socket->state = UNIX_UNCONNECTED;
	fetch_or_acq_rel(&socket->shut, SHUT_BOTH);
	list_splice_back(messages, &socket->queue);
	list_splice_back(embryos, &socket->embryos);
	sched_mutex_unlock(&socket->lock);
	unix_forget_name(socket);
	list_remove(&socket->sender_node);
	struct unix_socket *sender;
	list_for_each_entry(sender, &socket->senders, sender_node)
		poll_notify(&sender->poll, POLLOUT | POLLWRNORM);
	sched_mutex_unlock(&unix_lock);
	return peer;
}

void unix_close(struct unix_socket *socket, bool is_embryo)
{
	struct list messages, embryos;
	struct unix_message *message;
	struct unix_socket *embryo;
	list_init(&messages);
	list_init(&embryos);
	struct unix_socket *peer = detach(socket, &messages, &embryos);
	unix_wake_all(socket);
	bool is_unread = !list_is_empty(&messages) || is_embryo;
	if (peer && is_connected_type(socket))
		shut(peer, SHUT_BOTH, is_unread ? ECONNRESET : 0);
	while ((embryo = list_pop_front_entry(&embryos, struct unix_socket, embryo_node))) {
		unix_rights_leave_listener(embryo);
		unix_close(embryo, true);
	}
	while ((message = list_pop_front_entry(&messages, struct unix_message, node)))
		unix_free_message(message);
	unix_put(peer);
	unix_put(socket);
}

static void socket_release(struct file *file)
{
	unix_close(file->data, false);
	unix_rights_collect();
}

struct file *unix_create_file(struct unix_socket *socket, uint32_t open_flags)
{
	struct file *file = file_create(&socket_ops, O_RDWR | (open_flags & O_NONBLOCK), socket);
	if (!file)
		return NULL;
	fetch_or_acq_rel(&file->object.flags, OBJECT_HOLDS_GRANTS);
	file->is_stream = 1;
	socket->file = file;
	return file;
}

err_t fs_socket_create(enum fs_socket_type type, uint32_t open_flags, struct file **file)
{
	struct unix_socket *socket = unix_create(type);
	if (!socket)
		return -ENOMEM;
	*file = unix_create_file(socket, open_flags);
	if (!*file)
		unix_put(socket);
	return *file ? 0 : -ENOMEM;
}

err_t fs_socketpair_create(enum fs_socket_type type, uint32_t open_flags, struct file *ends[2])
{
	err_t err = fs_socket_create(type, open_flags, &ends[0]);
	if (err)
		return err;
	err = fs_socket_create(type, open_flags, &ends[1]);
	if (err) {
		file_put(ends[0]);
		return err;
	}
	sched_mutex_lock(&unix_lock);
	for (unsigned i = 0; i < 2; i++) {
		struct unix_socket *socket = ends[i]->data, *peer = ends[!i]->data;
		unix_get(peer);
		store_release(&socket->peer, peer);
		socket->state = UNIX_CONNECTED;
		socket->peer_cred = unix_own_cred();
		if (!is_connected_type(socket))
			list_push_back(&peer->senders, &socket->sender_node);
	}
	sched_mutex_unlock(&unix_lock);
	return 0;
}

// ---- sleeping and readiness -----------------------------------------------------------------------

err_t unix_sleep(struct unix_socket *socket, struct sched_cond *cond, uint32_t *sleepers, nsec_t deadline)
{
	(*sleepers)++;
	err_t err = sched_cond_wait(cond, &socket->lock, deadline, SCHED_WAIT_INTERRUPTIBLE);
	(*sleepers)--;
	if (err == -EINTR && deadline == NSEC_NEVER)
		return -ERESTARTSYS;
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

bool unix_has_room(const struct unix_socket *from, const struct unix_socket *to, uint32_t size)
{
	uint32_t limit = load_relaxed(&from->send_limit);
	if (!to->messages)
		return true;
	if (to->type == FS_SOCKET_STREAM)
		return to->queued < limit;
	if (to->type == FS_SOCKET_DGRAM && to->messages > DGRAMS_MAX)
		return false;
	return to->queued + size <= limit;
}

/** Would a message of @socket, of a quarter of what may be queued, be taken, or refused at once? */
static bool is_writable(struct unix_socket *socket)
{
	sched_mutex_lock(&socket->lock);
	struct unix_socket *peer = load_relaxed(&socket->peer);
	if (peer)
		unix_get(peer);
	sched_mutex_unlock(&socket->lock);
	if (!peer)
		return true;
	sched_mutex_lock(&peer->lock);
	bool result = peer->is_closed || unix_has_room(socket, peer, load_relaxed(&socket->send_limit) / 4);
	sched_mutex_unlock(&peer->lock);
	unix_put(peer);
	return result;
}

static uint32_t socket_poll(struct file *file, struct poll_entry *entry)
{
	struct unix_socket *socket = file->data;
	uint32_t events = 0;
	poll_link(&socket->poll, entry);
	sched_mutex_lock(&socket->lock);
	uint32_t shut = load_relaxed(&socket->shut);
	bool is_idle = is_connected_type(socket) && socket->state == UNIX_UNCONNECTED;
	bool is_listening = socket->state == UNIX_LISTENING;
	if (!list_is_empty(&socket->queue) || !list_is_empty(&socket->embryos))
		events |= POLLIN | POLLRDNORM;
	if (socket->error)
		events |= POLLERR;
	sched_mutex_unlock(&socket->lock);
	if (shut & SHUT_READ)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (shut == SHUT_BOTH || is_idle)
		events |= POLLHUP;
	if (!is_listening && is_writable(socket))
		events |= POLLOUT | POLLWRNORM;
	return events;
}

// ---- the file -------------------------------------------------------------------------------------

static int64_t socket_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct fs_message_in in;
	(void)pos;
	int64_t n = fs_socket_receive(file, io, &in, 0);
	if (n >= 0)
		fs_rights_put(in.rights);
	return n;
}

static int64_t socket_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct fs_message_out out = {0};
	(void)pos;
	return fs_socket_send(file, io, &out, 0);
}

static uint32_t unread_bytes(struct unix_socket *socket)
{
	struct unix_message *message;
	uint32_t bytes = 0;
	sched_mutex_lock(&socket->lock);
	list_for_each_entry(message, &socket->queue, node) {
		bytes += message->size - message->taken;
		if (socket->type == FS_SOCKET_DGRAM)
			break;
	}
	sched_mutex_unlock(&socket->lock);
	return bytes;
}

static int64_t socket_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	struct unix_socket *socket = file->data, *peer = socket;
	if (command != IOCTL_FIONREAD && command != IOCTL_TIOCOUTQ)
		return -ENOTTY;
	if (socket->state == UNIX_LISTENING)
		return -EINVAL;
	if (command == IOCTL_TIOCOUTQ)
		peer = is_connected_type(socket) ? load_acquire(&socket->peer) : NULL;
	uint32_t bytes = peer ? unread_bytes(peer) : 0;
	return mm_copy_out(arg, &bytes, sizeof(bytes));
}

static const struct file_ops socket_ops = {
	.name = "socket",
	.read = socket_read,
	.write = socket_write,
	.poll = socket_poll,
	.ioctl = socket_ioctl,
	.release = socket_release,
};

struct unix_socket *unix_of(struct file *file)
{
	return file->ops == &socket_ops ? file->data : NULL;
}

bool fs_is_socket(struct file *file)
{
	return file->ops == &socket_ops;
}

uint64_t socket_ino(struct file *file)
{
	const struct unix_socket *socket = unix_of(file);
	return socket ? socket->ino : 0;
}

// ---- shutdown and options -------------------------------------------------------------------------

err_t fs_socket_shutdown(struct file *file, int how)
{
	struct unix_socket *socket = file->data;
	if (how < 0 || how > 2)
		return -EINVAL;
	uint32_t what = (uint32_t)how + 1; // Linux's SHUT_* are these bits less one
	shut(socket, what, 0);
	struct unix_socket *peer = is_connected_type(socket) ? load_acquire(&socket->peer) : NULL;
	if (peer) // what one does not write, the other does not read
		shut(peer, (what & SHUT_READ ? SHUT_WRITE : 0) | (what & SHUT_WRITE ? SHUT_READ : 0), 0);
	return 0;
}

void fs_socket_set_option(struct file *file, enum fs_socket_option option, uint64_t value)
{
	struct unix_socket *socket = file->data;
	switch (option) {
	case FS_SOCKET_PASSCRED:
		store_relaxed(&socket->passes_cred, value != 0);
		break;
	case FS_SOCKET_SEND_LIMIT: // doubled, as Linux does, for what a message costs beside its bytes
		value = 2 * min(value, (uint64_t)SEND_LIMIT_DEFAULT);
		store_relaxed(&socket->send_limit, (uint32_t)max(value, (uint64_t)SEND_LIMIT_MIN));
		break;
	case FS_SOCKET_SEND_TIMEOUT:
		store_relaxed(&socket->send_timeout, value);
		break;
	case FS_SOCKET_RECEIVE_TIMEOUT:
		store_relaxed(&socket->receive_timeout, value);
		break;
	}
}

uint64_t fs_socket_get_option(struct file *file, enum fs_socket_option option)
{
	struct unix_socket *socket = file->data;
	switch (option) {
	case FS_SOCKET_PASSCRED:
		return load_relaxed(&socket->passes_cred);
	case FS_SOCKET_SEND_LIMIT:
		return load_relaxed(&socket->send_limit);
	case FS_SOCKET_SEND_TIMEOUT:
		return load_relaxed(&socket->send_timeout);
	case FS_SOCKET_RECEIVE_TIMEOUT:
		return load_relaxed(&socket->receive_timeout);
	}
	return 0;
}

enum fs_socket_type fs_socket_type(struct file *file)
{
	return ((struct unix_socket *)file->data)->type;
}

bool fs_socket_is_listening(struct file *file)
{
	return ((struct unix_socket *)file->data)->state == UNIX_LISTENING;
}

int fs_socket_take_error(struct file *file)
{
	struct unix_socket *socket = file->data;
	sched_mutex_lock(&socket->lock);
	int error = socket->error;
	socket->error = 0;
	sched_mutex_unlock(&socket->lock);
	return error;
}

struct fs_socket_cred fs_socket_peer_cred(struct file *file)
{
	struct unix_socket *socket = file->data;
	sched_mutex_lock(&socket->lock);
	struct fs_socket_cred cred = socket->peer_cred;
	bool has_peer = socket->state != UNIX_UNCONNECTED;
	sched_mutex_unlock(&socket->lock);
	return has_peer ? cred : (struct fs_socket_cred){0, UINT32_MAX, UINT32_MAX};
}
