// SPDX-License-Identifier: MIT
// Endpoints, slow path: everything that the fast path does not do, with the same outcomes.
//
// A thread in an endpoint operation is in one of three states, and who ends the wait is decided at one
// word each:
//
//   SENDING, RECEIVING   linked in the endpoint's queue: who unlinks it, under the endpoint's lock,
//                        ends it (a partner, close, a signal or kill).
//   AWAITING_REPLY       `server` names the thread that holds the reply right: who changes it to NULL
//                        by compare-and-exchange ends it (that server's reply or death, a signal).
//
// A server's `reply_to` is thus only a hint: it counts while reply_to->server is the server itself. A
// caller that left by a signal has changed the word, and calls anew only through a new receive, which
// overwrites the hint. The memory of threads and endpoints is type-stable, so stale hints may be read.
//
// Against a signal in the moment of blocking: the blocking side sets ipc.state, then (full fence)
// looks at `pending`; the signalling side sets `pending`, then (full fence) looks at ipc.state, and if
// that is not IDLE takes the endpoint's lock, under which the blocking side finishes or backs out.
//
// Locks: endpoint, then run queue. Two endpoints are never locked together.
#include "internal.h"

#include <ipc/endpoint.h>
#include <kernel/assert.h>
#include <kernel/upcall.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>

static struct slab_cache *endpoint_cache;

static void endpoint_constructor(void *memory)
{
	struct endpoint *ep = memory;
	spin_init(&ep->lock);
	list_init(&ep->receivers);
	list_init(&ep->senders);
}

void ipc_init(void)
{
	endpoint_cache = slab_cache_create_stable("endpoint", sizeof(struct endpoint), 16,
						  endpoint_constructor);
}

// ---- ends of waits ------------------------------------------------------------------------------

void ipc_complete(struct thread *thread, err_t status, uint64_t tag_bits)
{
	hal_tf_set_result(thread->tf, status);
	hal_tf_set_ipc_tag(thread->tf, tag_bits);
	store_release(&thread->ipc.state, IPC_IDLE);
	sched_wake(thread);
}

static void wake_with_message(struct thread *thread)
{
	store_release(&thread->ipc.state, IPC_IDLE);
	sched_wake(thread);
}

/** Take the right to reply to @caller from @server: true for exactly one of all who try. */
static bool claim_caller(struct thread *caller, struct thread *server)
{
	struct thread *expected = server;
	return cas_acq_rel(&caller->ipc.server, &expected, NULL);
}

static void drop_reply_right(struct thread *server)
{
	struct thread *caller = server->ipc.reply_to;
	server->ipc.reply_to = NULL;
	if (caller && claim_caller(caller, server))
		ipc_complete(caller, -EPIPE, IPC_TAG_TAKEN);
}

void ipc_thread_exit(void)
{
	drop_reply_right(current_thread());
}

void upcall_ipc_interrupt(struct thread *thread)
{
	struct endpoint *ep = load_acquire(&thread->ipc.endpoint);
	if (!ep)
		return;
	irqflags_t flags = spin_lock_irqsave(&ep->lock);
	uint32_t state = load_acquire(&thread->ipc.state);
	bool is_queued = (state == IPC_SENDING || state == IPC_RECEIVING) &&
			 load_relaxed(&thread->ipc.endpoint) == ep;
	if (is_queued) {
		list_remove(&thread->ipc.node);
		ipc_complete(thread, -EINTR, 0);
	} else if (state == IPC_AWAITING_REPLY) {
		struct thread *server = load_acquire(&thread->ipc.server);
		if (server && claim_caller(thread, server))
			ipc_complete(thread, -EINTR, IPC_TAG_TAKEN);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
}

// ---- life ---------------------------------------------------------------------------------------

static void close_endpoint(struct endpoint *ep)
{
	irqflags_t flags = spin_lock_irqsave(&ep->lock);
	struct thread *thread;
	ep->is_closed = true;
	while ((thread = list_first_entry(&ep->senders, struct thread, ipc.node))) {
		list_remove(&thread->ipc.node);
		ipc_complete(thread, -EPIPE, 0);
	}
	while ((thread = list_first_entry(&ep->receivers, struct thread, ipc.node))) {
		list_remove(&thread->ipc.node);
		ipc_complete(thread, -EBADF, 0);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
}

static void endpoint_grant_new(struct object *object, uint32_t rights)
{
	if (rights & IPC_RIGHT_RECV)
		fetch_add_relaxed(&container_of(object, struct endpoint, object)->recv_grants, 1);
}

static void endpoint_grant_gone(struct object *object, uint32_t rights)
{
	struct endpoint *ep = container_of(object, struct endpoint, object);
	if ((rights & IPC_RIGHT_RECV) && fetch_sub_acq_rel(&ep->recv_grants, 1) == 1)
		close_endpoint(ep);
}

static void endpoint_destroy(struct object *object)
{
	struct endpoint *ep = container_of(object, struct endpoint, object);
	close_endpoint(ep);
	slab_free(endpoint_cache, ep);
}

static const struct object_ops endpoint_ops = {
	.name = "endpoint",
	.destroy = endpoint_destroy,
	.grant_new = endpoint_grant_new,
	.grant_gone = endpoint_grant_gone,
};

err_t ipc_endpoint_create(struct grant **grant)
{
	struct endpoint *ep = slab_alloc(endpoint_cache);
	if (!ep)
		return -ENOMEM;
	object_init(&ep->object, &endpoint_ops);
	atomic_init(&ep->recv_grants, 1);
	ep->is_closed = false;
	*grant = grant_create(&ep->object, OBJECT_ENDPOINT | IPC_RIGHTS_ALL, 0);
	if (*grant)
		return 0;
	slab_free(endpoint_cache, ep);
	return -ENOMEM;
}

// ---- blocking -----------------------------------------------------------------------------------

/** Queue order: better band first, real time by priority, all else of a band by arrival. */
static bool goes_before(const struct thread *a, const struct thread *b)
{
	if (a->sched.band != b->sched.band)
		return a->sched.band < b->sched.band;
	return a->sched.band == BAND_REALTIME && a->sched.rt_priority > b->sched.rt_priority;
}

static void enqueue(struct list *queue, struct thread *thread)
{
	struct list *at = queue;
	while (at->prev != queue &&
	       goes_before(thread, list_entry(at->prev, struct thread, ipc.node)))
		at = at->prev;
	list_insert_before(at, &thread->ipc.node);
}

/** Block current in @state on @ep, whose lock is held and is released. Backs out, with -EINTR in the
 *  frame, if a signal or kill is pending; else never returns. */
static void block(struct endpoint *ep, struct list *queue, enum ipc_state state, irqflags_t flags)
{
	struct thread *self = current_thread();
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, state);
	fence_seq_cst();
	if (load_relaxed(&self->pending)) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		spin_unlock_irqrestore(&ep->lock, flags);
		hal_tf_set_result(self->tf, -EINTR);
		return;
	}
	if (queue)
		enqueue(queue, self);
	sched_prepare_block();
	spin_unlock(&ep->lock);
	sched_block_user();
}

/** The endpoint behind current's descriptor, for @right; or the error. No reference: valid until the
 *  next switch. */
static err_t find_endpoint(const struct trapframe *tf, uint32_t right, struct grant **grant)
{
	struct fdtable *fds = current_thread()->object.fds;
	*grant = fd_lookup(fds, (uint32_t)min(hal_tf_ipc_fd(tf), (uint64_t)UINT32_MAX));
	err_t err = *grant ? grant_check(*grant, OBJECT_ENDPOINT, right) : -EBADF;
	if (err)
		return err;
	return ipc_tag_is_valid(hal_tf_ipc_tag(tf)) ? 0 : -EINVAL;
}

// ---- sending ------------------------------------------------------------------------------------

/** current's request has been taken: block until the reply (prepared;
 *  @ep's lock held, released). A signal that came before ipc.state could be seen is found in
 *  `pending` here, and ends the wait as TAKEN. */
noreturn_fn static void await_reply(struct endpoint *ep)
{
	struct thread *self = current_thread();
	fence_seq_cst();
	bool is_pending = load_relaxed(&self->pending);
	spin_unlock(&ep->lock);
	if (is_pending)
		upcall_ipc_interrupt(self);
	sched_block_user();
}

/** current's request goes to @receiver, which is off the queue. */
static void hand_to_receiver(struct thread *receiver, uint64_t badge, bool wants_reply)
{
	struct thread *self = current_thread();
	ipc_copy_request(receiver->tf, self->tf, self->proc.ids, badge);
	receiver->ipc.reply_to = wants_reply ? self : NULL;
	if (!wants_reply)
		return;
	store_relaxed(&self->ipc.state, IPC_AWAITING_REPLY);
	store_release(&self->ipc.server, receiver);
}

static void send_request(struct trapframe *tf, enum ipc_mode mode, bool wants_reply)
{
	struct thread *self = current_thread();
	struct grant *grant;
	irqflags_t flags = hal_irq_save(); // no switch between the look-up and the lock
	err_t err = find_endpoint(tf, IPC_RIGHT_SEND, &grant);
	if (err) {
		hal_irq_restore(flags);
		hal_tf_set_result(tf, err);
		return;
	}
	struct endpoint *ep = ipc_endpoint_of(grant);
	spin_lock(&ep->lock);
	struct thread *receiver = list_first_entry(&ep->receivers, struct thread, ipc.node);
	if (!receiver && (ep->is_closed || mode == IPC_TRY)) {
		err = ep->is_closed ? -EPIPE : -EAGAIN;
		spin_unlock_irqrestore(&ep->lock, flags);
		hal_tf_set_result(tf, err);
		return;
	}
	self->ipc.wants_reply = wants_reply;
	self->ipc.badge = grant->badge;
	if (!receiver) {
		block(ep, &ep->senders, IPC_SENDING, flags);
		return;
	}
	if (wants_reply && load_relaxed(&self->pending)) { // not taken yet: may be repeated
		spin_unlock_irqrestore(&ep->lock, flags);
		hal_tf_set_result(tf, -EINTR);
		return;
	}
	store_relaxed(&self->ipc.endpoint, ep);
	list_remove(&receiver->ipc.node);
	hand_to_receiver(receiver, grant->badge, wants_reply);
	if (wants_reply)
		sched_prepare_block(); // before the receiver can reply
	wake_with_message(receiver);
	if (wants_reply)
		await_reply(ep);
	spin_unlock_irqrestore(&ep->lock, flags);
	hal_tf_set_result(tf, 0);
}

void ipc_call(struct trapframe *tf, enum ipc_mode mode)
{
	send_request(tf, mode, true);
}

void ipc_send(struct trapframe *tf, enum ipc_mode mode)
{
	send_request(tf, mode, false);
}

// ---- receiving and replying ---------------------------------------------------------------------

/** Take the request of @sender, which is off the queue, into current's frame. */
static void take_request(struct thread *sender)
{
	struct thread *self = current_thread();
	ipc_copy_request(self->tf, sender->tf, sender->proc.ids, sender->ipc.badge);
	if (!sender->ipc.wants_reply) {
		self->ipc.reply_to = NULL;
		hal_tf_set_result(sender->tf, 0);
		wake_with_message(sender);
		return;
	}
	self->ipc.reply_to = sender;
	store_relaxed(&sender->ipc.state, IPC_AWAITING_REPLY);
	store_release(&sender->ipc.server, self);
}

void ipc_recv(struct trapframe *tf, enum ipc_mode mode)
{
	struct grant *grant;
	drop_reply_right(current_thread());
	irqflags_t flags = hal_irq_save();
	err_t err = find_endpoint(tf, IPC_RIGHT_RECV, &grant);
	if (err) {
		hal_irq_restore(flags);
		hal_tf_set_result(tf, err);
		return;
	}
	struct endpoint *ep = ipc_endpoint_of(grant);
	spin_lock(&ep->lock);
	struct thread *sender = list_first_entry(&ep->senders, struct thread, ipc.node);
	if (sender) {
		list_remove(&sender->ipc.node);
		take_request(sender);
		spin_unlock_irqrestore(&ep->lock, flags);
	} else if (ep->is_closed || mode == IPC_TRY) {
		err = ep->is_closed ? -EBADF : -EAGAIN;
		spin_unlock_irqrestore(&ep->lock, flags);
		hal_tf_set_result(tf, err);
	} else {
		block(ep, &ep->receivers, IPC_RECEIVING, flags);
	}
}

/** Answer the caller whose right is in current's slot: 0, -ESRCH (empty slot), -EPIPE (it has left),
 *  -EINVAL (bad tag; the right stays). */
static err_t reply(struct trapframe *tf)
{
	struct thread *self = current_thread(), *caller = self->ipc.reply_to;
	if (!ipc_tag_is_valid(hal_tf_ipc_tag(tf)))
		return -EINVAL;
	if (!caller)
		return -ESRCH;
	self->ipc.reply_to = NULL;
	if (!claim_caller(caller, self))
		return -EPIPE;
	ipc_copy_reply(caller->tf, self->tf);
	wake_with_message(caller);
	return 0;
}

void ipc_reply(struct trapframe *tf)
{
	hal_tf_set_result(tf, reply(tf));
}

/** A caller that has left meanwhile is no error here: the server goes on to the next request. */
void ipc_reply_recv(struct trapframe *tf)
{
	struct grant *grant;
	err_t err = find_endpoint(tf, IPC_RIGHT_RECV, &grant);
	if (!err)
		err = reply(tf);
	if (err && err != -EPIPE)
		hal_tf_set_result(tf, err);
	else
		ipc_recv(tf, IPC_BLOCKING);
}
