// SPDX-License-Identifier: MIT
// A server runs at least at the rank of its callers: of the one whose request it handles, and of those who
// are queued at the endpoint that this one came from, because they wait for the same reply. And if it waits
// in a call itself, or in the queue for one, so does whom it waits for.
//
// What a server is due is worked out anew at each event that may change it, under one lock; every event
// changes its words first. So the last one to get the lock sees all of them. Nothing of this happens
// between equals: the slow path looks whether somebody goes before the server, the fast path only calls
// servers that are no worse, and replies only if nothing was lent (serves_fast).
//
// Who gives a right up looks whether anything is lent, or somebody lends at all, after it has changed its
// words; who lends reads them after it has the lock. So one of the two sees the other.
//
// A thread that is lent something while it is itself on the fast path to a server, on another CPU, may miss
// to pass it on in that call.
//
// Who is given another priority while it waits in a call or for one lends that; what it inherits meanwhile as the
// owner of a lock it does not pass on.
//
// A right that was saved as a descriptor belongs to no thread: nobody inherits through it.
//
// Locks: lending, then an endpoint's, then "pi".
#include "internal.h"

#include <sched/pi.h>

#define CHAIN_MAX 16 // lenders one after the other

struct spinlock ipc_lending = SPINLOCK_INIT;

static irqflags_t begin(void)
{
	irqflags_t flags = spin_lock_irqsave(&ipc_lending);
	fence_seq_cst();
	return flags;
}

static void end(irqflags_t flags)
{
	spin_unlock_irqrestore(&ipc_lending, flags);
}

static uint32_t rank_of(const struct thread *thread)
{
	return load_relaxed(&thread->sched.rank);
}

/** The rank of the best queued caller (lock held). */
static uint32_t best_queued(struct endpoint *ep)
{
	struct thread *thread;
	list_for_each_entry(thread, &ep->senders, ipc.node) {
		if (thread->ipc.wants_reply)
			return rank_of(thread);
	}
	return 0;
}

/** What @server's callers give it, 0 if it has none. */
static uint32_t rank_due(struct thread *server)
{
	struct thread *caller = load_relaxed(&server->ipc.reply_to);
	struct endpoint *ep = caller ? load_acquire(&caller->ipc.endpoint) : NULL;
	uint32_t due = 0;
	if (!ep)
		return 0;
	// Under the lock: the fast path replies under it, and only to one that nothing was lent to.
	spin_lock(&ep->lock);
	if (load_relaxed(&caller->ipc.server) == server)
		due = max(rank_of(caller), best_queued(ep));
	if (due > rank_of(server))
		store_relaxed(&server->ipc.serves_fast, NULL);
	spin_unlock(&ep->lock);
	return due;
}

/** Whom @thread waits for in a call; NULL = nobody, or a right that no thread has. */
static struct thread *holder_of(struct thread *thread)
{
	uintptr_t holder = (uintptr_t)load_acquire(&thread->ipc.server);
	if (load_acquire(&thread->ipc.state) != IPC_AWAITING_REPLY || (holder & IPC_HOLDER_SAVED))
		return NULL;
	return (struct thread *)holder;
}

static struct thread *nth_server(struct endpoint *ep, unsigned n)
{
	struct thread *thread, *found = NULL;
	spin_lock(&ep->lock);
	list_for_each_entry(thread, &ep->servers, ipc.serving) {
		if (!n--) {
			found = thread;
			break;
		}
	}
	spin_unlock(&ep->lock);
	return found;
}

static void lend(struct thread *server, unsigned depth);

static void lend_to_all(struct endpoint *ep, unsigned depth)
{
	struct thread *server;
	for (unsigned n = 0; (server = nth_server(ep, n)); n++)
		lend(server, depth);
}

static void lend(struct thread *server, unsigned depth)
{
	for (; server && depth < CHAIN_MAX; server = holder_of(server), depth++) {
		uint32_t due = rank_due(server), lent = load_relaxed(&server->ipc.callers.floor);
		if (due == lent || (!lent && due <= rank_of(server)))
			return;
		sched_pi_set_floor(&server->ipc.callers, server, due);
		fence_seq_cst(); // as in await_reply()
		if (load_acquire(&server->ipc.state) == IPC_SENDING)
			lend_to_all(load_relaxed(&server->ipc.endpoint), depth + 1);
	}
}

void ipc_lend(struct thread *server)
{
	irqflags_t flags = begin();
	lend(server, 0);
	end(flags);
}

void ipc_lend_to_servers(struct endpoint *ep)
{
	irqflags_t flags = begin();
	lend_to_all(ep, 0);
	end(flags);
}

void upcall_ipc_rank_changed(struct thread *thread)
{
	irqflags_t flags = begin();
	struct endpoint *ep = load_acquire(&thread->ipc.endpoint);
	if (ep && ipc_requeue(ep, thread))
		lend_to_all(ep, 0);
	else
		lend(holder_of(thread), 0);
	end(flags);
}

bool ipc_servers_wait_for(struct endpoint *ep, const struct thread *caller)
{
	struct thread *server;
	list_for_each_entry(server, &ep->servers, ipc.serving) {
		if (rank_of(server) < rank_of(caller) || load_relaxed(&server->ipc.callers.floor))
			return true;
	}
	return false;
}

void ipc_serve(struct endpoint *ep)
{
	struct thread *self = current_thread();
	struct endpoint *old = load_relaxed(&self->ipc.serves);
	if (old == ep)
		return;
	if (old) { // may be no more; its lock is
		spin_lock(&old->lock);
		if (load_relaxed(&self->ipc.serves) == old)
			list_remove(&self->ipc.serving);
		store_relaxed(&self->ipc.serves, NULL);
		spin_unlock(&old->lock);
	}
	store_relaxed(&self->ipc.serves_fast, NULL);
	if (!ep)
		return;
	spin_lock(&ep->lock);
	list_push_back(&ep->servers, &self->ipc.serving);
	store_relaxed(&self->ipc.serves, ep);
	spin_unlock(&ep->lock);
}

void ipc_serve_none(struct endpoint *ep)
{
	struct thread *server;
	while ((server = list_first_entry(&ep->servers, struct thread, ipc.serving))) {
		list_remove(&server->ipc.serving);
		store_relaxed(&server->ipc.serves, NULL);
		store_relaxed(&server->ipc.serves_fast, NULL);
	}
}
