// SPDX-License-Identifier: MIT
// Record locks of fcntl(2): ranges of bytes, owned by a descriptor table (POSIX) or by an open file (OFD).
//
// All are under one mutex: they are few and short. A POSIX lock goes when its owner closes any descriptor
// of the file; the table remembers that it ever took one, so other closes pay one load. Who waits is on a
// list with the owner waited for: a chain of such waits that leads back to oneself is -EDEADLK.
#include <lib/hash.h>
#include <object/fdtable.h>

#include "private.h"

#define BUCKETS 32

struct record {
	struct list node; // in the bucket of its file
	const void *key; // the vnode, or the file if it has none
	const void *owner; // struct fdtable or struct file
	struct fs_record_lock lock;
};

struct record_wait {
	struct list node;
	const void *owner, *waits_for;
};

static struct sched_mutex records_lock; // everything here
static struct record_bucket {
	struct list records;
	struct sched_cond changed;
} buckets[BUCKETS];
static struct list waits = LIST_INIT(waits); // struct record_wait, of POSIX owners

void record_init(void)
{
	sched_mutex_init(&records_lock);
	for (unsigned i = 0; i < BUCKETS; i++) {
		list_init(&buckets[i].records);
		sched_cond_init(&buckets[i].changed);
	}
}

static const void *key_of(const struct file *file)
{
	return file->vnode ? (const void *)file->vnode : file;
}

static struct record_bucket *bucket_of(const void *key)
{
	return &buckets[hash_ptr(key) % BUCKETS];
}

static const void *owner_of(struct file *file, const struct fs_record_lock *lock)
{
	return lock->is_ofd ? (const void *)file : current_thread()->object.fds;
}

static bool overlaps(const struct fs_record_lock *a, const struct fs_record_lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

/** The first in the file that excludes @lock, or NULL. */
static struct record *find_conflict(const void *key, const void *owner, const struct fs_record_lock *lock)
{
	struct record *record, *found = NULL;
	list_for_each_entry(record, &bucket_of(key)->records, node) {
		bool excludes = lock->type == FS_LOCK_WRITE || record->lock.type == FS_LOCK_WRITE;
		bool is_conflict = record->key == key && record->owner != owner && excludes &&
				   overlaps(&record->lock, lock);
		if (is_conflict && (!found || record->lock.start < found->lock.start))
			found = record;
	}
	return found;
}

/** Does @owner wait, through others, for @wanted? */
static bool waits_for(const void *owner, const void *wanted)
{
	struct record_wait *wait;
	size_t steps = list_count(&waits);
	while (owner != wanted && steps--) {
		const void *next = NULL;
		list_for_each_entry(wait, &waits, node) {
			if (wait->owner == owner)
				next = wait->waits_for;
		}
		if (!next)
			return false;
		owner = next;
	}
	return owner == wanted;
}

/** @fresh[] are used up as needed: what is left of an old lock on both sides of a hole. */
static struct record *take_fresh(struct record *fresh[2])
{
	struct record *record = fresh[0] ? fresh[0] : fresh[1];
	fresh[fresh[0] ? 0 : 1] = NULL;
	return record;
}

/** Take @lock's range out of what @owner holds. */
static void cut(const void *key, const void *owner, const struct fs_record_lock *lock,
		struct record *fresh[2])
{
	struct record_bucket *bucket = bucket_of(key);
	struct record *record, *next;
	list_for_each_entry_safe(record, next, &bucket->records, node) {
		struct fs_record_lock *old = &record->lock;
		if (record->key != key || record->owner != owner || !overlaps(old, lock))
			continue;
		bool has_left = old->start < lock->start, has_right = old->end > lock->end;
		if (has_left && has_right) {
			struct record *right = take_fresh(fresh);
			*right = *record;
			right->lock.start = lock->end + 1;
			list_push_back(&bucket->records, &right->node);
		}
		if (has_left) {
			old->end = lock->start - 1;
		} else if (has_right) {
			old->start = lock->end + 1;
		} else {
			list_remove(&record->node);
			kfree(record);
		}
	}
}

/** Neighbours of the same kind are one lock, so that a file written record by record has one. */
static void merge_into(struct record *record)
{
	struct record *other, *next;
	struct fs_record_lock *lock = &record->lock;
	list_for_each_entry_safe(other, next, &bucket_of(record->key)->records, node) {
		if (other == record || other->key != record->key || other->owner != record->owner ||
		    other->lock.type != lock->type)
			continue;
		bool is_before = other->lock.end != UINT64_MAX && other->lock.end + 1 == lock->start;
		bool is_behind = lock->end != UINT64_MAX && lock->end + 1 == other->lock.start;
		if (!is_before && !is_behind)
			continue;
		lock->start = min(lock->start, other->lock.start);
		lock->end = max(lock->end, other->lock.end);
		list_remove(&other->node);
		kfree(other);
	}
}

static void hold(struct file *file, const struct fs_record_lock *lock, struct record *fresh[2])
{
	struct record *record = take_fresh(fresh);
	record->key = key_of(file);
	record->owner = owner_of(file, lock);
	record->lock = *lock;
	record->lock.pid = lock->is_ofd ? UINT32_MAX : current_thread()->proc.pid;
	list_push_back(&bucket_of(record->key)->records, &record->node);
	merge_into(record);
	if (lock->is_ofd)
		fetch_or_acq_rel(&file->object.flags, FILE_HOLDS_RECORDS);
	else
		store_relaxed(&current_thread()->object.fds->has_record_locks, true);
}

static err_t wait_for(struct record_bucket *bucket, const void *owner, const struct record *conflict,
		      bool can_deadlock)
{
	struct record_wait wait = {.owner = owner, .waits_for = conflict->owner};
	if (can_deadlock && waits_for(conflict->owner, owner))
		return -EDEADLK;
	list_init(&wait.node);
	if (can_deadlock)
		list_push_back(&waits, &wait.node);
	err_t err = sched_cond_wait(&bucket->changed, &records_lock, NSEC_NEVER,
				    SCHED_WAIT_INTERRUPTIBLE);
	list_remove(&wait.node);
	return err == -EINTR ? -ERESTARTSYS : err;
}

err_t fs_record_set(struct file *file, const struct fs_record_lock *lock, bool waits_for_it)
{
	const void *key = key_of(file), *owner = owner_of(file, lock);
	struct record_bucket *bucket = bucket_of(key);
	struct record *fresh[2] = {kmalloc(sizeof(struct record)), kmalloc(sizeof(struct record))};
	struct record *conflict;
	err_t err = fresh[0] && fresh[1] ? 0 : -ENOLCK;
	sched_mutex_lock(&records_lock);
	while (!err && lock->type != FS_LOCK_NONE && (conflict = find_conflict(key, owner, lock)))
		err = waits_for_it ? wait_for(bucket, owner, conflict, !lock->is_ofd) : -EAGAIN;
	if (!err) {
		cut(key, owner, lock, fresh);
		if (lock->type != FS_LOCK_NONE && (fresh[0] || fresh[1]))
			hold(file, lock, fresh);
		sched_cond_broadcast(&bucket->changed);
	}
	sched_mutex_unlock(&records_lock);
	kfree(fresh[0]);
	kfree(fresh[1]);
	return err;
}

void fs_record_test(struct file *file, struct fs_record_lock *lock)
{
	sched_mutex_lock(&records_lock);
	struct record *conflict = find_conflict(key_of(file), owner_of(file, lock), lock);
	if (conflict)
		*lock = conflict->lock;
	else
		lock->type = FS_LOCK_NONE;
	sched_mutex_unlock(&records_lock);
}

/** @owner lets go of all it has of @key. */
static void release_all(const void *key, const void *owner)
{
	struct record_bucket *bucket = bucket_of(key);
	struct record *record, *next;
	bool any = false;
	sched_mutex_lock(&records_lock);
	list_for_each_entry_safe(record, next, &bucket->records, node) {
		if (record->key != key || record->owner != owner)
			continue;
		list_remove(&record->node);
		kfree(record);
		any = true;
	}
	if (any)
		sched_cond_broadcast(&bucket->changed);
	sched_mutex_unlock(&records_lock);
}

void record_release(struct file *file)
{
	if (load_relaxed(&file->object.flags) & FILE_HOLDS_RECORDS)
		release_all(key_of(file), file);
}

void upcall_fd_closed(struct fdtable *table, struct grant *grant)
{
	if (grant->object->ops == &file_object_ops)
		release_all(key_of(container_of(grant->object, struct file, object)), table);
}
