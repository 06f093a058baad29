// SPDX-License-Identifier: MIT
// Priority inheritance. A thread's inherited rank is the highest among the waiters and floors of what
// it owns; it runs at that or at its own, whichever is higher (thread_update_rank). When a thread's
// rank changes while it waits, its place among the waiters changes and the owner's rank with it, and
// so on along the chain. That ends: where a rank stays what it was, nothing further can change.
//
// One lock for all: a chain crosses locks of any kind in any order, so per-object locks would have to
// be tried and let go again at every step. Uncontended locks never come here, nor does who waits for
// nothing that is owned (wait queues, semaphores).
#include <sched/pi.h>
#include <uapi/errno.h>

#include "runq.h"

static struct spinlock pi_lock = SPINLOCK_INIT; // "pi": below locks of waits, above run queues

void sched_pi_init(struct sched_pi *pi)
{
	*pi = (struct sched_pi)SCHED_PI_INIT(*pi);
}

static uint32_t rank_of(const struct thread *thread)
{
	return load_relaxed(&thread->sched.rank);
}

static struct thread *first_waiter(const struct sched_pi *pi)
{
	return list_first_entry(&pi->waiters, struct thread, sched.pi_node);
}

static void insert(struct sched_pi *pi, struct thread *thread)
{
	struct thread *other;
	// From the end: most waits are of equals.
	list_for_each_entry_reverse(other, &pi->waiters, sched.pi_node) {
		if (rank_of(other) >= rank_of(thread)) {
			list_insert_after(&other->sched.pi_node, &thread->sched.pi_node);
			return;
		}
	}
	list_push_front(&pi->waiters, &thread->sched.pi_node);
}

/** @pi is among what its owner holds exactly while it may raise it. */
static void link_to_owner(struct sched_pi *pi)
{
	bool can_raise = pi->owner && (!list_is_empty(&pi->waiters) || load_relaxed(&pi->floor));
	if (can_raise == list_is_linked(&pi->held_node))
		return;
	if (can_raise)
		list_push_back(&pi->owner->sched.pi_held, &pi->held_node);
	else
		list_remove(&pi->held_node);
}

/** And, of those in the deadline band, the earliest deadline. */
static uint32_t rank_to_inherit(const struct thread *owner, uint64_t *key)
{
	uint32_t best = 0;
	const struct sched_pi *pi;
	*key = 0;
	list_for_each_entry(pi, &owner->sched.pi_held, held_node) {
		const struct thread *first = first_waiter(pi);
		uint32_t rank = first ? rank_of(first) : 0;
		if (rank >= sched_rank(BAND_DEADLINE, 0) &&
		    (!*key || (int64_t)(first->sched.deadline_key - *key) < 0))
			*key = first->sched.deadline_key;
		best = max(best, max(load_relaxed(&pi->floor), rank));
	}
	return best;
}

/** What @owner holds has changed. True: so has its rank. */
static bool refresh(struct thread *owner)
{
	uint64_t key;
	uint32_t inherited = rank_to_inherit(owner, &key);
	if (inherited == owner->sched.inherited)
		return false;
	irqflags_t flags;
	struct runq *rq = thread_lock_settled(owner, &flags);
	// Most often equals wait for equals.
	bool has_changed = max(inherited, thread_own_rank(owner)) != rank_of(owner);
	bool was_queued = has_changed && thread_unsettle(rq, owner);
	owner->sched.inherited = inherited;
	owner->sched.inherited_key = key;
	if (has_changed)
		thread_settle(rq, owner, was_queued);
	spin_unlock(&rq->lock);
	hal_irq_restore(flags);
	return has_changed;
}

/** @thread's rank has changed: so may those of whom it waits for. */
static void propagate(struct thread *thread)
{
	for (;;) {
		struct sched_pi *pi = thread->sched.pi_blocked;
		if (!pi)
			return;
		list_remove(&thread->sched.pi_node);
		insert(pi, thread);
		if (!refresh(pi->owner))
			return;
		thread = pi->owner;
	}
}

static void refresh_chain(struct thread *owner)
{
	if (refresh(owner))
		propagate(owner);
}

void pi_rank_changed(struct thread *thread)
{
	irqflags_t flags = spin_lock_irqsave(&pi_lock);
	propagate(thread);
	spin_unlock_irqrestore(&pi_lock, flags);
	upcall_ipc_rank_changed(thread);
}

/** Current, waiting for @owner, would wait for itself. */
static bool is_cycle(struct thread *owner)
{
	struct thread *self = current_thread();
	while (owner != self && owner->sched.pi_blocked)
		owner = owner->sched.pi_blocked->owner;
	return owner == self;
}

err_t sched_pi_block(struct sched_pi *pi, struct thread *owner)
{
	struct thread *self = current_thread();
	assert_irqs_off();
	assert(!self->sched.pi_blocked);
	spin_lock(&pi_lock);
	err_t err = is_cycle(owner) ? -EDEADLK : 0;
	if (!err) {
		pi->owner = owner;
		self->sched.pi_blocked = pi;
		insert(pi, self);
		link_to_owner(pi);
		refresh_chain(owner);
	}
	spin_unlock(&pi_lock);
	return err;
}

void sched_pi_unblock(struct sched_pi *pi)
{
	struct thread *self = current_thread();
	assert_irqs_off();
	spin_lock(&pi_lock);
	if (self->sched.pi_blocked == pi) {
		list_remove(&self->sched.pi_node);
		self->sched.pi_blocked = NULL;
		link_to_owner(pi);
		refresh_chain(pi->owner);
	}
	spin_unlock(&pi_lock);
}

struct thread *sched_pi_pass_on(struct sched_pi *pi)
{
	assert_irqs_off();
	spin_lock(&pi_lock);
	struct thread *old = pi->owner, *best = first_waiter(pi);
	if (list_is_linked(&pi->held_node))
		list_remove(&pi->held_node);
	if (best) {
		list_remove(&best->sched.pi_node);
		best->sched.pi_blocked = NULL;
	}
	pi->owner = best;
	store_relaxed(&pi->floor, 0);
	link_to_owner(pi);
	if (best)
		refresh_chain(best);
	if (old)
		refresh_chain(old);
	spin_unlock(&pi_lock);
	return best;
}

void sched_pi_set_floor(struct sched_pi *pi, struct thread *owner, uint32_t rank)
{
	assert_irqs_off();
	spin_lock(&pi_lock);
	pi->owner = owner;
	store_relaxed(&pi->floor, rank);
	link_to_owner(pi);
	refresh_chain(owner);
	spin_unlock(&pi_lock);
}
