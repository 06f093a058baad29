// SPDX-License-Identifier: MIT
// PI futexes: the word holds the owner's thread id and whether somebody waits, so that programs take
// and release it without a call while nobody does; the owner inherits the priority of who waits
// (sched/pi.h).
//
// A struct pi_futex exists while threads wait for a word. Everything about it happens under its
// bucket's mutex, which is held over accesses to the word, that may sleep; a waiter that was made the
// owner takes the mutex before it goes back to its program, so the word is right by then. Whoever
// releases writes the new owner into the word, except a thread that ends: it may not know the word's
// address, so the new owner does (is_orphan), and tells its program by FUTEX_OWNER_DIED.
//
// A thread knows the futexes it owns that others wait for (thread.ipc.pi_owned), to pass them on when it
// ends. After that nobody may make it an owner (ipc.is_pi_closed). Locks: bucket mutex; below it a
// futex's waiters.lock; below that the lock of the owner's list.
#include <kernel/assert.h>
#include <kernel/upcall.h>
#include <lib/hash.h>
#include <mm/slab.h>
#include <sched/mutex.h>
#include <sched/sched.h>

#include "futex_key.h"

#define BUCKETS 64
#define OWNER_LOCKS 64

struct bucket {
	struct sched_mutex mutex;
	struct list futexes; // struct pi_futex (mutex)
};

struct pi_futex {
	struct list node; // bucket
	struct mm_key key;
	unsigned users; // waiters, and those that have just stopped waiting (bucket)
	bool is_orphan; // the owner before ended: the word does not name the present one (bucket)
	struct thread *owner; // NULL = free, all waiters are about to leave (bucket and waiters.lock)
	struct list owned_node; // in owner's ipc.pi_owned (bucket, owner's lock)
	struct sched_pi pi;
	struct sched_waitq waiters;
};

static struct bucket buckets[BUCKETS];
static struct spinlock owner_locks[OWNER_LOCKS]; // of threads' pi_owned and is_pi_closed

void futex_pi_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		sched_mutex_init(&buckets[i].mutex);
		list_init(&buckets[i].futexes);
	}
	for (unsigned i = 0; i < OWNER_LOCKS; i++)
		spin_init(&owner_locks[i]);
}

static struct bucket *bucket_of(const struct mm_key *key)
{
	return &buckets[hash_u64(key->owner ^ key->offset) % BUCKETS];
}

static struct spinlock *owner_lock_of(const struct thread *thread)
{
	return &owner_locks[hash_u64((uintptr_t)thread) % OWNER_LOCKS];
}

static struct pi_futex *find(struct bucket *bucket, const struct mm_key *key)
{
	struct pi_futex *futex;
	list_for_each_entry(futex, &bucket->futexes, node) {
		if (futex_is_same(&futex->key, key))
			return futex;
	}
	return NULL;
}

/** @owner (NULL = nobody) has @futex from here on. False: it has ended and cannot. */
static bool set_owner(struct pi_futex *futex, struct thread *owner)
{
	struct thread *old = futex->owner;
	if (old) {
		irqflags_t flags = spin_lock_irqsave(owner_lock_of(old));
		list_remove(&futex->owned_node);
		spin_unlock_irqrestore(owner_lock_of(old), flags);
	}
	futex->owner = NULL;
	if (!owner)
		return true;
	irqflags_t flags = spin_lock_irqsave(owner_lock_of(owner));
	bool is_open = !owner->ipc.is_pi_closed;
	if (is_open) {
		futex->owner = owner;
		list_push_back(&owner->ipc.pi_owned, &futex->owned_node);
	}
	spin_unlock_irqrestore(owner_lock_of(owner), flags);
	return is_open;
}

static struct pi_futex *create(struct bucket *bucket, const struct mm_key *key)
{
	struct pi_futex *futex = kzalloc(sizeof(*futex));
	if (!futex)
		return NULL;
	futex->key = *key;
	list_init(&futex->owned_node);
	sched_pi_init(&futex->pi);
	sched_waitq_init(&futex->waiters);
	list_push_back(&bucket->futexes, &futex->node);
	return futex;
}

/** A user leaves, the last one for ever. */
static void put(struct pi_futex *futex)
{
	if (--futex->users)
		return;
	set_owner(futex, NULL);
	list_remove(&futex->node);
	kfree(futex);
}

/** The word to write when @owner has @futex. */
static uint32_t word_of(struct pi_futex *futex, struct thread *owner)
{
	return owner->proc.tid | (sched_waitq_is_empty(&futex->waiters) ? 0 : FUTEX_WAITERS);
}

/** Make the best waiter the owner, or nobody. Returns it. */
static struct thread *pass_on(struct pi_futex *futex)
{
	irqflags_t flags = spin_lock_irqsave(&futex->waiters.lock);
	struct thread *best = sched_pi_pass_on(&futex->pi);
	if (best)
		sched_waitq_unlink_locked(&futex->waiters, best);
	// It cannot have ended: it comes back here first.
	verify(set_owner(futex, best));
	if (best)
		sched_wake(best);
	spin_unlock_irqrestore(&futex->waiters.lock, flags);
	return best;
}

/** Change the word from *@word to @value: 0; -EAGAIN: it was another, now in *@word; -EFAULT. */
static err_t change_word(uaddr_t addr, uint32_t *word, uint32_t value)
{
	uint32_t found;
	err_t err = mm_cas_user32(addr, *word, value, &found);
	if (err)
		return err;
	err = found == *word ? 0 : -EAGAIN;
	*word = found;
	return err;
}

/** @futex has no owner yet that the kernel knows: it is the thread that @word names. -ESRCH: that one
 *  has ended. */
static err_t adopt(struct pi_futex *futex, uint32_t word)
{
	struct thread *owner = upcall_find_thread(word & FUTEX_TID_MASK);
	if (!owner)
		return -ESRCH;
	bool is_open = set_owner(futex, owner);
	futex->is_orphan = false; // the word names it
	thread_put(owner); // it leaves the futex before it is gone
	return is_open ? 0 : -ESRCH;
}

/** *@word names an owner, or one that died and whose heir has not come yet: find or make the futex, with
 *  the caller among its users, and set FUTEX_WAITERS. The owner is known before the bit is set: one that
 *  sees the bit and ends passes the futex on. -EAGAIN: the word has changed; -ESRCH: the thread that it
 *  names has ended. */
static err_t join(struct bucket *bucket, const struct mm_key *key, uaddr_t addr, uint32_t *word,
		  struct pi_futex **joined)
{
	struct pi_futex *futex = find(bucket, key);
	if (futex && futex->owner && !futex->is_orphan && !(*word & FUTEX_OWNER_DIED) &&
	    futex->owner->proc.tid != (*word & FUTEX_TID_MASK))
		return -EINVAL;
	if (!futex)
		futex = create(bucket, key);
	if (!futex)
		return -ENOMEM;
	futex->users++;
	err_t err = futex->owner ? 0 : adopt(futex, *word);
	if (!err)
		err = change_word(addr, word, *word | FUTEX_WAITERS);
	if (err)
		put(futex);
	*joined = futex;
	return err;
}

/** Take the word if it is free: 0; -EAGAIN: it has changed. */
static err_t take(uaddr_t addr, uint32_t *word)
{
	return change_word(addr, word, (*word & FUTEX_OWNER_DIED) | current_thread()->proc.tid);
}

/** Sleep until current is the owner. Takes the bucket's mutex down and up. */
static err_t wait(struct bucket *bucket, struct pi_futex *futex, nsec_t deadline)
{
	irqflags_t flags = spin_lock_irqsave(&futex->waiters.lock);
	// First the mutex: the owner may wait for it in order to release the futex, which is no deadlock.
	// The owner stays: it is changed under both locks while somebody is a user.
	sched_mutex_unlock(&bucket->mutex);
	err_t err = sched_pi_block(&futex->pi, futex->owner);
	if (!err) {
		err = sched_waitq_wait(&futex->waiters, &flags, deadline, SCHED_WAIT_INTERRUPTIBLE, 0);
		if (err)
			sched_pi_unblock(&futex->pi);
	}
	spin_unlock_irqrestore(&futex->waiters.lock, flags);
	sched_mutex_lock(&bucket->mutex);
	return err;
}

/** Current owns @futex since its owner ended: say so in the word. */
static err_t write_inheritance(struct pi_futex *futex, uaddr_t addr)
{
	uint32_t word;
	err_t err = mm_load_user32(addr, &word);
	do {
		if (!err)
			err = change_word(addr, &word, word_of(futex, current_thread()) | FUTEX_OWNER_DIED);
	} while (err == -EAGAIN);
	futex->is_orphan = false;
	if (err) // nobody can have it by this address
		pass_on(futex);
	return err;
}

static err_t wait_for(struct bucket *bucket, struct pi_futex *futex, uaddr_t addr, nsec_t deadline)
{
	err_t err = wait(bucket, futex, deadline);
	if (!err && futex->is_orphan)
		err = write_inheritance(futex, addr);
	put(futex);
	return err;
}

/** Whether the owner that @word names can still be waited for, after nobody was found. */
static err_t look_again(uaddr_t addr, uint32_t *word)
{
	uint32_t before = *word;
	err_t err = mm_load_user32(addr, word);
	if (err)
		return err;
	return *word == before ? -ESRCH : -EAGAIN;
}

static err_t lock_in(struct bucket *bucket, const struct mm_key *key, uaddr_t addr, nsec_t deadline,
		     bool may_wait)
{
	struct thread *self = current_thread();
	struct pi_futex *futex;
	uint32_t word;
	err_t err = mm_load_user32(addr, &word);
	while (!err) {
		if ((word & FUTEX_TID_MASK) == self->proc.tid)
			return -EDEADLK;
		futex = find(bucket, key);
		bool is_free = !(word & FUTEX_TID_MASK);
		if (is_free && futex && futex->owner && !(word & FUTEX_OWNER_DIED))
			return -EINVAL; // the program has overwritten it
		if (is_free && !(futex && futex->owner)) {
			err = take(addr, &word);
			if (!err)
				return 0;
		} else if (!may_wait) {
			return -EAGAIN;
		} else {
			err = join(bucket, key, addr, &word, &futex);
			if (!err)
				return wait_for(bucket, futex, addr, deadline);
			if (err == -ESRCH)
				err = look_again(addr, &word);
		}
		if (err == -EAGAIN)
			err = 0; // with the new word
	}
	return err;
}

static err_t lock(uaddr_t addr, bool is_private, nsec_t deadline, bool may_wait)
{
	struct mm_key key;
	err_t err = futex_key_of(addr, is_private, &key);
	if (err)
		return err;
	struct bucket *bucket = bucket_of(&key);
	sched_mutex_lock(&bucket->mutex);
	err = lock_in(bucket, &key, addr, deadline, may_wait);
	sched_mutex_unlock(&bucket->mutex);
	return err;
}

err_t futex_lock_pi(uaddr_t addr, bool is_private, nsec_t deadline)
{
	return lock(addr, is_private, deadline, true);
}

err_t futex_trylock_pi(uaddr_t addr, bool is_private)
{
	return lock(addr, is_private, NSEC_NEVER, false);
}

static err_t unlock_in(struct pi_futex *futex, uaddr_t addr)
{
	struct thread *self = current_thread(), *best = NULL;
	uint32_t word;
	err_t err = mm_load_user32(addr, &word);
	if (err)
		return err;
	if ((word & FUTEX_TID_MASK) != self->proc.tid)
		return -EPERM;
	if (futex && futex->owner && futex->owner != self)
		return -EINVAL;
	if (futex && futex->owner)
		best = pass_on(futex);
	do {
		err = change_word(addr, &word, best ? word_of(futex, best) : 0);
	} while (err == -EAGAIN);
	return err;
}

err_t futex_unlock_pi(uaddr_t addr, bool is_private)
{
	struct mm_key key;
	err_t err = futex_key_of(addr, is_private, &key);
	if (err)
		return err;
	struct bucket *bucket = bucket_of(&key);
	sched_mutex_lock(&bucket->mutex);
	err = unlock_in(find(bucket, &key), addr);
	sched_mutex_unlock(&bucket->mutex);
	return err;
}

/** One that the ending thread owns and its bucket; NULL = none. The futex may be gone once the lock is
 *  let go: only under the bucket's mutex is it known to be there. */
static struct pi_futex *first_owned(struct thread *self, struct bucket **bucket)
{
	irqflags_t flags = spin_lock_irqsave(owner_lock_of(self));
	self->ipc.is_pi_closed = 1;
	struct pi_futex *futex = list_first_entry(&self->ipc.pi_owned, struct pi_futex, owned_node);
	if (futex)
		*bucket = bucket_of(&futex->key);
	spin_unlock_irqrestore(owner_lock_of(self), flags);
	return futex;
}

void futex_thread_exit(void)
{
	struct thread *self = current_thread();
	struct pi_futex *futex;
	struct bucket *bucket, *now;
	while ((futex = first_owned(self, &bucket))) {
		sched_mutex_lock(&bucket->mutex);
		// What is first in the list now and of this bucket stays.
		if (first_owned(self, &now) == futex && now == bucket) {
			futex->is_orphan = true;
			pass_on(futex);
		}
		sched_mutex_unlock(&bucket->mutex);
	}
}
