// SPDX-License-Identifier: MIT
// Endpoints: how they begin and end, and what ends the operations that are queued there.
#include "internal.h"

#include <mm/slab.h>
#include <object/fdtable.h>
#include <sched/sched.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

static struct slab_cache *endpoint_cache;

static void endpoint_constructor(void *memory)
{
	struct endpoint *ep = memory;
	spin_init(&ep->lock);
	list_init(&ep->receivers);
	list_init(&ep->senders);
	list_init(&ep->servers);
	list_init(&ep->claimed);
}

void ipc_init(void)
{
	endpoint_cache = slab_cache_create_stable("endpoint", sizeof(struct endpoint), 16,
						  endpoint_constructor);
	ipc_args_init();
	ipc_reply_init();
}

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
	ipc_serve_none(ep);
	spin_unlock_irqrestore(&ep->lock, flags);
	poll_notify(&ep->poll, POLLHUP);
}

static void endpoint_grant_new(struct object *object, uint32_t rights)
{
	if (rights & IPC_RIGHT_RECV)
		fetch_add_relaxed(&container_of(object, struct endpoint, object)->recv_grants, 1);
}

/** End the operations in @queue whose grant has died (lock held). */
static void end_dead(struct list *queue)
{
	struct thread *thread, *next;
	list_for_each_entry_safe(thread, next, queue, ipc.node) {
		if (ipc_is_dead(thread)) {
			list_remove(&thread->ipc.node);
			ipc_complete(thread, -EBADF, 0);
		}
	}
}

static void endpoint_grant_gone(struct object *object, uint32_t rights)
{
	struct endpoint *ep = container_of(object, struct endpoint, object);
	struct thread *thread;
	if ((rights & IPC_RIGHT_RECV) && fetch_sub_acq_rel(&ep->recv_grants, 1) == 1)
		close_endpoint(ep);
	irqflags_t flags = spin_lock_irqsave(&ep->lock);
	end_dead(&ep->senders);
	end_dead(&ep->receivers);
	list_for_each_entry(thread, &ep->claimed, ipc.node)
		thread->ipc.is_revoked |= !thread->ipc.is_revoked && ipc_is_dead(thread);
	spin_unlock_irqrestore(&ep->lock, flags);
}

static void free_endpoint(struct quiesce *head)
{
	slab_free(endpoint_cache, container_of(head, struct endpoint, quiesce));
}

/** After a grace period: a look-up that came before must not find a new endpoint in this one's place. */
static void endpoint_destroy(struct object *object)
{
	struct endpoint *ep = container_of(object, struct endpoint, object);
	close_endpoint(ep);
	ipc_detach(ep);
	poll_source_destroy(&ep->poll, POLLHUP);
	quiesce_defer(&ep->quiesce, free_endpoint);
}

static uint32_t endpoint_poll(struct object *object, struct poll_entry *entry)
{
	struct endpoint *ep = container_of(object, struct endpoint, object);
	poll_link(&ep->poll, entry);
	irqflags_t flags = spin_lock_irqsave(&ep->lock);
	uint32_t events = ep->is_closed ? POLLHUP : list_is_empty(&ep->senders) ? 0 : POLLIN | POLLRDNORM;
	spin_unlock_irqrestore(&ep->lock, flags);
	return events;
}

static const struct object_ops endpoint_ops = {
	.name = "endpoint",
	.destroy = endpoint_destroy,
	.poll = endpoint_poll,
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
	ep->is_notified = false;
	ep->notification = NULL;
	poll_source_init(&ep->poll);
	err_t err = grant_create(&ep->object, OBJECT_ENDPOINT | IPC_RIGHTS_ALL, 0, sizeof(*ep), grant);
	if (err)
		slab_free(endpoint_cache, ep);
	return err;
}
