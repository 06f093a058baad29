// SPDX-License-Identifier: MIT
// Notifications: a word of bits. Everything happens under the wait queue's lock: who signals hands bits
// over to waiters there, so a bit is taken once and none is lost; a waiter that leaves by deadline or
// signal is off the queue, and its bits stay set.
//
// There are two kinds of waiters in the one queue. Who waits without a deadline blocks in the user kind:
// its mask is in its frame, where who signals puts the bits, and may switch to it at once (fastpath.c). It
// holds no reference; as at an endpoint its wait ends before the grant that it came through goes
// (endpoint.c tells how it ends by a signal, too). Others wait on their kernel stacks.
#include "internal.h"

#include <ipc/notification.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>
#include <uapi/poll.h>

#define RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)
#define READY (POLLIN | POLLRDNORM)

/** What a waiter of the kernel kind wants, on its stack; the entry's key points here. */
struct bits_wanted {
	uint64_t mask;
	uint64_t taken; // 0 when it was woken: closed
};

/** NULL: a waiter of the user kind (ipc_is_user_wait()). */
static inline struct bits_wanted *wanted_by(struct sched_wait *wait)
{
	return (struct bits_wanted *)(uintptr_t)wait->key;
}

/** End all waits, or those of the user kind whose grant has died (lock held). */
static void end_waits(struct notification *n, bool (*is_ending)(struct sched_wait *), err_t status)
{
	struct sched_wait *wait, *next;
	list_for_each_entry_safe(wait, next, &n->wq.waiters, node) {
		if (!is_ending(wait))
			continue;
		if (wanted_by(wait)) {
			sched_waitq_wake_locked(&n->wq, wait);
		} else {
			list_remove(&wait->node);
			ipc_complete(wait->thread, status, 0);
		}
	}
}

static bool is_any(struct sched_wait *wait)
{
	(void)wait;
	return true;
}

static bool is_dead(struct sched_wait *wait)
{
	return !wanted_by(wait) && !load_relaxed(&wait->thread->ipc.grant->rights);
}

static void close_notification(struct notification *n)
{
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	n->is_closed = true;
	end_waits(n, is_any, -EPIPE);
	spin_unlock_irqrestore(&n->wq.lock, flags);
	poll_notify(&n->poll, POLLHUP);
}

static void notification_grant_new(struct object *object, uint32_t rights)
{
	if (rights & IPC_RIGHT_RECV)
		fetch_add_relaxed(&ipc_notification_of(object)->recv_grants, 1);
}

static void notification_grant_gone(struct object *object, uint32_t rights)
{
	struct notification *n = ipc_notification_of(object);
	if ((rights & IPC_RIGHT_RECV) && fetch_sub_acq_rel(&n->recv_grants, 1) == 1)
		close_notification(n);
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	end_waits(n, is_dead, -EBADF);
	spin_unlock_irqrestore(&n->wq.lock, flags);
}

static uint32_t notification_poll(struct object *object, struct poll_entry *entry)
{
	struct notification *n = ipc_notification_of(object);
	poll_link(&n->poll, entry);
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	uint32_t events = POLLOUT | POLLWRNORM;
	if (n->bits)
		events |= READY;
	if (n->is_closed)
		events = POLLHUP;
	spin_unlock_irqrestore(&n->wq.lock, flags);
	return events;
}

static void free_notification(struct quiesce *head)
{
	kfree(container_of(head, struct notification, quiesce));
}

static void notification_destroy(struct object *object)
{
	struct notification *n = ipc_notification_of(object);
	ipc_unbind_all(n);
	poll_source_destroy(&n->poll, POLLHUP);
	quiesce_defer(&n->quiesce, free_notification);
}

/** Whoever is told of the end of grants may be gone itself. */
static void notification_signal(struct object *object, uint64_t bits)
{
	(void)!ipc_signal(ipc_notification_of(object), bits);
}

static const struct object_ops notification_ops = {
	.name = "notification",
	.signal = notification_signal,
	.destroy = notification_destroy,
	.grant_new = notification_grant_new,
	.grant_gone = notification_grant_gone,
	.poll = notification_poll,
};

err_t ipc_notification_create(struct grant **grant)
{
	struct notification *n = kzalloc(sizeof(*n));
	if (!n)
		return -ENOMEM;
	object_init(&n->object, &notification_ops);
	sched_waitq_init(&n->wq);
	atomic_init(&n->recv_grants, 1);
	poll_source_init(&n->poll);
	sched_mutex_init(&n->bind_lock);
	list_init(&n->bindings);
	err_t err = grant_create(&n->object, OBJECT_NOTIFICATION | RIGHTS_ALL, UINT64_MAX, sizeof(*n), grant);
	if (err)
		kfree(n);
	return err;
}

static uint64_t take(struct notification *n, uint64_t mask)
{
	uint64_t taken = n->bits & mask;
	n->bits &= ~taken;
	return taken;
}

/** @wait's thread, of the user kind, gets what is set of what it wants. */
static void give_to_user(struct notification *n, struct sched_wait *wait)
{
	struct thread *thread = wait->thread;
	uint64_t taken = take(n, hal_tf_ipc_tag(thread->tf));
	if (!taken)
		return;
	list_remove(&wait->node);
	ipc_complete(thread, 0, taken);
}

/** Give set bits to waiters who want them (lock held). */
static no_inline void hand_over(struct notification *n)
{
	struct sched_wait *wait, *next;
	list_for_each_entry_safe(wait, next, &n->wq.waiters, node) {
		struct bits_wanted *wanted = wanted_by(wait);
		if (!wanted) {
			give_to_user(n, wait);
			continue;
		}
		wanted->taken = take(n, wanted->mask);
		if (wanted->taken)
			sched_waitq_wake_locked(&n->wq, wait);
	}
}

/** Interrupts off, lock held and released. */
static inline err_t hand_out(struct notification *n)
{
	if (unlikely(!sched_waitq_is_empty(&n->wq)))
		hand_over(n);
	if (unlikely(n->endpoint != NULL) && n->bits)
		ipc_tell_endpoint(n);
	bool is_closed = n->is_closed;
	spin_unlock(&n->wq.lock);
	poll_notify(&n->poll, READY); // those who look may find that a waiter was quicker
	return is_closed ? -EPIPE : 0;
}

err_t ipc_signal(struct notification *n, uint64_t bits)
{
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	n->bits |= bits;
	err_t err = hand_out(n);
	hal_irq_restore(flags);
	return err;
}

static err_t why_not(struct grant *grant, uint32_t right)
{
	return grant ? grant_check(grant, OBJECT_NOTIFICATION, right) : -EBADF;
}

void ipc_signal_call(struct trapframe *tf)
{
	uint64_t bits = hal_tf_ipc_tag(tf);
	hal_irq_disable(); // no switch: what is looked up stays
	struct grant *grant = fd_lookup_wide(current_thread()->object.fds, hal_tf_ipc_fd(tf));
	err_t err = why_not(grant, IPC_RIGHT_SEND);
	if (!err && (bits & ~grant->badge))
		err = -EPERM; // minted for other bits
	if (!err)
		err = ipc_signal(ipc_notification_of(grant->object), bits);
	hal_tf_set_result(tf, err);
}

err_t ipc_try_wait(struct notification *n, uint64_t mask, uint64_t *taken)
{
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	*taken = take(n, mask);
	spin_unlock_irqrestore(&n->wq.lock, flags);
	return *taken ? 0 : -EAGAIN;
}

err_t ipc_wait(struct notification *n, uint64_t mask, nsec_t deadline, uint64_t *taken)
{
	struct bits_wanted wanted = {.mask = mask};
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	err_t err = 0;
	wanted.taken = take(n, mask);
	if (!wanted.taken && !n->is_closed)
		err = sched_waitq_wait(&n->wq, &flags, deadline, SCHED_WAIT_INTERRUPTIBLE,
				       (uintptr_t)&wanted);
	spin_unlock_irqrestore(&n->wq.lock, flags);
	*taken = wanted.taken;
	return !err && !wanted.taken ? -EPIPE : err;
}

void ipc_end_notification_wait(struct thread *thread, err_t status)
{
	struct notification *n = load_relaxed(&thread->ipc.notification);
	spin_lock(&n->wq.lock);
	if (load_relaxed(&thread->ipc.state) == IPC_WAITING && load_relaxed(&thread->ipc.notification) == n) {
		list_remove(&thread->ipc.wait.node);
		ipc_complete(thread, status, 0);
	}
	spin_unlock(&n->wq.lock);
}

/** Block current in the user kind for an operation through @grant (lock held, released): as block() of
 *  endpoint.c. */
static err_t block(struct notification *n, struct grant *grant)
{
	struct thread *self = current_thread();
	self->ipc.grant = grant;
	store_relaxed(&self->ipc.notification, n);
	store_release(&self->ipc.state, IPC_WAITING);
	fence_seq_cst();
	self->ipc.wait = (struct sched_wait){.thread = self};
	if (ipc_is_disturbed(self) || is_dead(&self->ipc.wait)) {
		store_relaxed(&self->ipc.state, IPC_IDLE);
		spin_unlock(&n->wq.lock);
		return ipc_is_disturbed(self) ? ipc_back_out() : -EBADF;
	}
	sched_waitq_insert_locked(&n->wq, &self->ipc.wait);
	sched_prepare_block();
	spin_unlock(&n->wq.lock);
	sched_block_user();
}

void ipc_wait_call(struct trapframe *tf)
{
	uint64_t mask = hal_tf_ipc_tag(tf), taken = 0;
	hal_irq_disable(); // no switch: what is looked up stays
	struct grant *grant = fd_lookup_wide(current_thread()->object.fds, hal_tf_ipc_fd(tf));
	err_t err = why_not(grant, IPC_RIGHT_RECV);
	if (!err) {
		struct notification *n = ipc_notification_of(grant->object);
		spin_lock(&n->wq.lock);
		taken = take(n, mask);
		if (!taken && !n->is_closed) {
			err = block(n, grant);
		} else {
			err = taken ? 0 : -EPIPE;
			spin_unlock(&n->wq.lock);
		}
	}
	hal_irq_enable();
	hal_tf_set_result(tf, err);
	if (!err)
		hal_tf_set_ipc_tag(tf, taken);
}
