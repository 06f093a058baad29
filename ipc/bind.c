// SPDX-License-Identifier: MIT
// Bindings: a notification's bits are set when a pollable object is ready. A binding watches its target
// without keeping it: closing the target is itself seen as a last signal.
//
// A notification cannot be bound to a notification: signals would run in circles, with locks held.
#include <ipc/notification.h>
#include <mm/slab.h>
#include <object/account.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

struct binding {
	struct list node; // notification's (its bind_lock)
	struct poll_watch watch;
	struct notification *notification; // outlives the binding
	uint64_t bits;
	struct account *account; // that it is charged to
};

static bool target_ready(struct poll_entry *entry, uint32_t events)
{
	struct binding *binding = container_of(entry, struct binding, watch.entry);
	(void)events;
	return ipc_signal(binding->notification, binding->bits) == 0;
}

static void drop(struct binding *binding)
{
	poll_watch_end(&binding->watch);
	list_remove(&binding->node);
	account_uncharge(binding->account, sizeof(*binding));
	kfree(binding);
}

/** The binding of @target is dropped, and those whose targets have ended (bind_lock held): was there
 *  one? */
static bool drop_binding_of(struct notification *n, struct object *target)
{
	struct binding *binding, *next;
	bool is_found = false;
	list_for_each_entry_safe(binding, next, &n->bindings, node) {
		bool is_it = poll_watch_is_on(&binding->watch, target);
		if (is_it || poll_watch_is_on(&binding->watch, NULL))
			drop(binding);
		is_found |= is_it;
	}
	return is_found;
}

static err_t add_binding(struct notification *n, uint64_t bits, struct object *target, uint32_t events)
{
	struct account *account;
	err_t err = account_charge(sizeof(struct binding), &account);
	if (err)
		return err;
	struct binding *binding = kzalloc(sizeof(*binding));
	if (!binding) {
		account_uncharge(account, sizeof(*binding));
		return -ENOMEM;
	}
	binding->account = account;
	binding->notification = n;
	binding->bits = bits;
	binding->watch.entry.events = events | POLLERR | POLLHUP;
	binding->watch.entry.notify = target_ready;
	drop_binding_of(n, target);
	list_push_back(&n->bindings, &binding->node);
	int ready = poll_watch_begin(&binding->watch, target);
	if (ready < 0)
		drop(binding);
	else if (ready)
		(void)ipc_signal(n, bits);
	return min(ready, 0);
}

err_t ipc_bind(struct notification *n, uint64_t bits, struct object *target, uint32_t events)
{
	if (target->ops == n->object.ops)
		return -ELOOP;
	sched_mutex_lock(&n->bind_lock);
	err_t err = add_binding(n, bits, target, events);
	sched_mutex_unlock(&n->bind_lock);
	return err;
}

err_t ipc_unbind(struct notification *n, struct object *target)
{
	sched_mutex_lock(&n->bind_lock);
	bool is_found = drop_binding_of(n, target);
	sched_mutex_unlock(&n->bind_lock);
	return is_found ? 0 : -ENOENT;
}

void ipc_unbind_all(struct notification *n)
{
	struct binding *binding, *next;
	list_for_each_entry_safe(binding, next, &n->bindings, node)
		drop(binding);
}
