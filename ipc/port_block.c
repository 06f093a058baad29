// SPDX-License-Identifier: MIT
// Port operations with an argument block: deadlines and descriptors. (Long messages are for endpoints,
// which copy them once; a port would have to store them.)
//
// A message in a queue holds its grants. A queue that held, in turn, the right to receive from itself
// would live for ever, so a port that is in a message holds no port, and one that holds a port goes
// into no message: -ELOOP. Only grants that can receive count: without one of those the queue goes.
// A Unix socket goes into no message: its queue may hold ports.
#include "port.h"

#include <mm/ucopy.h>
#include <object/fdtable.h>
#include <sched/thread.h>
#include <uapi/errno.h>

static struct spinlock nesting_lock = SPINLOCK_INIT; // holds and held of all ports

/** The port that a holder of @grant can receive from; NULL: none. */
static struct port *inner_port(struct grant *grant)
{
	if (grant_allows(grant, OBJECT_PORT | IPC_RIGHT_RECV))
		return container_of(grant->object, struct port, object);
	if (grant_allows(grant, OBJECT_CHANNEL | IPC_RIGHT_RECV))
		return container_of(grant->object, struct channel_end, object)->in;
	return NULL;
}

static err_t nest(struct port *port, struct port *inner)
{
	spin_lock(&nesting_lock);
	err_t err = inner == port || inner->holds || port->held ? -ELOOP : 0;
	if (!err) {
		inner->held++;
		port->holds++;
	}
	spin_unlock(&nesting_lock);
	return err;
}

/** The grants of @message leave @port. */
static void unnest(struct port *port, const struct ipc_message *message)
{
	spin_lock(&nesting_lock);
	for (unsigned i = 0; i < message->grant_count; i++) {
		if (message->inner[i]) {
			message->inner[i]->held--;
			port->holds--;
		}
	}
	spin_unlock(&nesting_lock);
}

void port_release_grants(struct port *port, struct ipc_message *message)
{
	unnest(port, message);
	for (unsigned i = 0; i < message->grant_count; i++)
		grant_put(message->grants[i]);
	message->grant_count = 0;
}

/** Put the descriptors of @block into @message for @port. What is in it counts also after an error. */
static err_t take_grants(const struct ipc_block *block, struct port *port, struct ipc_message *message)
{
	for (unsigned i = 0; i < block->send_fd_count; i++) {
		uint32_t fd = block->send_fds[i] & ~IPC_FD_MOVE;
		struct grant *grant = fd_lookup_get(current_thread()->object.fds, fd);
		if (!grant)
			return -EBADF;
		struct port *inner = inner_port(grant);
		err_t err = grant_check_passing(grant);
		if (!err && (load_relaxed(&grant->object->flags) & OBJECT_HOLDS_GRANTS))
			err = -ELOOP;
		if (!err && inner)
			err = nest(port, inner);
		if (err) {
			grant_put(grant);
			return err;
		}
		message->inner[i] = inner;
		message->grants[i] = grant;
		message->grant_count++;
	}
	return 0;
}

static err_t read_block(const struct trapframe *tf, uint64_t allowed, struct ipc_block *block)
{
	if (hal_tf_ipc_tag(tf) & ~(UINT32_MAX | IPC_TAG_BLOCK | allowed))
		return -EINVAL;
	err_t err = mm_copy_in(block, hal_tf_ipc_word(tf, 0), sizeof(*block));
	if (!err && (block->send_fd_count > IPC_FDS_MAX || block->recv_fd_count > IPC_FDS_MAX))
		err = -EINVAL;
	return err;
}

/** The message of current's frame and @block, for @port. What grants it has count also after an error. */
static err_t fill_message(struct ipc_message *message, const struct trapframe *tf,
			  const struct ipc_block *block, struct port *port)
{
	message->sender = current_thread()->proc.ids;
	message->words[0] = block->word0;
	for (unsigned i = 1; i < IPC_TAG_WORDS_MAX; i++)
		message->words[i] = hal_tf_ipc_word(tf, i);
	err_t err = take_grants(block, port, message);
	message->tag = (hal_tf_ipc_tag(tf) & (UINT32_MAX | IPC_TAG_URGENT)) |
		       (uint64_t)message->grant_count << IPC_TAG_FDS_SHIFT;
	return err;
}

/** The message is sent: descriptors that it moved are closed here. @grants: references of our own. */
static void close_moved(const struct ipc_block *block, struct grant *const *grants)
{
	for (unsigned i = 0; i < block->send_fd_count; i++) {
		if (block->send_fds[i] & IPC_FD_MOVE)
			fd_close_moved(current_thread()->object.fds, block->send_fds[i] & ~IPC_FD_MOVE,
				       grants[i]);
	}
}

static err_t send_filled(struct trapframe *tf, struct port *port, struct port_wait *wait, bool is_try)
{
	struct port *found;
	hal_irq_disable();
	err_t err = port_find(tf, IPC_RIGHT_SEND, &found, &wait->grant);
	if (!err && found != port)
		err = -EBADF; // exchanged by another thread meanwhile
	if (err) {
		hal_irq_enable();
		return err;
	}
	wait->message.badge = wait->grant->badge;
	return port_send(port, wait, is_try);
}

static err_t send_to(struct trapframe *tf, const struct ipc_block *block, struct port *port, bool is_try)
{
	struct port_wait wait = {.deadline = block->deadline};
	struct grant *own[IPC_FDS_MAX];
	err_t err = fill_message(&wait.message, tf, block, port);
	unsigned count = wait.message.grant_count;
	for (unsigned i = 0; i < count; i++) {
		own[i] = wait.message.grants[i];
		grant_get(own[i]);
	}
	if (!err)
		err = send_filled(tf, port, &wait, is_try);
	if (err)
		port_release_grants(port, &wait.message);
	else
		close_moved(block, own);
	for (unsigned i = 0; i < count; i++)
		grant_put(own[i]);
	return err;
}

/** The port that the descriptor may use for @right, with a reference. */
static err_t get_port(const struct trapframe *tf, uint32_t right, struct port **port)
{
	struct grant *grant;
	hal_irq_disable(); // no switch between look-up and reference
	err_t err = port_find(tf, right, port, &grant);
	if (!err)
		object_get(&(*port)->object);
	hal_irq_enable();
	return err;
}

err_t port_send_block(struct trapframe *tf, bool is_try)
{
	struct ipc_block block;
	struct port *port;
	if (!(hal_tf_ipc_tag(tf) & IPC_TAG_BLOCK))
		return -EINVAL;
	err_t err = read_block(tf, IPC_TAG_URGENT, &block);
	if (!err && block.send_bytes)
		err = -EMSGSIZE;
	if (!err)
		err = get_port(tf, IPC_RIGHT_SEND, &port);
	if (err)
		return err;
	err = send_to(tf, &block, port, is_try);
	object_put(&port->object);
	return err;
}

// ---- receiving --------------------------------------------------------------------------------------

struct slots {
	int fds[IPC_FDS_MAX];
	unsigned count;
};

static void unreserve(const struct slots *slots, unsigned from)
{
	for (unsigned i = from; i < slots->count; i++)
		fd_unreserve(current_thread()->object.fds, (uint32_t)slots->fds[i]);
}

/** Slots for @count descriptors, their numbers written to the block at @at before anything is taken. */
static err_t reserve(struct slots *slots, unsigned count, uaddr_t at)
{
	err_t err = 0;
	for (slots->count = 0; slots->count < count && !err;) {
		int fd = fd_reserve(current_thread()->object.fds, FD_CLOEXEC);
		if (fd < 0)
			err = fd;
		else
			slots->fds[slots->count++] = fd;
	}
	if (!err && count)
		err = mm_copy_out(at + offsetof(struct ipc_block, recv_fds), slots->fds,
				  count * sizeof(slots->fds[0]));
	if (err)
		unreserve(slots, 0);
	return err;
}

static err_t recv_from(struct trapframe *tf, struct port *port, struct port_wait *wait, bool is_try)
{
	struct port *found;
	hal_irq_disable();
	err_t err = port_find(tf, IPC_RIGHT_RECV, &found, &wait->grant);
	if (!err && found != port)
		err = -EBADF;
	if (err) {
		hal_irq_enable();
		return err;
	}
	return port_recv(port, wait, is_try);
}

static err_t recv_into(struct trapframe *tf, const struct ipc_block *block, struct port *port, bool is_try)
{
	struct port_wait wait = {.deadline = block->deadline, .room = block->recv_fd_count};
	struct slots slots;
	err_t err = reserve(&slots, block->recv_fd_count, hal_tf_ipc_word(tf, 0));
	if (err)
		return err;
	err = recv_from(tf, port, &wait, is_try);
	if (err) {
		unreserve(&slots, 0);
		return err;
	}
	unnest(port, &wait.message);
	for (unsigned i = 0; i < wait.message.grant_count; i++)
		fd_fill(current_thread()->object.fds, (uint32_t)slots.fds[i], wait.message.grants[i]);
	unreserve(&slots, wait.message.grant_count);
	port_message_to_frame(tf, &wait.message);
	return 0;
}

err_t port_recv_block(struct trapframe *tf, bool is_try)
{
	struct ipc_block block;
	struct port *port;
	err_t err = read_block(tf, 0, &block);
	if (!err)
		err = get_port(tf, IPC_RIGHT_RECV, &port);
	if (err)
		return err;
	err = recv_into(tf, &block, port, is_try);
	object_put(&port->object);
	return err;
}
