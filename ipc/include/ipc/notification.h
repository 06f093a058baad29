// SPDX-License-Identifier: MIT
// Notifications: 64 bits that are set from any context and taken by who waits for them.
#pragma once

#include <hal/trapframe.h>
#include <lib/list.h>
#include <object/grant.h>
#include <object/poll.h>
#include <sched/mutex.h>
#include <sched/waitq.h>

struct notification {
	struct object object; // first: a grant's object pointer is the notification's
	struct sched_waitq wq; // its lock = l; waiters' keys point to struct bits_wanted
	uint64_t bits; // set and not yet taken (l)
	uint32_t is_closed; // no grant can wait any more (l)
	_Atomic uint32_t recv_grants; // living grants with IPC_RIGHT_RECV; closed at 0
	struct endpoint *endpoint; // whose receivers get the bits; NULL = none. No reference (l)
	struct poll_source poll; // POLLIN: a bit is set; POLLHUP: closed
	struct sched_mutex bind_lock;
	struct list bindings; // struct binding (bind_lock)
	struct quiesce quiesce;
};

/** A new notification; *@grant (refs 1) has all rights, and as badge the bits that it may set: all.
 *  -ENOMEM. */
must_check err_t ipc_notification_create(struct grant **grant);

/** Set @bits: waiters that want them get them, oldest first; the others stay set. -EPIPE: closed.
 *  Any context; the caller keeps @notification alive (a reference, or interrupts off since the
 *  look-up). */
err_t ipc_signal(struct notification *notification, uint64_t bits);

/** The call on current's frame: descriptor and bits there, the result goes there. Interrupts on before, off
 *  afterwards. */
void ipc_signal_call(struct trapframe *tf);

/** A wait without a deadline on current's frame: descriptor and mask (not 0) there, result and bits go there;
 *  or blocks in the user kind, and does not return. Interrupts on. */
void ipc_wait_call(struct trapframe *tf);

/** Take all bits of @mask that are set into *@taken; if there is none, wait for one until @deadline.
 *  0, -ETIMEDOUT, -EINTR, -EPIPE (closed meanwhile). Context: thread, with a reference. */
must_check err_t ipc_wait(struct notification *notification, uint64_t mask, nsec_t deadline,
			  uint64_t *taken);
/** The same without waiting: -EAGAIN. */
must_check err_t ipc_try_wait(struct notification *notification, uint64_t mask, uint64_t *taken);

/** Receivers of @endpoint get all bits of @notification from now on, as a message with the bits for its
 *  badge, unless a waiter of the notification was there first. -EBUSY: one of them is attached already. */
must_check err_t ipc_attach(struct object *endpoint, struct notification *notification);
/** @notification, whose lock is held, has bits and an endpoint. */
void ipc_tell_endpoint(struct notification *notification);

/** From now on @bits are set whenever one of @events (POLL*), an error or a hang-up happens at @target,
 *  and at once if it is so already; again: other bits. It ends with the target or the notification.
 *  -EPERM: @target is always ready; -ELOOP: it is a notification; -ENOMEM. May sleep. */
must_check err_t ipc_bind(struct notification *notification, uint64_t bits, struct object *target,
			  uint32_t events);
/** End it: -ENOENT if there is no such binding. May sleep. */
must_check err_t ipc_unbind(struct notification *notification, struct object *target);
/** End all: the notification goes away. */
void ipc_unbind_all(struct notification *notification);

/** The notification that @object is. */
static inline struct notification *ipc_notification_of(struct object *object)
{
	return (struct notification *)object;
}
