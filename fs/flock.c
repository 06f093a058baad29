// SPDX-License-Identifier: MIT
// flock(2): whole-file locks that belong to an open file, whoever uses it; gone with its last reference.
//
// Held locks stand in a small table by vnode. A file that asks anew gives up what it has before it
// sleeps, as on Linux: two that share a lock and both want it alone would wait for each other.
#include <lib/hash.h>
#include <sched/mutex.h>

#include "private.h"

#define BUCKETS 32

struct held {
	struct list node;
	struct file *file;
	bool is_exclusive;
};

static struct flock_bucket {
	struct sched_mutex lock;
	struct list held; // struct held
	struct sched_cond changed;
} buckets[BUCKETS];

void flock_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		sched_mutex_init(&buckets[i].lock);
		list_init(&buckets[i].held);
		sched_cond_init(&buckets[i].changed);
	}
}

static struct flock_bucket *bucket_of(const struct file *file)
{
	return &buckets[hash_ptr(file->vnode) % BUCKETS];
}

static struct held *find(struct flock_bucket *bucket, const struct file *file)
{
	struct held *held;
	list_for_each_entry(held, &bucket->held, node) {
		if (held->file == file)
			return held;
	}
	return NULL;
}

static bool is_taken(struct flock_bucket *bucket, const struct file *file, bool is_exclusive)
{
	struct held *held;
	list_for_each_entry(held, &bucket->held, node) {
		bool is_other = held->file != file && held->file->vnode == file->vnode;
		if (is_other && (is_exclusive || held->is_exclusive))
			return true;
	}
	return false;
}

static void drop(struct flock_bucket *bucket, struct file *file)
{
	struct held *held = find(bucket, file);
	if (!held)
		return;
	list_remove(&held->node);
	kfree(held);
	fetch_and_acq_rel(&file->object.flags, ~(uint32_t)FILE_HOLDS_FLOCK);
	sched_cond_broadcast(&bucket->changed);
}

/** @fresh is used where @file holds nothing yet: true. */
static bool hold(struct flock_bucket *bucket, struct file *file, bool is_exclusive, struct held *fresh)
{
	struct held *held = find(bucket, file);
	bool uses = !held;
	if (uses) {
		held = fresh;
		held->file = file;
		list_push_back(&bucket->held, &held->node);
		fetch_or_acq_rel(&file->object.flags, FILE_HOLDS_FLOCK);
	}
	held->is_exclusive = is_exclusive;
	sched_cond_broadcast(&bucket->changed); // an exclusive one may have become shared
	return uses;
}

static err_t take(struct file *file, bool is_exclusive, bool is_nonblock)
{
	struct flock_bucket *bucket = bucket_of(file);
	struct held *fresh = kmalloc(sizeof(*fresh));
	err_t err = 0;
	if (!fresh)
		return -ENOLCK;
	sched_mutex_lock(&bucket->lock);
	while (!err && is_taken(bucket, file, is_exclusive)) {
		if (!is_nonblock)
			drop(bucket, file);
		err = is_nonblock ? -EWOULDBLOCK
				  : sched_cond_wait(&bucket->changed, &bucket->lock, NSEC_NEVER,
						    SCHED_WAIT_INTERRUPTIBLE);
	}
	bool uses = !err && hold(bucket, file, is_exclusive, fresh);
	sched_mutex_unlock(&bucket->lock);
	if (!uses)
		kfree(fresh);
	return err == -EINTR ? -ERESTARTSYS : err;
}

void flock_release(struct file *file)
{
	if (!(load_relaxed(&file->object.flags) & FILE_HOLDS_FLOCK))
		return;
	struct flock_bucket *bucket = bucket_of(file);
	sched_mutex_lock(&bucket->lock);
	drop(bucket, file);
	sched_mutex_unlock(&bucket->lock);
}

err_t fs_flock(struct file *file, unsigned operation)
{
	enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
	switch (operation & ~(unsigned)LOCK_NB) {
	case LOCK_SH:
	case LOCK_EX:
		// One without a vnode has no other open of it.
		return file->vnode ? take(file, operation & LOCK_EX, operation & LOCK_NB) : 0;
	case LOCK_UN:
		flock_release(file);
		return 0;
	default:
		return -EINVAL;
	}
}
