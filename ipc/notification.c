// SPDX-License-Identifier: MIT
// Notifications: a word of bits. Everything happens under the wait queue's lock: who signals hands bits
// over to waiters there, so a bit is taken once and none is lost; a waiter that leaves by deadline or
// signal is off the queue, and its bits stay set.
#include <ipc/notification.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <uapi/errno.h>
#include <uapi/ipc.h>
#include <uapi/poll.h>

#define RIGHTS_ALL (IPC_RIGHT_SEND | IPC_RIGHT_RECV | IPC_RIGHT_GRANT)
#define READY (POLLIN | POLLRDNORM)

/** What one waiter wants, on its stack; the entry's key points here. */
struct bits_wanted {
	uint64_t mask;
	uint64_t taken; // 0 when it was woken: closed
};

static inline struct bits_wanted *wanted_by(struct sched_wait *wait)
{
	return (struct bits_wanted *)(uintptr_t)wait->key;
}

static void close_notification(struct notification *n)
{
	irqflags_t flags = spin_lock_irqsave(&n->wq.lock);
	n->is_closed = true;
	sched_waitq_wake_n_locked(&n->wq, UINT32_MAX);
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
	*grant = grant_create(&n->object, OBJECT_NOTIFICATION | RIGHTS_ALL, UINT64_MAX);
	if (*grant)
		return 0;
	kfree(n);
	return -ENOMEM;
}

/** Give set bits to waiters who want them (lock held). */
static no_inline void hand_over(struct notification *n)
{
	struct sched_wait *wait, *next;
	list_for_each_entry_safe(wait, next, &n->wq.waiters, node) {
		struct bits_wanted *wanted = wanted_by(wait);
		wanted->taken = n->bits & wanted->mask;
		n->bits &= ~wanted->taken;
		if (wanted->taken)
			sched_waitq_wake_locked(&n->wq, wait);
	}
}

/** Interrupts off. */
static inline err_t set_bits(struct notification *n, uint64_t bits)
{
	spin_lock(&n->wq.lock);
	n->bits |= bits;
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
	irqflags_t flags = hal_irq_save();
	err_t err = set_bits(n, bits);
	hal_irq_restore(flags);
	return err;
}

static no_inline err_t why_not(struct grant *grant)
{
	return grant ? grant_check(grant, OBJECT_NOTIFICATION, IPC_RIGHT_SEND) : -EBADF;
}

void ipc_signal_call(struct trapframe *tf)
{
	uint64_t bits = hal_tf_ipc_tag(tf);
	err_t err;
	hal_irq_disable(); // no switch: what is looked up stays
	struct grant *grant = fd_lookup_wide(current_thread()->object.fds, hal_tf_ipc_fd(tf));
	if (unlikely(!grant || !grant_allows(grant, OBJECT_NOTIFICATION | IPC_RIGHT_SEND)))
		err = why_not(grant);
	else if (unlikely(bits & ~grant->badge)) // minted for others
		err = -EPERM;
	else
		err = set_bits(ipc_notification_of(grant->object), bits);
	hal_irq_enable();
	hal_tf_set_result(tf, err);
}

static uint64_t take(struct notification *n, uint64_t mask)
{
	uint64_t taken = n->bits & mask;
	n->bits &= ~taken;
	return taken;
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
