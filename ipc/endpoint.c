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
// A message that needs copying (transfer.c) takes time and may sleep, with no lock held. Meanwhile the
// partner is CLAIMED: only the thread that copies ends its wait, or puts it back if it fails itself.
//
// Operations through a grant that dies are ended with -EBADF before its memory goes: so a queued
// thread's `grant` can always be looked at. A request that was taken is answered all the same.
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
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

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

bool ipc_claim_caller(struct thread *caller, void *holder)
{
	void *expected = holder;
	return cas_acq_rel(&caller->ipc.server, &expected, NULL);
}

static void drop_reply_right(struct thread *server)
{
	struct thread *caller = load_relaxed(&server->ipc.reply_to);
	store_relaxed(&server->ipc.reply_to, NULL);
	if (caller && ipc_claim_caller(caller, server))
		ipc_complete(caller, -EPIPE, IPC_TAG_TAKEN);
	ipc_lend_back(server);
}

void ipc_thread_exit(void)
{
	ipc_args_thread_exit();
	drop_reply_right(current_thread());
	irqflags_t flags = hal_irq_save();
	ipc_serve(NULL);
	hal_irq_restore(flags);
}

static void end_endpoint_wait(struct thread *thread, err_t status)
{
	struct endpoint *ep = load_acquire(&thread->ipc.endpoint);
	if (!ep)
		return;
	struct thread *server = NULL;
	spin_lock(&ep->lock);
	uint32_t state = load_acquire(&thread->ipc.state);
	bool is_queued = (state == IPC_SENDING || state == IPC_RECEIVING) &&
			 load_relaxed(&thread->ipc.endpoint) == ep;
	bool is_lender = is_queued && state == IPC_SENDING && ipc_servers_wait_for(ep, thread);
	if (is_queued) {
		list_remove(&thread->ipc.node);
		ipc_complete(thread, status, 0);
	} else if (state == IPC_AWAITING_REPLY) {
		void *holder = load_acquire(&thread->ipc.server);
		while (holder && !cas_acq_rel(&thread->ipc.server, &holder, NULL))
			; // it was saved, or taken back: another holder
		if (holder)
			ipc_complete(thread, status, IPC_TAG_TAKEN);
		if (!((uintptr_t)holder & IPC_HOLDER_SAVED))
			server = holder;
	}
	spin_unlock(&ep->lock);
	if (is_lender)
		ipc_lend_to_servers(ep);
	if (server)
		ipc_lend_back(server);
}

void ipc_end_wait(struct thread *thread, err_t status)
{
	irqflags_t flags = hal_irq_save(); // a notification that it waits at stays allocated
	if (load_acquire(&thread->ipc.state) == IPC_WAITING)
		ipc_end_notification_wait(thread, status);
	else
		end_endpoint_wait(thread, status);
	hal_irq_restore(flags);
}

void upcall_ipc_interrupt(struct thread *thread)
{
	ipc_end_wait(thread, -EINTR);
}

// ---- blocking -----------------------------------------------------------------------------------

/** A bound notification may be attached here: it is told of senders without the lock. */
static void tell_of_sender(struct endpoint *ep)
{
	poll_notify(&ep->poll, POLLIN | POLLRDNORM);
}

/** Queue order: by rank, all of a fair band by arrival. */
static bool goes_before(const struct thread *a, const struct thread *b)
{
	return load_relaxed(&a->sched.rank) > load_relaxed(&b->sched.rank);
}

static void enqueue(struct list *queue, struct thread *thread)
{
	struct list *at = queue;
	while (at->prev != queue &&
	       goes_before(thread, list_entry(at->prev, struct thread, ipc.node)))
		at = at->prev;
	list_insert_before(at, &thread->ipc.node);
}

/** As one who came before all of its priority. */
static void enqueue_first(struct list *queue, struct thread *thread)
{
	struct list *at = queue->next;
	while (at != queue && goes_before(list_entry(at, struct thread, ipc.node), thread))
		at = at->next;
	list_insert_before(at, &thread->ipc.node);
}

bool ipc_requeue(struct endpoint *ep, struct thread *thread)
{
	spin_lock(&ep->lock);
	uint32_t state = load_relaxed(&thread->ipc.state);
	bool is_sender = state == IPC_SENDING;
	bool is_here = load_relaxed(&thread->ipc.endpoint) == ep;
	if (is_here && (is_sender || state == IPC_RECEIVING)) {
		list_remove(&thread->ipc.node);
		enqueue(is_sender ? &ep->senders : &ep->receivers, thread);
	}
	spin_unlock(&ep->lock);
	return is_here && is_sender;
}

err_t ipc_back_out(void)
{
	sched_interrupt(current_thread());
	return -EINTR;
}

/** Block current in @state on @ep, whose lock is held and is released, for an operation through
 *  @grant. Backs out with -EINTR if a signal or kill is pending, with -EBADF if @grant has died; else
 *  never returns. */
static err_t block(struct endpoint *ep, struct grant *grant, enum ipc_state state, irqflags_t flags)
{
	struct thread *self = current_thread();
	self->ipc.grant = grant;
	self->ipc.badge = grant->badge;
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, state);
	if (self->ipc.args)
		ipc_args_block(self);
	fence_seq_cst();
	if (ipc_is_disturbed(self) || ipc_is_dead(self)) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		spin_unlock_irqrestore(&ep->lock, flags);
		return ipc_is_disturbed(self) ? ipc_back_out() : -EBADF;
	}
	bool is_lender = false;
	if (state == IPC_SENDING) {
		enqueue(&ep->senders, self);
		is_lender = self->ipc.wants_reply && ipc_servers_wait_for(ep, self);
	} else {
		enqueue(&ep->receivers, self);
		store_relaxed(&self->ipc.serves_fast, load_relaxed(&self->ipc.serves));
	}
	sched_prepare_block();
	spin_unlock(&ep->lock);
	if (state == IPC_SENDING)
		tell_of_sender(ep); // which stays: interrupts are off
	if (unlikely(is_lender))
		ipc_lend_to_servers(ep); // of which none goes before the next switch
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
	return hal_tf_ipc_tag(tf) >> 33 ? -EINVAL : 0;
}

// ---- claimed partners -----------------------------------------------------------------------------

/** Take @thread off its queue for a transfer; the endpoint is kept (lock held and released). */
static void claim(struct endpoint *ep, struct thread *thread, irqflags_t flags)
{
	list_remove(&thread->ipc.node);
	list_push_back(&ep->claimed, &thread->ipc.node);
	thread->ipc.is_revoked = false;
	store_relaxed(&thread->ipc.state, IPC_CLAIMED);
	object_get(&ep->object);
	spin_unlock_irqrestore(&ep->lock, flags);
}

/** End the claim before the partner's wait is ended: 0, or -EBADF if its grant has died. */
static err_t unclaim(struct endpoint *ep, struct thread *thread)
{
	irqflags_t flags = spin_lock_irqsave(&ep->lock);
	list_remove(&thread->ipc.node);
	err_t err = thread->ipc.is_revoked ? -EBADF : 0;
	spin_unlock_irqrestore(&ep->lock, flags);
	return err;
}

static void end_claimed(struct endpoint *ep, struct thread *thread, err_t status)
{
	err_t err = unclaim(ep, thread);
	ipc_complete(thread, err ? err : status, 0);
	object_put(&ep->object);
}

/** Why @thread, which is put back in @state, must not wait on; 0: it must. */
static err_t reason_to_end(struct endpoint *ep, struct thread *thread, enum ipc_state state)
{
	if (thread->ipc.is_revoked)
		return -EBADF;
	if (ep->is_closed)
		return state == IPC_SENDING ? -EPIPE : -EBADF;
	if (ipc_is_disturbed(thread))
		return -EINTR;
	return time_now() >= ipc_deadline(thread) ? -ETIMEDOUT : 0;
}

/** Nothing came of the transfer, and not by @thread's fault: it waits on, in @state, where it was. If
 *  somebody for it has come meanwhile, it begins anew in its own context and finds him. */
static void put_back(struct endpoint *ep, struct thread *thread, enum ipc_state state)
{
	bool is_sender = state == IPC_SENDING;
	struct list *queue = is_sender ? &ep->senders : &ep->receivers;
	irqflags_t flags = spin_lock_irqsave(&ep->lock);
	list_remove(&thread->ipc.node);
	store_relaxed(&thread->ipc.state, state);
	fence_seq_cst(); // as in block()
	err_t err = reason_to_end(ep, thread, state);
	if (err) {
		ipc_complete(thread, err, 0);
	} else if (list_is_empty(is_sender ? &ep->receivers : &ep->senders)) {
		enqueue_first(queue, thread);
	} else {
		thread->ipc.args->retry = state;
		store_release(&thread->ipc.state, IPC_IDLE);
		sched_wake(thread);
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	if (is_sender)
		tell_of_sender(ep);
	object_put(&ep->object);
}

/** Is the descriptor still what it was before the transfer? */
static err_t find_again(const struct trapframe *tf, uint32_t right, struct endpoint *ep, uint64_t *badge)
{
	struct grant *grant;
	irqflags_t flags = hal_irq_save();
	err_t err = find_endpoint(tf, right, &grant);
	if (!err && ipc_endpoint_of(grant) != ep)
		err = -EBADF;
	if (!err)
		*badge = grant->badge;
	hal_irq_restore(flags);
	return err;
}

// ---- sending ------------------------------------------------------------------------------------

/** Leave current's stack for @server, which is current already. Interrupts off, no lock held. */
noreturn_fn static void leave_to(struct hal_percpu *cpu, struct thread *self, struct thread *server)
{
	struct mm_space *space = server->mm.space;
	hal_context_set_user(&self->context);
	if (likely(mm_space_is_fast(cpu, space)))
		mm_space_activate_fast(cpu, space);
	else
		mm_space_activate(space);
	hal_context_swap_tls(&self->context, &server->context);
	hal_context_enter_other(server->tf, &self->on_cpu);
}

/** Block current, whose request @server, off the queue and CLAIMED, has got, until the reply (@ep's lock held,
 *  released): with a switch to it if it may run here, as in the fast path. A signal that came before
 *  ipc.state could be seen is found in `pending` here, and ends the wait as TAKEN. */
noreturn_fn static void await_reply(struct endpoint *ep, struct thread *server)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current;
	fence_seq_cst();
	if (unlikely(load_relaxed(&server->sched.rank) < load_relaxed(&self->sched.rank))) {
		spin_unlock(&ep->lock);
		ipc_lend(server);
		spin_lock(&ep->lock);
	}
	bool is_pending = ipc_is_disturbed(self);
	bool is_over = load_relaxed(&self->ipc.server) != server; // a deadline or a signal was quicker
	if (!is_pending && !is_over && !load_relaxed(&server->pending) && !load_relaxed(&cpu->resched) &&
	    sched_direct_ok(cpu, self, server)) {
		sched_direct_switch(cpu, self, server);
		store_release(&server->ipc.state, IPC_IDLE);
		spin_unlock(&ep->lock);
		leave_to(cpu, self, server);
	}
	if (!is_over)
		sched_prepare_block(); // before the server can reply
	wake_with_message(server);
	spin_unlock(&ep->lock);
	if (is_pending)
		upcall_ipc_interrupt(self);
	sched_block_user();
}

/** current's request goes to @receiver, which is off the queue (@ep's lock held, released). A call
 *  then waits for the reply and does not return. */
static void hand_to_receiver(struct endpoint *ep, struct thread *receiver, uint64_t badge,
			     bool wants_reply, irqflags_t flags)
{
	struct thread *self = current_thread();
	ipc_copy_request(receiver->tf, self->tf, self->proc.ids, badge);
	ipc_copy_args(receiver->tf, self);
	ipc_args_end_for(receiver);
	store_relaxed(&receiver->ipc.reply_to, wants_reply ? self : NULL);
	if (!wants_reply) {
		wake_with_message(receiver);
		spin_unlock_irqrestore(&ep->lock, flags);
		return;
	}
	store_relaxed(&receiver->ipc.state, IPC_CLAIMED);
	store_relaxed(&self->ipc.endpoint, ep);
	if (self->ipc.args)
		ipc_args_await_reply(self);
	store_relaxed(&self->ipc.state, IPC_AWAITING_REPLY);
	store_release(&self->ipc.server, receiver);
	await_reply(ep, receiver);
}

/** The same, with more than registers hold (not locked). False: it came to nothing because of
 *  @receiver, whose receive has ended; the request is for the next one. */
static bool carry_to_receiver(struct trapframe *tf, struct endpoint *ep, struct thread *receiver,
			      bool wants_reply, err_t *err)
{
	struct ipc_cargo cargo;
	bool is_receivers;
	uint64_t badge;
	*err = ipc_cargo_prepare(current_thread(), receiver, &cargo, &is_receivers);
	if (*err && is_receivers) {
		end_claimed(ep, receiver, *err);
		return false;
	}
	if (!*err) {
		*err = find_again(tf, IPC_RIGHT_SEND, ep, &badge);
		if (*err)
			ipc_cargo_cancel(&cargo);
	}
	if (*err) {
		put_back(ep, receiver, IPC_RECEIVING);
		return true;
	}
	if (unclaim(ep, receiver)) {
		ipc_cargo_cancel(&cargo);
		ipc_complete(receiver, -EBADF, 0);
		object_put(&ep->object);
		return false;
	}
	ipc_cargo_commit(&cargo);
	irqflags_t flags = hal_irq_save();
	object_put(&ep->object); // its memory stays until the next switch
	spin_lock(&ep->lock);
	hand_to_receiver(ep, receiver, badge, wants_reply, flags);
	return true;
}

/** One attempt; true: *@err is the result. */
static bool try_send_request(struct trapframe *tf, enum ipc_mode mode, bool wants_reply, err_t *err)
{
	struct thread *self = current_thread();
	struct grant *grant;
	irqflags_t flags = hal_irq_save(); // no switch between the look-up and the lock
	*err = find_endpoint(tf, IPC_RIGHT_SEND, &grant);
	if (*err) {
		hal_irq_restore(flags);
		return true;
	}
	if (unlikely(load_relaxed(&grant->rights) & GRANT_LIMITED) && !grant_admit(grant)) {
		hal_irq_restore(flags);
		*err = -EAGAIN;
		return true;
	}
	struct endpoint *ep = ipc_endpoint_of(grant);
	spin_lock(&ep->lock);
	struct thread *receiver = list_first_entry(&ep->receivers, struct thread, ipc.node);
	if (!receiver && (ep->is_closed || mode == IPC_TRY)) {
		*err = ep->is_closed ? -EPIPE : -EAGAIN;
		spin_unlock_irqrestore(&ep->lock, flags);
		return true;
	}
	self->ipc.wants_reply = wants_reply;
	if (!receiver) {
		*err = block(ep, grant, IPC_SENDING, flags);
		return true;
	}
	if (wants_reply && ipc_is_disturbed(self)) { // not taken yet: may be repeated
		spin_unlock_irqrestore(&ep->lock, flags);
		*err = ipc_back_out();
		return true;
	}
	if (ipc_has_cargo(self)) {
		claim(ep, receiver, flags);
		return carry_to_receiver(tf, ep, receiver, wants_reply, err);
	}
	list_remove(&receiver->ipc.node);
	hand_to_receiver(ep, receiver, grant->badge, wants_reply, flags);
	return true;
}

static void send_request(struct trapframe *tf, enum ipc_mode mode, bool wants_reply)
{
	err_t err = ipc_cargo_check(current_thread());
	while (!err && !try_send_request(tf, mode, wants_reply, &err))
		err = 0;
	if (unlikely(err == -EBADF && !wants_reply))
		err = ipc_reply_through(tf);
	ipc_args_end();
	hal_tf_set_result(tf, err);
}

static void begin_request(struct trapframe *tf, enum ipc_mode mode, bool wants_reply)
{
	err_t err = ipc_args_begin(tf);
	if (err)
		hal_tf_set_result(tf, err);
	else
		send_request(tf, mode, wants_reply);
}

void ipc_call(struct trapframe *tf, enum ipc_mode mode)
{
	begin_request(tf, mode, true);
}

void ipc_send(struct trapframe *tf, enum ipc_mode mode)
{
	begin_request(tf, mode, false);
}

// ---- receiving and replying ---------------------------------------------------------------------

/** @caller waits for an answer through @holder. */
static void await_holder(struct thread *caller, void *holder)
{
	store_relaxed(&caller->ipc.state, IPC_AWAITING_REPLY);
	store_release(&caller->ipc.server, holder);
}

/** @caller, which was CLAIMED until now, waits for a reply: whatever came meanwhile ends that. */
static void end_if_disturbed(struct thread *caller, nsec_t deadline)
{
	fence_seq_cst();
	if (ipc_is_disturbed(caller))
		ipc_end_wait(caller, -EINTR);
	else if (time_now() >= deadline)
		ipc_end_wait(caller, -ETIMEDOUT);
}

/** Take the request of @sender, which is off the queue, into current's frame. */
static void take_request(struct thread *sender)
{
	struct thread *self = current_thread();
	ipc_copy_request(self->tf, sender->tf, sender->proc.ids, sender->ipc.badge);
	ipc_copy_args(self->tf, sender);
	if (sender->ipc.wants_reply) {
		store_relaxed(&self->ipc.reply_to, sender);
		await_holder(sender, self);
		return;
	}
	store_relaxed(&self->ipc.reply_to, NULL);
	hal_tf_set_result(sender->tf, 0);
	wake_with_message(sender);
}

/** The same with more than registers hold, @sender being CLAIMED until now. */
static void take_cargo(struct thread *sender, struct ipc_cargo *cargo)
{
	nsec_t deadline = ipc_deadline(sender);
	bool wants_reply = sender->ipc.wants_reply;
	ipc_cargo_commit(cargo);
	take_request(sender);
	if (!wants_reply)
		return;
	end_if_disturbed(sender, deadline);
	ipc_lend(current_thread());
}

/** The same for one whose message is more than registers. False: it came to nothing because of
 *  @sender, whose operation has ended; look for the next one. */
static bool carry_from_sender(struct trapframe *tf, struct endpoint *ep, struct thread *sender,
			      err_t *err)
{
	struct ipc_cargo cargo;
	bool is_receivers;
	uint64_t badge;
	*err = ipc_cargo_prepare(sender, current_thread(), &cargo, &is_receivers);
	if (*err && !is_receivers) {
		end_claimed(ep, sender, *err);
		return false;
	}
	if (!*err) {
		*err = find_again(tf, IPC_RIGHT_RECV, ep, &badge);
		if (*err)
			ipc_cargo_cancel(&cargo);
	}
	if (*err) {
		put_back(ep, sender, IPC_SENDING);
		return true;
	}
	bool is_dead = unclaim(ep, sender);
	if (is_dead) {
		ipc_cargo_cancel(&cargo);
		ipc_complete(sender, -EBADF, 0);
	} else {
		take_cargo(sender, &cargo);
	}
	object_put(&ep->object);
	return !is_dead;
}

/** One attempt; true: *@err is the result. */
static bool try_receive(struct trapframe *tf, enum ipc_mode mode, err_t *err)
{
	struct grant *grant;
	irqflags_t flags = hal_irq_save();
	*err = find_endpoint(tf, IPC_RIGHT_RECV, &grant);
	if (*err) {
		hal_irq_restore(flags);
		return true;
	}
	struct endpoint *ep = ipc_endpoint_of(grant);
	ipc_serve(ep);
	spin_lock(&ep->lock);
	if (unlikely(ep->is_notified))
		return ipc_take_notification(tf, ep, flags);
	struct thread *sender = list_first_entry(&ep->senders, struct thread, ipc.node);
	if (sender && ipc_has_cargo(sender)) {
		claim(ep, sender, flags);
		return carry_from_sender(tf, ep, sender, err);
	}
	if (sender) {
		list_remove(&sender->ipc.node);
		take_request(sender);
		bool is_better = ipc_servers_wait_for(ep, sender);
		spin_unlock_irqrestore(&ep->lock, flags);
		if (unlikely(is_better))
			ipc_lend(current_thread());
	} else if (ep->is_closed || mode == IPC_TRY) {
		*err = ep->is_closed ? -EBADF : -EAGAIN;
		spin_unlock_irqrestore(&ep->lock, flags);
	} else {
		*err = block(ep, grant, IPC_RECEIVING, flags);
	}
	return true;
}

static void receive(struct trapframe *tf, enum ipc_mode mode)
{
	err_t err;
	drop_reply_right(current_thread());
	while (!try_receive(tf, mode, &err))
		;
	ipc_args_end();
	hal_tf_set_result(tf, err);
}

void ipc_recv(struct trapframe *tf, enum ipc_mode mode)
{
	err_t err = ipc_args_begin(tf);
	if (err)
		hal_tf_set_result(tf, err);
	else
		receive(tf, mode);
}

void ipc_resume(struct trapframe *tf)
{
	struct thread *self = current_thread();
	struct ipc_args *args = self->ipc.args;
	enum ipc_state retry = args ? args->retry : IPC_IDLE;
	if (retry == IPC_IDLE) {
		ipc_args_end();
		return;
	}
	args->retry = IPC_IDLE;
	if (retry == IPC_SENDING)
		send_request(tf, IPC_BLOCKING, self->ipc.wants_reply);
	else
		receive(tf, IPC_BLOCKING);
}

/** Long message and descriptors of current's answer to @caller, which is claimed from @holder. */
static err_t carry_reply(struct thread *caller, void *holder)
{
	struct ipc_cargo cargo;
	bool is_callers;
	store_relaxed(&caller->ipc.state, IPC_CLAIMED);
	err_t err = ipc_cargo_prepare(current_thread(), caller, &cargo, &is_callers);
	if (!err) {
		ipc_cargo_commit(&cargo);
		return 0;
	}
	// An answer that is too long is the server's mistake: it may send another one.
	if (!is_callers || err == -EMSGSIZE) {
		nsec_t deadline = ipc_deadline(caller);
		await_holder(caller, holder);
		end_if_disturbed(caller, deadline);
		return err;
	}
	ipc_complete(caller, err, IPC_TAG_TAKEN);
	return -EPIPE;
}

err_t ipc_answer(const struct trapframe *tf, struct thread *caller, void *holder)
{
	struct thread *self = current_thread();
	if (hal_tf_ipc_tag(tf) >> 33)
		return -EINVAL;
	if (!ipc_claim_caller(caller, holder))
		return -EPIPE;
	err_t err = ipc_has_cargo(self) ? carry_reply(caller, holder) : 0;
	if (err)
		return err;
	ipc_copy_reply(caller->tf, self->tf);
	ipc_copy_args(caller->tf, self);
	wake_with_message(caller);
	return 0;
}

/** Answer the caller whose right is in current's slot: as ipc_answer(), or -ESRCH (empty slot). */
static err_t reply(const struct trapframe *tf)
{
	struct thread *self = current_thread();
	struct thread *caller = load_relaxed(&self->ipc.reply_to);
	if (!caller)
		return hal_tf_ipc_tag(tf) >> 33 ? -EINVAL : -ESRCH;
	err_t err = ipc_answer(tf, caller, self);
	if (!err || err == -EPIPE) {
		store_relaxed(&self->ipc.reply_to, NULL);
		ipc_lend_back(self);
	}
	return err;
}

void ipc_reply(struct trapframe *tf)
{
	err_t err = ipc_args_begin(tf);
	if (!err) {
		err = reply(tf);
		ipc_args_end();
	}
	hal_tf_set_result(tf, err);
}

/** A caller that has left meanwhile is no error here: the server goes on to the next request. */
void ipc_reply_recv(struct trapframe *tf)
{
	struct grant *grant;
	err_t err = ipc_args_begin(tf);
	if (err) {
		hal_tf_set_result(tf, err);
		return;
	}
	err = find_endpoint(tf, IPC_RIGHT_RECV, &grant);
	if (!err)
		err = reply(tf);
	if (!err || err == -EPIPE) {
		receive(tf, IPC_BLOCKING);
		return;
	}
	ipc_args_end();
	hal_tf_set_result(tf, err);
}
