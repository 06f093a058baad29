// SPDX-License-Identifier: MIT
// A notification that is attached to an endpoint: its bits reach who receives from the endpoint, so a server
// waits in one place for requests and for everything that signals.
//
// Bits that find a receiver are handed to it. Otherwise the endpoint's is_notified keeps receivers off
// the fast path and brings the first of them here.
//
// Locks: notification, then endpoint. Who receives has the endpoint's first, and lets it go. The endpoint
// holds a reference to the notification, not the other way round: it ends the attachment when it goes,
// under the notification's lock.
#include "internal.h"

#include <ipc/notification.h>
#include <uapi/errno.h>

void ipc_tell_endpoint(struct notification *n)
{
	struct endpoint *ep = n->endpoint;
	spin_lock(&ep->lock);
	struct thread *receiver = list_first_entry(&ep->receivers, struct thread, ipc.node);
	if (receiver) {
		list_remove(&receiver->ipc.node);
		hal_tf_set_ipc_badge(receiver->tf, n->bits);
		hal_tf_set_ipc_sender(receiver->tf, 0);
		n->bits = 0;
		ipc_complete(receiver, 0, IPC_TAG_NOTIFIED);
	} else {
		ep->is_notified = true;
	}
	spin_unlock(&ep->lock);
}

bool ipc_take_notification(struct trapframe *tf, struct endpoint *ep, irqflags_t flags)
{
	struct notification *n = ep->notification;
	uint64_t bits;
	object_get(&n->object);
	ep->is_notified = false; // who signals from now on sets it again, or finds a receiver
	spin_unlock_irqrestore(&ep->lock, flags);
	err_t err = ipc_try_wait(n, UINT64_MAX, &bits);
	object_put(&n->object);
	if (err)
		return false; // a waiter was quicker
	hal_tf_set_ipc_tag(tf, IPC_TAG_NOTIFIED);
	hal_tf_set_ipc_badge(tf, bits);
	hal_tf_set_ipc_sender(tf, 0);
	return true;
}

err_t ipc_attach(struct object *object, struct notification *n)
{
	struct endpoint *ep = container_of(object, struct endpoint, object);
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	spin_lock(&ep->lock);
	err_t err = n->endpoint || ep->notification ? -EBUSY : 0;
	if (!err) {
		n->endpoint = ep;
		ep->notification = n;
		object_get(&n->object);
	}
	spin_unlock(&ep->lock);
	if (!err && n->bits)
		ipc_tell_endpoint(n);
	spin_unlock_irqrestore(&n->wq.lock, flags);
	return err;
}

void ipc_detach(struct endpoint *ep)
{
	struct notification *n = ep->notification; // nobody attaches one any more
	if (!n)
		return;
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	n->endpoint = NULL;
	spin_unlock_irqrestore(&n->wq.lock, flags);
	object_put(&n->object);
}
