// SPDX-License-Identifier: MIT
// Futexes.
//
// A waiter is queued first and looks at the user word afterwards, with no lock held, so that the
// access may fault and sleep. No wake is lost:
//
//   waiter                          waker
//   queue (bucket lock)             store word
//   load word                       look at the queue (bucket lock)
//
// If the waker looked before the waiter queued, the lock orders the waker's store before the waiter's
// load, which sees the new value. A waiter that sees another value but finds itself unlinked was woken
// and says so: the wake is not lost on it.
//
// Waiters of one bucket stand in one list by arrival. Locks: bucket (two by address), then the
// waiter's own queue.
#include <hal/uaccess.h>
#include <kernel/assert.h>
#include <kernel/lock.h>
#include <lib/hash.h>
#include <sched/sched.h>
#include <sched/waitq.h>

#include "futex_key.h"

#define BUCKETS 256

struct bucket {
	struct spinlock lock;
	struct list waiters; // struct waiter (lock)
};

struct waiter {
	struct list node; // bucket lock
	struct bucket *_Atomic bucket; // changes under the old one's lock
	struct mm_key key; // bucket lock
	uint32_t bitset;
	uint32_t is_woken; // wq.lock
	const struct mm_key *target; // the PI futex that it is to wait for afterwards; NULL = none
	bool is_requeued; // it is to do so now (wq.lock)
	struct sched_waitq wq;
};

static struct bucket buckets[BUCKETS];

void futex_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock);
		list_init(&buckets[i].waiters);
	}
	futex_pi_init();
}

static struct bucket *bucket_of(const struct mm_key *key)
{
	return &buckets[hash_u64(key->owner ^ key->offset) % BUCKETS];
}

/** Take @waiter off its bucket: false if a waker did so before. */
static bool dequeue(struct waiter *waiter)
{
	for (;;) {
		struct bucket *bucket = load_acquire(&waiter->bucket);
		spin_lock(&bucket->lock);
		bool is_here = load_relaxed(&waiter->bucket) == bucket;
		bool was_linked = is_here && list_is_linked(&waiter->node);
		if (was_linked)
			list_remove(&waiter->node);
		spin_unlock(&bucket->lock);
		if (is_here)
			return was_linked;
	}
}

/** Unlink and wake (bucket lock held). @waiter is gone afterwards. */
static void wake(struct waiter *waiter)
{
	list_remove(&waiter->node);
	irqflags_t flags = spin_lock_irqsave(&waiter->wq.lock);
	waiter->is_woken = 1;
	sched_waitq_wake_one_locked(&waiter->wq);
	spin_unlock_irqrestore(&waiter->wq.lock, flags);
}

/** Wait as @waiter, whose key, bitset and target are set. */
static err_t wait(struct waiter *waiter, uaddr_t addr, uint32_t expected, nsec_t deadline)
{
	struct bucket *bucket = bucket_of(&waiter->key);
	sched_waitq_init(&waiter->wq);
	atomic_init(&waiter->bucket, bucket);
	spin_lock(&bucket->lock);
	list_push_back(&bucket->waiters, &waiter->node);
	spin_unlock(&bucket->lock);

	uint32_t value;
	err_t err = mm_load_user32(addr, &value);
	if (!err && value != expected)
		err = -EAGAIN;
	if (!err)
		err = sched_wait_event(&waiter->wq, waiter->is_woken, deadline,
				       SCHED_WAIT_INTERRUPTIBLE);
	if (!err)
		return 0; // the waker has unlinked us
	if (dequeue(waiter))
		return err;
	// A waker chose us: wait until it has let go of the waiter, which is on our stack.
	return sched_wait_event(&waiter->wq, waiter->is_woken, NSEC_NEVER, 0);
}

err_t futex_wait(uaddr_t addr, bool is_private, uint32_t expected, uint32_t bitset, nsec_t deadline)
{
	struct waiter waiter = {.bitset = bitset};
	if (!bitset)
		return -EINVAL;
	err_t err = futex_key_of(addr, is_private, &waiter.key);
	return err ? err : wait(&waiter, addr, expected, deadline);
}

err_t futex_wait_requeue_pi(uaddr_t addr, bool is_private, uint32_t expected, uint32_t bitset,
			    nsec_t deadline, uaddr_t target)
{
	struct mm_key key;
	struct waiter waiter = {.bitset = bitset, .target = &key};
	if (!bitset)
		return -EINVAL;
	err_t err = futex_key_of(addr, is_private, &waiter.key);
	if (!err)
		err = futex_key_of(target, is_private, &key);
	if (!err && futex_is_same(&waiter.key, &key))
		err = -EINVAL;
	if (!err)
		err = wait(&waiter, addr, expected, deadline);
	if (err || !waiter.is_requeued)
		return err;
	err = futex_lock_pi(target, is_private, deadline);
	// The word at @addr has changed: this wait cannot begin again.
	return err == -EINTR ? -EAGAIN : err;
}

/** How many were woken; -EINVAL at one that waits for a requeue to a PI futex. */
static int wake_in(struct bucket *bucket, const struct mm_key *key, uint32_t n, uint32_t bitset)
{
	struct waiter *waiter, *next;
	uint32_t woken = 0;
	list_for_each_entry_safe(waiter, next, &bucket->waiters, node) {
		if (woken >= n)
			break;
		if (!futex_is_same(&waiter->key, key) || !(waiter->bitset & bitset))
			continue;
		if (waiter->target)
			return -EINVAL;
		wake(waiter);
		woken++;
	}
	return (int)woken;
}

int futex_wake(uaddr_t addr, bool is_private, uint32_t n, uint32_t bitset)
{
	struct mm_key key;
	if (!bitset)
		return -EINVAL;
	err_t err = futex_key_of(addr, is_private, &key);
	if (err)
		return err;
	struct bucket *bucket = bucket_of(&key);
	spin_lock(&bucket->lock);
	int woken = wake_in(bucket, &key, n, bitset);
	spin_unlock(&bucket->lock);
	return woken;
}

/** Send up to @n waiters for @key on to the PI futex @target. */
static int send_on(struct bucket *bucket, const struct mm_key *key, const struct mm_key *target,
		   uint64_t n)
{
	struct waiter *waiter, *next;
	uint64_t sent = 0;
	list_for_each_entry_safe(waiter, next, &bucket->waiters, node) {
		if (sent >= n)
			break;
		if (!futex_is_same(&waiter->key, key))
			continue;
		if (!waiter->target || !futex_is_same(waiter->target, target))
			return -EINVAL;
		waiter->is_requeued = true; // read after is_woken, which wake() sets under wq.lock
		wake(waiter);
		sent++;
	}
	return (int)sent;
}

int futex_cmp_requeue_pi(uaddr_t from, uaddr_t to, bool is_private, uint32_t move_n, uint32_t expected)
{
	struct mm_key from_key, to_key;
	uint32_t value;
	err_t err = futex_key_of(from, is_private, &from_key);
	if (!err)
		err = futex_key_of(to, is_private, &to_key);
	if (!err && futex_is_same(&from_key, &to_key))
		err = -EINVAL;
	if (!err)
		err = mm_load_user32(from, &value);
	if (!err && value != expected)
		err = -EAGAIN;
	if (err)
		return err;
	struct bucket *bucket = bucket_of(&from_key);
	spin_lock(&bucket->lock);
	int sent = send_on(bucket, &from_key, &to_key, 1ull + move_n);
	spin_unlock(&bucket->lock);
	return sent;
}

static void lock_two(struct bucket *a, struct bucket *b)
{
	spin_lock(a < b ? &a->lock : &b->lock);
	if (a != b)
		spin_lock(a < b ? &b->lock : &a->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/** Move up to @n waiters of @from_key to wait for @to_key (both buckets locked): how many; -EINVAL as
 *  wake_in(). */
static int move(struct bucket *from, const struct mm_key *from_key, struct bucket *to,
		     const struct mm_key *to_key, uint32_t n)
{
	struct waiter *waiter, *next;
	uint32_t moved = 0;
	list_for_each_entry_safe(waiter, next, &from->waiters, node) {
		if (moved >= n)
			break;
		if (!futex_is_same(&waiter->key, from_key))
			continue;
		if (waiter->target)
			return -EINVAL;
		waiter->key = *to_key;
		list_remove(&waiter->node);
		list_push_back(&to->waiters, &waiter->node);
		store_release(&waiter->bucket, to);
		moved++;
	}
	return (int)moved;
}

int futex_requeue(uaddr_t from, uaddr_t to, bool is_private, uint32_t wake_n, uint32_t move_n,
		  const uint32_t *expected, bool count_moved)
{
	struct mm_key from_key, to_key;
	uint32_t value;
	err_t err = futex_key_of(from, is_private, &from_key);
	if (!err)
		err = futex_key_of(to, is_private, &to_key);
	// Looked at without the lock: whoever changes the word afterwards and wakes at @from finds the
	// waiters there or, once moved, is told nothing new; the same as if it had come a moment later.
	if (!err && expected)
		err = mm_load_user32(from, &value);
	if (!err && expected && value != *expected)
		err = -EAGAIN;
	if (err)
		return err;
	struct bucket *a = bucket_of(&from_key), *b = bucket_of(&to_key);
	lock_two(a, b);
	int woken = wake_in(a, &from_key, wake_n, FUTEX_BITSET_ANY);
	int moved = woken < 0 || futex_is_same(&from_key, &to_key) ?
			    0 : move(a, &from_key, b, &to_key, move_n);
	unlock_two(a, b);
	if (woken < 0 || moved < 0)
		return woken < 0 ? woken : moved;
	return woken + (count_moved ? moved : 0);
}

/** The new value of FUTEX_WAKE_OP; false for an unknown operation. */
static bool apply_op(uint32_t op, uint32_t old, uint32_t *value)
{
	uint32_t arg = op << 8 >> 20;
	if (op & 1u << 31) // FUTEX_OP_OPARG_SHIFT
		arg = 1u << (arg & 31);
	switch (op >> 28 & 7) {
	case 0:
		*value = arg;
		return true;
	case 1:
		*value = old + arg;
		return true;
	case 2:
		*value = old | arg;
		return true;
	case 3:
		*value = old & ~arg;
		return true;
	case 4:
		*value = old ^ arg;
		return true;
	default:
		return false;
	}
}

/** Whether the old value meets the comparison of FUTEX_WAKE_OP; -ENOSYS for an unknown one. */
static int meets(uint32_t op, uint32_t old_value)
{
	int32_t old = (int32_t)old_value, arg = (int32_t)(op << 20) >> 20;
	switch (op >> 24 & 15) {
	case 0:
		return old == arg;
	case 1:
		return old != arg;
	case 2:
		return old < arg;
	case 3:
		return old <= arg;
	case 4:
		return old > arg;
	case 5:
		return old >= arg;
	default:
		return -ENOSYS;
	}
}

int futex_wake_op(uaddr_t addr1, uaddr_t addr2, bool is_private, uint32_t n1, uint32_t n2, uint32_t op)
{
	uint32_t old, value;
	err_t err = mm_load_user32(addr2, &old);
	while (!err) {
		uint32_t found;
		if (!apply_op(op, old, &value))
			return -ENOSYS;
		err = mm_cas_user32(addr2, old, value, &found);
		if (err || found == old)
			break;
		old = found;
	}
	if (err)
		return err;
	int also = meets(op, old);
	if (also < 0)
		return also;
	int woken = futex_wake(addr1, is_private, n1, FUTEX_BITSET_ANY);
	if (woken < 0 || !also)
		return woken;
	int more = futex_wake(addr2, is_private, n2, FUTEX_BITSET_ANY);
	return more < 0 ? more : woken + more;
}
