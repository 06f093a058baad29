// SPDX-License-Identifier: MIT
// Inside Unix sockets.
//
// Locks, outermost first: a socket's bind_lock and the lock of names; unix_lock (names, who is connected
// to whom, states); a socket's own lock, of a listener before that of a socket in its queue; and inside
// of all rights_lock (unix_rights.c).
#pragma once

#include <fs/socket.h>
#include <sched/mutex.h>
#include <uapi/poll.h>

#include "private.h"

enum unix_state { UNIX_UNCONNECTED, UNIX_LISTENING, UNIX_CONNECTED };
enum { SHUT_READ = 1, SHUT_WRITE = 2, SHUT_BOTH = 3 };

/** A bound name. It outlives its socket in messages and in what connected to it. */
struct unix_address {
	_Atomic uint32_t refs;
	struct fs_socket_name name;
	struct vnode *vnode; // behind a path, with a reference; NULL: abstract
	struct unix_socket *owner; // unix_lock
	struct list node; // in the table while the owner lives (unix_lock)
};

struct unix_message {
	struct list node; // lock of the socket that has it
	struct unix_address *from; // with a reference; NULL: the sender has no name, or a stream
	struct fs_socket_cred cred;
	struct fs_rights *_Atomic rights; // rights_lock to change
	uint32_t size, taken; // bytes; of a stream: read already
	char data[];
};

/** s = lock, u = unix_lock, r = rights_lock. What is changed under two of them may be read under either. */
struct unix_socket {
	_Atomic uint32_t refs; // its file or listener, who has it as peer, calls
	enum fs_socket_type type;
	uint64_t ino;
	struct file *file; // NULL: waits to be accepted (u)
	struct sched_mutex lock, bind_lock;
	enum unix_state state; // (s, u)
	/** With a reference. Of a connected stream or seqpacket socket the same until its file is gone. (s, u) */
	struct unix_socket *_Atomic peer;
	struct unix_address *address; // with a reference; set once (u)
	struct fs_socket_cred peer_cred; // (s)

	struct list queue; // struct unix_message (s)
	uint32_t queued, messages; // bytes with headers, and number (s)
	_Atomic uint32_t shut; // (s)
	bool is_closed; // (s)
	int error; // positive errno for the next call (s)
	struct sched_cond readable, writable; // of the own queue: the socket's readers, and its senders
	uint32_t sleeping_readers, sleeping_writers; // (s)
	struct poll_source poll;

	struct list embryos, embryo_node; // struct unix_socket (s of the listener)
	uint32_t embryo_count, backlog; // (s)
	struct list senders, sender_node; // datagram sockets that have this one as peer (u)

	_Atomic bool passes_cred;
	_Atomic uint32_t send_limit; // of bytes of this sender in a queue
	_Atomic nsec_t send_timeout, receive_timeout; // 0 = none

	struct list rights; // in its queue, and in those of a listener's embryos (r)
	struct unix_socket *listener; // of an embryo (r)
	uint32_t in_flight; // times that a descriptor of it is in a queue (r)
	uint32_t unseen; // of these, not found in queues of candidates (r)
	bool is_candidate; // (r)
	struct list in_flight_node, reachable_node; // (r)
};

extern struct sched_mutex unix_lock;

static inline bool is_connected_type(const struct unix_socket *socket)
{
	return socket->type != FS_SOCKET_DGRAM;
}
static inline bool unix_is_nonblock(struct file *file, unsigned flags)
{
	return (flags & FS_MSG_DONTWAIT) || (load_relaxed(&file->flags) & O_NONBLOCK);
}

// unix.c
struct unix_socket *unix_create(enum fs_socket_type type); // refs 1; NULL = no memory
static inline void unix_get(struct unix_socket *socket)
{
	fetch_add_relaxed(&socket->refs, 1);
}
void unix_put(struct unix_socket *socket); // NULL is harmless
struct unix_socket *unix_of(struct file *file); // NULL: no socket
/** A file for @socket, whose reference it takes over; NULL: no memory, the reference stays. */
must_check struct file *unix_create_file(struct unix_socket *socket, uint32_t open_flags);
/** Nobody uses @socket any more (an embryo, or its file is gone): tell the peer, forget the queue. */
void unix_close(struct unix_socket *socket, bool is_embryo);
/** Everybody who waits for @socket looks again. No lock held. */
void unix_wake_all(struct unix_socket *socket);
struct fs_socket_cred unix_own_cred(void);
/** Sleep on @cond of @socket, whose lock is held. 0, -EAGAIN at @deadline, -ERESTARTSYS; -EINTR if there
 *  is a deadline. */
must_check err_t unix_sleep(struct unix_socket *socket, struct sched_cond *cond, uint32_t *sleepers,
			    nsec_t deadline);
static inline nsec_t unix_deadline(nsec_t timeout)
{
	return timeout ? time_now() + timeout : NSEC_NEVER;
}
/** Is there room in @to for @size more bytes of @from? Lock of @to. */
bool unix_has_room(const struct unix_socket *from, const struct unix_socket *to, uint32_t size);

// unix_names.c
void unix_names_init(void);
void unix_address_put(struct unix_address *address); // NULL is harmless
void unix_forget_name(struct unix_socket *socket); // unix_lock
/** The socket bound to @name, with a reference. -ECONNREFUSED, -ENOENT, -EACCES, -EPROTOTYPE, ... */
must_check err_t unix_find(const struct fs_socket_name *name, enum fs_socket_type type,
			   struct unix_socket **socket);
/** One that asks for credentials has a name to be answered by. */
must_check err_t unix_autobind(struct unix_socket *socket);

// unix_receive.c
void unix_free_message(struct unix_message *message); // with its rights

// unix_rights.c
void unix_rights_init(void);
/** @message, which carries rights, enters the queue of @to. Its lock is held. */
void unix_rights_enter(struct unix_socket *to, struct unix_message *message);
/** Take the rights of a message that is or was queued. NULL: none. */
struct fs_rights *unix_rights_leave(struct unix_message *message);
/** A copy, for a receiver that only looks. NULL: none, or no memory. */
must_check struct fs_rights *unix_rights_copy(struct unix_message *message);
/** An embryo has a file of its own, or loses its listener. */
void unix_rights_leave_listener(struct unix_socket *socket);
/** Put the descriptors down later, by unix_rights_collect(): closing them may close more sockets. */
void unix_rights_discard(struct fs_rights *rights);
/** A socket was closed: put down what was discarded, and what only unreachable queues hold. */
void unix_rights_collect(void);
