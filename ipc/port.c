// SPDX-License-Identifier: MIT
// Ports.
//
// A message is handed over under the port's lock, from frame to slot to frame, or directly to or from
// a thread that waits:
//
//   full      senders wait; who frees a slot fills it with the first one's message and wakes that one
//   empty     receivers wait; who sends hands the message to the first one and wakes it
//
// So there is never a free slot while a sender waits, nor a message while a receiver does: nobody
// is overtaken by a late comer, each free slot costs one wake, and who leaves the queue by deadline or
// signal has neither sent nor received. Every message has its storage from the beginning: sending
// allocates nothing.
//
// The port ends when no grant can send any more: receivers drain it, then get -EPIPE. It closes when
// none can receive: what is queued is dropped.
#include "port.h"

#include <mm/slab.h>
#include <object/fdtable.h>
#include <sched/thread.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

#define RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)
#define CAN_RECEIVE (POLLIN | POLLRDNORM)
#define CAN_SEND (POLLOUT | POLLWRNORM)

static inline struct port_wait *wait_of(struct sched_wait *wait)
{
	return (struct port_wait *)(uintptr_t)wait->key;
}

static inline struct port_wait *first_wait(struct port *port, struct sched_wait **wait)
{
	*wait = list_first_entry(&port->wq.waiters, struct sched_wait, node);
	return *wait ? wait_of(*wait) : NULL;
}

// ---- messages and frames ------------------------------------------------------------------------

/** Words 0 to @count - 1 of a frame, in either direction. */
static always_inline void words_from_frame(uint64_t *words, const struct trapframe *tf, unsigned count)
{
	switch (count) {
	default:
		words[7] = hal_tf_ipc_word(tf, 7);
		__attribute__((fallthrough));
	case 7:
		words[6] = hal_tf_ipc_word(tf, 6);
		__attribute__((fallthrough));
	case 6:
		words[5] = hal_tf_ipc_word(tf, 5);
		__attribute__((fallthrough));
	case 5:
		words[4] = hal_tf_ipc_word(tf, 4);
		__attribute__((fallthrough));
	case 4:
		words[3] = hal_tf_ipc_word(tf, 3);
		__attribute__((fallthrough));
	case 3:
		words[2] = hal_tf_ipc_word(tf, 2);
		__attribute__((fallthrough));
	case 2:
		words[1] = hal_tf_ipc_word(tf, 1);
		__attribute__((fallthrough));
	case 1:
		words[0] = hal_tf_ipc_word(tf, 0);
		__attribute__((fallthrough));
	case 0:
		break;
	}
}

static always_inline void words_to_frame(struct trapframe *tf, const uint64_t *words, unsigned count)
{
	switch (count) {
	default:
		hal_tf_set_ipc_word(tf, 7, words[7]);
		__attribute__((fallthrough));
	case 7:
		hal_tf_set_ipc_word(tf, 6, words[6]);
		__attribute__((fallthrough));
	case 6:
		hal_tf_set_ipc_word(tf, 5, words[5]);
		__attribute__((fallthrough));
	case 5:
		hal_tf_set_ipc_word(tf, 4, words[4]);
		__attribute__((fallthrough));
	case 4:
		hal_tf_set_ipc_word(tf, 3, words[3]);
		__attribute__((fallthrough));
	case 3:
		hal_tf_set_ipc_word(tf, 2, words[2]);
		__attribute__((fallthrough));
	case 2:
		hal_tf_set_ipc_word(tf, 1, words[1]);
		__attribute__((fallthrough));
	case 1:
		hal_tf_set_ipc_word(tf, 0, words[0]);
		__attribute__((fallthrough));
	case 0:
		break;
	}
}

static inline void message_from_frame(struct ipc_message *message, const struct trapframe *tf, uint64_t badge)
{
	uint64_t tag = hal_tf_ipc_tag(tf);
	message->tag = tag;
	message->badge = badge;
	message->sender = current_thread()->proc.ids;
	message->grant_count = 0;
	words_from_frame(message->words, tf, tag & 0xf); // above 8: as 8
}

static inline void message_to_frame(struct trapframe *tf, const struct ipc_message *message)
{
	uint64_t tag = message->tag;
	hal_tf_set_result(tf, 0);
	hal_tf_set_ipc_tag(tf, tag);
	hal_tf_set_ipc_badge(tf, message->badge);
	hal_tf_set_ipc_sender(tf, message->sender);
	words_to_frame(tf, message->words, tag & 0xf);
}

void port_message_to_frame(struct trapframe *tf, const struct ipc_message *message)
{
	message_to_frame(tf, message);
}

static void copy_message(struct ipc_message *to, const struct ipc_message *from)
{
	struct list node = to->node;
	*to = *from;
	to->node = node;
}

// ---- the queue (lock held) ------------------------------------------------------------------------

static inline void put_in_queue(struct port *port, struct ipc_message *message)
{
	list_push_back(message->tag & IPC_TAG_URGENT ? &port->urgent : &port->normal, &message->node);
}

static inline struct ipc_message *first_message(struct port *port)
{
	struct list *queue = list_is_empty(&port->urgent) ? &port->normal : &port->urgent;
	return list_first_entry(queue, struct ipc_message, node);
}

/** A waiting receiver that has room for @grant_count descriptors; those before it that have not end with
 *  -EMSGSIZE. NULL: nobody waits. */
static no_inline struct port_wait *receiver_for(struct port *port, uint32_t grant_count)
{
	struct sched_wait *wait;
	struct port_wait *receiver;
	while ((receiver = first_wait(port, &wait))) {
		receiver->status = receiver->room < grant_count ? -EMSGSIZE : 0;
		sched_waitq_wake_locked(&port->wq, wait); // it cannot look before the lock is free
		if (!receiver->status)
			break;
	}
	return receiver;
}

/** A slot for one more message: *@message, which is the slot or a waiting receiver's own. -EPIPE, or
 *  -EAGAIN: it is full. */
static inline err_t get_slot(struct port *port, uint32_t grant_count, struct ipc_message **message,
			     bool *is_queued)
{
	struct port_wait *receiver = NULL;
	if (unlikely(port->is_closed))
		return -EPIPE;
	if (unlikely(!port->count && !sched_waitq_is_empty(&port->wq)))
		receiver = receiver_for(port, grant_count);
	*is_queued = !receiver;
	*message = receiver ? &receiver->message : list_first_entry(&port->free, struct ipc_message, node);
	if (unlikely(!*message))
		return -EAGAIN;
	if (likely(*is_queued)) {
		list_remove(&(*message)->node);
		port->count++;
	}
	return 0;
}

static inline err_t send_frame_locked(struct port *port, const struct trapframe *tf, uint64_t badge)
{
	struct ipc_message *message;
	bool is_queued;
	err_t err = get_slot(port, 0, &message, &is_queued);
	if (unlikely(err))
		return err;
	message_from_frame(message, tf, badge);
	if (likely(is_queued))
		put_in_queue(port, message);
	return 0;
}

static err_t send_message_locked(struct port *port, const struct ipc_message *from)
{
	struct ipc_message *message;
	bool is_queued;
	err_t err = get_slot(port, from->grant_count, &message, &is_queued);
	if (err)
		return err;
	copy_message(message, from);
	if (is_queued)
		put_in_queue(port, message);
	return 0;
}

/** The slot of @message, which was received: to the first blocked sender, or free. */
static inline void free_slot(struct port *port, struct ipc_message *message)
{
	struct sched_wait *wait;
	struct port_wait *sender = first_wait(port, &wait);
	if (likely(!sender)) {
		list_push_front(&port->free, &message->node); // the one that is in the cache
		port->count--;
		return;
	}
	copy_message(message, &sender->message);
	put_in_queue(port, message);
	sched_waitq_wake_locked(&port->wq, wait);
}

/** The first message if it has no more than @room descriptors: -EPIPE, -EAGAIN (it is empty),
 *  -EMSGSIZE (it stays). It is off its queue; free_slot() follows. */
static inline err_t take_message(struct port *port, uint32_t room, struct ipc_message **found)
{
	struct ipc_message *message = first_message(port);
	if (unlikely(!message))
		return port->is_ended || port->is_closed ? -EPIPE : -EAGAIN;
	if (unlikely(message->grant_count > room))
		return -EMSGSIZE;
	list_remove(&message->node);
	*found = message;
	return 0;
}

/** Wake those who wait through a dead grant with -EBADF, or all with -EPIPE. */
static void end_waits_locked(struct port *port, bool is_over)
{
	struct sched_wait *wait, *next;
	list_for_each_entry_safe(wait, next, &port->wq.waiters, node) {
		struct port_wait *waiting = wait_of(wait);
		if (!is_over && load_relaxed(&waiting->grant->rights))
			continue;
		waiting->status = is_over ? -EPIPE : -EBADF;
		sched_waitq_wake_locked(&port->wq, wait);
	}
}

// ---- operations -----------------------------------------------------------------------------------

/** Block with what is to be sent, or for what is received, in @wait; the lock is held, interrupts are off;
 *  both end here. 0, -EPIPE, -EBADF, -EMSGSIZE, -ETIMEDOUT, -EINTR. */
static err_t block(struct port *port, struct port_wait *wait)
{
	irqflags_t flags;
	err_t err = 0;
	object_get(&port->object);
	// Who revokes clears the rights before it takes the lock and looks at the waiters.
	wait->status = load_relaxed(&wait->grant->rights) ? 0 : -EBADF;
	if (!wait->status)
		err = sched_waitq_wait(&port->wq, &flags, wait->deadline, SCHED_WAIT_INTERRUPTIBLE,
				       (uintptr_t)wait);
	spin_unlock(&port->wq.lock);
	hal_irq_enable();
	object_put(&port->object);
	return err ? err : wait->status;
}

/** Why a descriptor with @grant cannot be used for @right. */
static no_inline err_t why_not(struct grant *grant, uint32_t right)
{
	uint32_t rights = grant ? load_relaxed(&grant->rights) : 0, type = rights & OBJECT_TYPE_MASK;
	if (type != OBJECT_PORT && type != OBJECT_CHANNEL)
		return -EBADF;
	return rights & right ? -EBADF : -EPERM; // revoked this moment
}

/** The grant of current's descriptor, and the port that it may send to; NULL = why_not(). No reference:
 *  interrupts are off. */
static inline struct port *find_send(const struct trapframe *tf, struct grant **found)
{
	struct grant *grant = fd_lookup_wide(current_thread()->object.fds, hal_tf_ipc_fd(tf));
	*found = grant;
	if (likely(grant && grant_allows(grant, OBJECT_PORT | IPC_RIGHT_SEND)))
		return (struct port *)grant->object;
	if (likely(grant && grant_allows(grant, OBJECT_CHANNEL | IPC_RIGHT_SEND)))
		return ((struct channel_end *)grant->object)->out;
	return NULL;
}

/** The same for receiving. */
static inline struct port *find_recv(const struct trapframe *tf, struct grant **found)
{
	struct grant *grant = fd_lookup_wide(current_thread()->object.fds, hal_tf_ipc_fd(tf));
	*found = grant;
	if (likely(grant && grant_allows(grant, OBJECT_PORT | IPC_RIGHT_RECV)))
		return (struct port *)grant->object;
	if (likely(grant && grant_allows(grant, OBJECT_CHANNEL | IPC_RIGHT_RECV)))
		return ((struct channel_end *)grant->object)->in;
	return NULL;
}

/** Let the message, which could not be sent at once, wait for its turn (lock held, and released). */
static no_inline err_t send_blocking(struct port *port, const struct trapframe *tf, struct grant *grant)
{
	struct port_wait wait = {.grant = grant, .deadline = NSEC_NEVER};
	message_from_frame(&wait.message, tf, grant->badge);
	return block(port, &wait);
}

err_t port_find(const struct trapframe *tf, uint32_t right, struct port **port, struct grant **grant)
{
	*port = right == IPC_RIGHT_SEND ? find_send(tf, grant) : find_recv(tf, grant);
	return *port ? 0 : why_not(*grant, right);
}

err_t port_send(struct port *port, struct port_wait *wait, bool is_try)
{
	spin_lock(&port->wq.lock);
	err_t err = send_message_locked(port, &wait->message);
	if (err == -EAGAIN && !is_try)
		return block(port, wait);
	spin_unlock(&port->wq.lock);
	if (!err)
		poll_notify(&port->poll, CAN_RECEIVE);
	hal_irq_enable();
	return err;
}

err_t port_recv(struct port *port, struct port_wait *wait, bool is_try)
{
	struct ipc_message *message;
	spin_lock(&port->wq.lock);
	err_t err = take_message(port, wait->room, &message);
	if (err == -EAGAIN && !is_try)
		return block(port, wait);
	if (!err) {
		copy_message(&wait->message, message);
		free_slot(port, message);
	}
	spin_unlock(&port->wq.lock);
	if (!err)
		poll_notify(port->send_poll, CAN_SEND);
	hal_irq_enable();
	return err;
}

static inline err_t send(struct trapframe *tf, bool is_try)
{
	struct grant *grant;
	if (unlikely(hal_tf_ipc_tag(tf) & ~(UINT32_MAX | IPC_TAG_URGENT)))
		return port_send_block(tf, is_try);
	hal_irq_disable(); // no switch between look-up and lock
	struct port *port = find_send(tf, &grant);
	if (unlikely(!port)) {
		hal_irq_enable();
		return why_not(grant, IPC_RIGHT_SEND);
	}
	spin_lock(&port->wq.lock);
	err_t err = send_frame_locked(port, tf, grant->badge);
	if (unlikely(err == -EAGAIN && !is_try))
		return send_blocking(port, tf, grant);
	spin_unlock(&port->wq.lock);
	if (likely(!err))
		poll_notify(&port->poll, CAN_RECEIVE);
	hal_irq_enable();
	return err;
}

void ipc_port_send(struct trapframe *tf)
{
	hal_tf_set_result(tf, send(tf, false));
}

void ipc_port_try_send(struct trapframe *tf)
{
	hal_tf_set_result(tf, send(tf, true));
}

static no_inline err_t recv_blocking(struct port *port, struct trapframe *tf, struct grant *grant)
{
	struct port_wait wait = {.grant = grant, .deadline = NSEC_NEVER};
	err_t err = block(port, &wait);
	if (!err)
		port_message_to_frame(tf, &wait.message);
	return err;
}

static inline err_t recv(struct trapframe *tf, bool is_try)
{
	struct ipc_message *message;
	struct grant *grant;
	if (unlikely(hal_tf_ipc_tag(tf) & IPC_TAG_BLOCK))
		return port_recv_block(tf, is_try);
	hal_irq_disable();
	struct port *port = find_recv(tf, &grant);
	if (unlikely(!port)) {
		hal_irq_enable();
		return why_not(grant, IPC_RIGHT_RECV);
	}
	spin_lock(&port->wq.lock);
	err_t err = take_message(port, 0, &message);
	if (unlikely(err == -EAGAIN && !is_try))
		return recv_blocking(port, tf, grant);
	if (likely(!err)) {
		message_to_frame(tf, message);
		free_slot(port, message);
	}
	spin_unlock(&port->wq.lock);
	if (likely(!err))
		poll_notify(port->send_poll, CAN_SEND);
	hal_irq_enable();
	return err;
}

void ipc_port_recv(struct trapframe *tf)
{
	err_t err = recv(tf, false);
	if (unlikely(err))
		hal_tf_set_result(tf, err);
}

void ipc_port_try_recv(struct trapframe *tf)
{
	err_t err = recv(tf, true);
	if (unlikely(err))
		hal_tf_set_result(tf, err);
}

// ---- life -----------------------------------------------------------------------------------------

void port_add_grants(struct port *to, struct port *from, uint32_t rights)
{
	if (rights & IPC_RIGHT_SEND)
		fetch_add_relaxed(&to->send_grants, 1);
	if (rights & IPC_RIGHT_RECV)
		fetch_add_relaxed(&from->recv_grants, 1);
}

/** Nobody can receive: what is queued is dropped. */
static void close_port(struct port *port)
{
	struct list dropped = LIST_INIT(dropped);
	struct ipc_message *message;
	irqflags_t flags = spin_lock_irqsave(&port->wq.lock);
	port->is_closed = true;
	end_waits_locked(port, true);
	while ((message = first_message(port))) {
		list_remove(&message->node);
		list_push_back(&dropped, &message->node);
	}
	port->count = 0;
	spin_unlock_irqrestore(&port->wq.lock, flags);
	poll_notify(port->send_poll, POLLERR);
	while ((message = list_first_entry(&dropped, struct ipc_message, node))) {
		list_remove(&message->node); // their storage is not used again
		port_release_grants(port, message);
	}
}

static void end_port(struct port *port)
{
	irqflags_t flags = spin_lock_irqsave(&port->wq.lock);
	port->is_ended = true;
	end_waits_locked(port, true);
	spin_unlock_irqrestore(&port->wq.lock, flags);
	poll_notify(&port->poll, POLLHUP);
}

/** A grant of @port is gone, not the last one. */
static void end_waits(struct port *port)
{
	irqflags_t flags = spin_lock_irqsave(&port->wq.lock);
	end_waits_locked(port, false);
	spin_unlock_irqrestore(&port->wq.lock, flags);
}

void port_drop_grants(struct port *to, struct port *from, uint32_t rights)
{
	if ((rights & IPC_RIGHT_SEND) && fetch_sub_acq_rel(&to->send_grants, 1) == 1)
		end_port(to);
	if ((rights & IPC_RIGHT_RECV) && fetch_sub_acq_rel(&from->recv_grants, 1) == 1)
		close_port(from);
	end_waits(to);
	end_waits(from);
}

uint32_t port_ready(struct port *to, struct port *from)
{
	irqflags_t flags = spin_lock_irqsave(&to->wq.lock);
	uint32_t events = to->is_closed ? POLLERR : list_is_empty(&to->free) ? 0 : CAN_SEND;
	spin_unlock(&to->wq.lock);
	spin_lock(&from->wq.lock);
	if (from->count)
		events |= CAN_RECEIVE;
	if (from->is_ended || from->is_closed)
		events |= POLLHUP;
	spin_unlock_irqrestore(&from->wq.lock, flags);
	return events;
}

static void port_grant_new(struct object *object, uint32_t rights)
{
	struct port *port = container_of(object, struct port, object);
	port_add_grants(port, port, rights);
}

static void port_grant_gone(struct object *object, uint32_t rights)
{
	struct port *port = container_of(object, struct port, object);
	port_drop_grants(port, port, rights);
}

static uint32_t port_poll(struct object *object, struct poll_entry *entry)
{
	struct port *port = container_of(object, struct port, object);
	poll_link(&port->poll, entry);
	return port_ready(port, port);
}

static void free_port(struct quiesce *head)
{
	struct port *port = container_of(head, struct port, quiesce);
	kfree(port->messages);
	kfree(port);
}

static void port_destroy(struct object *object)
{
	struct port *port = container_of(object, struct port, object);
	poll_source_destroy(&port->poll, POLLHUP);
	quiesce_defer(&port->quiesce, free_port);
}

static const struct object_ops port_ops = {
	.name = "port",
	.destroy = port_destroy,
	.grant_new = port_grant_new,
	.grant_gone = port_grant_gone,
	.poll = port_poll,
};

size_t port_bytes(uint64_t capacity)
{
	return sizeof(struct port) + (capacity ? capacity : IPC_PORT_CAPACITY) * sizeof(struct ipc_message);
}

err_t port_alloc(uint64_t capacity, struct port **result)
{
	if (!capacity)
		capacity = IPC_PORT_CAPACITY;
	if (capacity > IPC_PORT_CAPACITY_MAX)
		return -EINVAL;
	struct port *port = kzalloc(sizeof(*port));
	struct ipc_message *messages = port ? kcalloc(capacity, sizeof(*messages)) : NULL;
	if (!messages) {
		kfree(port);
		return -ENOMEM;
	}
	object_init(&port->object, &port_ops);
	sched_waitq_init(&port->wq);
	list_init(&port->free);
	list_init(&port->normal);
	list_init(&port->urgent);
	poll_source_init(&port->poll);
	port->send_poll = &port->poll;
	port->messages = messages;
	for (unsigned i = 0; i < capacity; i++)
		list_push_back(&port->free, &messages[i].node);
	atomic_init(&port->send_grants, 1);
	atomic_init(&port->recv_grants, 1);
	*result = port;
	return 0;
}

err_t ipc_port_create(uint64_t capacity, struct grant **grant)
{
	struct port *port;
	err_t err = port_alloc(capacity, &port);
	if (err)
		return err;
	err = grant_create(&port->object, OBJECT_PORT | RIGHTS_ALL, 0, port_bytes(capacity), grant);
	if (err)
		object_put(&port->object);
	return err;
}
