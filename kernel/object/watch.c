// SPDX-License-Identifier: MIT
// Watches: poll entries that stay (bound notifications) and do not keep what they watch alive.
//
// A watch is ended by its owner or by the end of its object, whoever is first under watch_lock. While
// watch->object is not NULL under the lock, the object's destroy() has not begun, so its poll source
// exists. Order of locks: watch_lock, then the source's.
#include <kernel/upcall.h>
#include <lib/hash.h>
#include <object/object.h>
#include <object/poll.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

#define BUCKETS 64

static struct spinlock watch_lock = SPINLOCK_INIT;
static struct list buckets[BUCKETS]; // of struct poll_watch by object; next NULL = still empty

static struct list *bucket_of(const struct object *object)
{
	struct list *bucket = &buckets[hash_ptr(object) % BUCKETS];
	if (!bucket->next)
		list_init(bucket);
	return bucket;
}

/** watch_lock held. */
static void end(struct poll_watch *watch)
{
	poll_unlink(&watch->entry);
	list_remove(&watch->node);
	watch->object = NULL;
}

int poll_watch_begin(struct poll_watch *watch, struct object *object)
{
	watch->entry.source = NULL;
	spin_lock(&watch_lock);
	watch->object = object;
	list_push_back(bucket_of(object), &watch->node);
	fetch_or_acq_rel(&object->flags, OBJECT_WATCHED);
	spin_unlock(&watch_lock);
	uint32_t ready = poll_object(object, &watch->entry);
	if (watch->entry.source)
		return (int)(ready & watch->entry.events);
	poll_watch_end(watch);
	return -EPERM;
}

void poll_watch_end(struct poll_watch *watch)
{
	spin_lock(&watch_lock);
	if (watch->object)
		end(watch);
	spin_unlock(&watch_lock);
}

bool poll_watch_is_on(struct poll_watch *watch, const struct object *object)
{
	spin_lock(&watch_lock);
	bool is_on = watch->object == object;
	spin_unlock(&watch_lock);
	return is_on;
}

void poll_forget(struct object *object)
{
	struct poll_watch *watch, *next;
	upcall_object_ends(object);
	spin_lock(&watch_lock);
	struct list *bucket = bucket_of(object);
	list_for_each_entry_safe(watch, next, bucket, node) {
		if (watch->object != object)
			continue;
		end(watch);
		irqflags_t flags = hal_irq_save();
		(void)watch->entry.notify(&watch->entry, POLLHUP);
		hal_irq_restore(flags);
	}
	spin_unlock(&watch_lock);
}
