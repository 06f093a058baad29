// SPDX-License-Identifier: MIT
// The fast path: call to a waiting server, and reply to a waiting caller plus receive, when both
// threads run on this CPU and nothing else has to happen; signal, and send to a waiting receiver. Each
// function makes every test first; until its point of no return it has changed nothing that another
// CPU could have acted on, and any doubt goes to the slow path, which gives the same result (ipc.I8).
// After that point nothing can fail.
//
// All are entered from entry code with interrupts off and the frame saved; what they return is the
// frame to restore. The message goes from frame to frame. No allocation, no reference count, no user
// memory, and of locks only the endpoint's, which is free or else it is the slow path. No run queue but
// where the thread that was woken preempts this one, which stays ready (sched/direct.c). A call with a
// long message goes on in longpath.c.
//
// Long functions on purpose: they are read, and counted, from top to bottom.
#include "internal.h"

#include <ipc/endpoint.h>
#include <ipc/notification.h>
#include <kernel/upcall.h>
#include <object/fdtable.h>

static no_inline struct upcall_resume slow_path(struct trapframe *tf)
{
	upcall_native(tf);
	return (struct upcall_resume){tf, NULL};
}

/** A call of more than registers. */
static no_inline struct upcall_resume call_long(struct trapframe *tf)
{
	return ipc_call_long(tf);
}

/** @ep is locked. The partner may still wait on another CPU, or it is the slow path. */
static no_inline struct upcall_resume call_elsewhere(struct trapframe *tf, struct endpoint *ep,
						     struct grant *grant)
{
	ipc_call_elsewhere(tf, ep, grant);
	return slow_path(tf);
}

static no_inline struct upcall_resume reply_recv_elsewhere(struct trapframe *tf, struct endpoint *ep,
							   struct grant *grant)
{
	ipc_reply_recv_elsewhere(tf, ep, grant);
	return slow_path(tf);
}

struct upcall_resume upcall_ipc_call(struct trapframe *tf)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current;
	uint64_t tag = hal_tf_ipc_tag(tf), fd = hal_tf_ipc_fd(tf);
	struct grant *_Atomic *slots = load_dependent(&self->object.fds->slots);

	if (unlikely(fd >= fd_array_of(slots)->size || !ipc_tag_is_valid(tag)))
		return call_long(tf);
	struct grant *grant = load_dependent(&slots[fd]);
	if (unlikely(!grant || !grant_allows(grant, OBJECT_ENDPOINT | IPC_RIGHT_SEND)))
		return slow_path(tf);
	struct endpoint *ep = ipc_endpoint_of(grant);
	if (unlikely(!spin_trylock(&ep->lock)))
		return slow_path(tf);
	struct list *first = ep->receivers.next;
	if (unlikely(first == &ep->receivers)) {
		spin_unlock(&ep->lock);
		return slow_path(tf);
	}
	struct thread *server = list_entry(first, struct thread, ipc.node);
	struct trapframe *to = server->tf;
	struct mm_space *space = server->mm.space;
	if (unlikely(!ipc_may_switch_to(cpu, self, server, space, 0)))
		return call_elsewhere(tf, ep, grant);
	// Against a signal: our state is seen before we look for one (endpoint.c).
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, IPC_AWAITING_REPLY);
	fence_seq_cst();
	if (unlikely(load_relaxed(&self->pending))) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		spin_unlock(&ep->lock);
		return slow_path(tf);
	}

	// ---- point of no return ----
	ep->receivers.next = first->next; // its node is linked anew before it is looked at again
	first->next->prev = &ep->receivers;
	store_relaxed(&server->ipc.reply_to, self);
	store_relaxed(&self->ipc.server, server);
	ipc_copy_request(to, tf, self->proc.ids, grant->badge);
	sched_direct_switch(cpu, self, server);
	// Who has set `pending` since we looked finds it RUNNING, if not in its operation any more.
	store_release(&server->ipc.state, IPC_IDLE);
	spin_unlock(&ep->lock);
	return ipc_switch_to(cpu, self, server, to, space);
}

struct upcall_resume upcall_ipc_reply_recv(struct trapframe *tf)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current, *caller = load_relaxed(&self->ipc.reply_to);
	uint64_t tag = hal_tf_ipc_tag(tf), fd = hal_tf_ipc_fd(tf);
	struct grant *_Atomic *slots = load_dependent(&self->object.fds->slots);

	if (unlikely(!caller || fd >= fd_array_of(slots)->size || !ipc_tag_is_valid(tag)))
		return slow_path(tf);
	struct grant *grant = load_dependent(&slots[fd]);
	if (unlikely(!grant || !grant_allows(grant, OBJECT_ENDPOINT | IPC_RIGHT_RECV)))
		return slow_path(tf);
	struct endpoint *ep = ipc_endpoint_of(grant);
	if (unlikely(!spin_trylock(&ep->lock)))
		return slow_path(tf);
	// A queued sender would have to be taken now; a second waiting receiver has its turn first; what
	// callers lent is given back (inherit.c); a closed endpoint has no servers. The caller may have left, and
	// even have ended, until it is claimed below.
	if (unlikely(load_relaxed(&self->ipc.serves_fast) != ep || !list_is_empty(&ep->senders) ||
		     !list_is_empty(&ep->receivers) || ep->is_notified || !load_relaxed(&grant->rights) ||
		     !sched_direct_is_here(cpu, self, caller) || load_relaxed(&caller->pending)))
		return reply_recv_elsewhere(tf, ep, grant);
	self->ipc.grant = grant; // alive under the lock: if it dies later, we are found in the queue
	store_relaxed(&self->ipc.endpoint, ep);
	store_relaxed(&self->ipc.state, IPC_RECEIVING);
	fence_seq_cst();
	void *expected = self;
	if (unlikely(load_relaxed(&self->pending) ||
		     !cas_acq_rel(&caller->ipc.server, &expected, NULL))) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		spin_unlock(&ep->lock);
		return slow_path(tf);
	}

	// ---- point of no return: the reply right is used ----
	store_relaxed(&self->ipc.reply_to, NULL);
	self->ipc.node = (struct list){&ep->receivers, &ep->receivers}; // the only one
	ep->receivers = (struct list){&self->ipc.node, &self->ipc.node};
	struct trapframe *to = caller->tf;
	struct mm_space *space = caller->mm.space;
	ipc_copy_reply(to, tf);
	sched_direct_switch(cpu, self, caller);
	store_release(&caller->ipc.state, IPC_IDLE); // as above
	spin_unlock(&ep->lock);
	if (unlikely(!mm_space_is_fast(cpu, space)))
		mm_space_activate(space);
	return ipc_switch_to(cpu, self, caller, to, space);
}

struct upcall_resume upcall_ipc_leave(struct hal_percpu *cpu, struct thread *prev, struct thread *next)
{
	struct mm_space *space = next->mm.space;
	if (unlikely(!mm_space_is_fast(cpu, space)))
		mm_space_activate(space);
	return ipc_switch_to(cpu, prev, next, next->tf, space);
}

struct upcall_resume upcall_ipc_signal(struct trapframe *tf)
{
	struct hal_percpu *cpu = hal_percpu();
	uint64_t bits = hal_tf_ipc_tag(tf), fd = hal_tf_ipc_fd(tf);
	struct grant *_Atomic *slots = load_dependent(&cpu->current->object.fds->slots);

	if (unlikely(fd >= fd_array_of(slots)->size))
		return slow_path(tf);
	struct grant *grant = load_dependent(&slots[fd]);
	if (unlikely(!grant || !grant_allows(grant, OBJECT_NOTIFICATION | IPC_RIGHT_SEND) ||
		     bits & ~grant->badge))
		return slow_path(tf);
	struct notification *n = ipc_notification_of(grant->object);
	if (unlikely(!spin_trylock(&n->wq.lock)))
		return slow_path(tf);
	struct list *first = n->wq.waiters.next;
	uint64_t set = n->bits | bits;
	if (first == &n->wq.waiters) {
		if (unlikely(n->endpoint || n->is_closed || !list_is_empty(&n->poll.entries))) {
			spin_unlock(&n->wq.lock);
			return slow_path(tf);
		}
		n->bits = set;
		spin_unlock(&n->wq.lock);
		hal_tf_set_result(tf, 0);
		return (struct upcall_resume){tf, NULL};
	}
	// The only waiter gets all that is set, so nobody else is to be told.
	struct sched_wait *wait = list_entry(first, struct sched_wait, node);
	if (unlikely(first->next != &n->wq.waiters || !ipc_is_user_wait(wait))) {
		spin_unlock(&n->wq.lock);
		return slow_path(tf);
	}
	struct thread *waiter = container_of(wait, struct thread, ipc.wait);
	struct trapframe *to = waiter->tf;
	if (unlikely(!set || set & ~hal_tf_ipc_tag(to))) {
		spin_unlock(&n->wq.lock);
		return slow_path(tf);
	}

	// ---- point of no return ----
	n->bits = 0;
	list_init(&n->wq.waiters); // the waiter's own node is set anew before it is looked at again
	hal_tf_set_result(to, 0);
	hal_tf_set_ipc_tag(to, set);
	store_relaxed(&waiter->ipc.state, IPC_IDLE); // before `pending` is looked at under the run queue's lock
	spin_unlock(&n->wq.lock);
	hal_tf_set_result(tf, 0);
	return sched_wake_direct(cpu, waiter);
}

struct upcall_resume upcall_ipc_send(struct trapframe *tf)
{
	struct hal_percpu *cpu = hal_percpu();
	struct thread *self = cpu->current;
	uint64_t tag = hal_tf_ipc_tag(tf), fd = hal_tf_ipc_fd(tf);
	struct grant *_Atomic *slots = load_dependent(&self->object.fds->slots);

	if (unlikely(fd >= fd_array_of(slots)->size || !ipc_tag_is_valid(tag)))
		return slow_path(tf);
	struct grant *grant = load_dependent(&slots[fd]);
	if (unlikely(!grant || !grant_allows(grant, OBJECT_ENDPOINT | IPC_RIGHT_SEND)))
		return slow_path(tf);
	struct endpoint *ep = ipc_endpoint_of(grant);
	if (unlikely(!spin_trylock(&ep->lock)))
		return slow_path(tf);
	struct list *first = ep->receivers.next;
	struct thread *receiver = list_entry(first, struct thread, ipc.node);
	if (unlikely(first == &ep->receivers || load_relaxed(&receiver->pending))) {
		spin_unlock(&ep->lock);
		return slow_path(tf);
	}

	// ---- point of no return ----
	ep->receivers.next = first->next; // as in a call
	first->next->prev = &ep->receivers;
	ipc_copy_request(receiver->tf, tf, self->proc.ids, grant->badge);
	store_relaxed(&receiver->ipc.reply_to, NULL);
	store_relaxed(&receiver->ipc.state, IPC_IDLE); // as in a signal
	spin_unlock(&ep->lock);
	hal_tf_set_result(tf, 0);
	return sched_wake_direct(cpu, receiver);
}
