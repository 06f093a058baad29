// SPDX-License-Identifier: MIT
// Poll sources and the threads that wait for them. Order of locks: the object's own, the source's,
// the waiter's queue.
#include <object/object.h>
#include <object/poll.h>
#include <sched/thread.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

void poll_source_init(struct poll_source *source)
{
	spin_init(&source->lock);
	list_init(&source->entries);
}

void poll_link(struct poll_source *source, struct poll_entry *entry)
{
	if (!entry)
		return;
	irqflags_t flags = spin_lock_irqsave(&source->lock);
	entry->source = source;
	list_push_back(&source->entries, &entry->node);
	spin_unlock_irqrestore(&source->lock, flags);
}

void poll_unlink(struct poll_entry *entry)
{
	struct poll_source *source = entry->source;
	if (!source)
		return;
	irqflags_t flags = spin_lock_irqsave(&source->lock);
	list_remove(&entry->node);
	entry->source = NULL;
	spin_unlock_irqrestore(&source->lock, flags);
}

/** Interrupts off, source locked. */
static void notify_entries(struct poll_source *source, uint32_t events)
{
	struct poll_entry *entry, *next;
	bool is_taken = false;
	list_for_each_entry_safe(entry, next, &source->entries, node) {
		if (!(entry->events & events) || (entry->is_exclusive && is_taken))
			continue;
		bool is_woken = entry->notify(entry, events);
		is_taken |= is_woken && entry->is_exclusive;
	}
}

void poll_notify_slow(struct poll_source *source, uint32_t events)
{
	irqflags_t flags = spin_lock_irqsave(&source->lock);
	notify_entries(source, events);
	spin_unlock_irqrestore(&source->lock, flags);
}

void poll_notify_watchers_slow(struct poll_source *source, uint32_t events)
{
	irqflags_t flags = hal_irq_save();
	spin_lock_nested(&source->lock);
	notify_entries(source, events);
	spin_unlock_irqrestore(&source->lock, flags);
}

void poll_source_destroy(struct poll_source *source, uint32_t events)
{
	struct poll_entry *entry, *next;
	irqflags_t flags = spin_lock_irqsave(&source->lock);
	list_for_each_entry_safe(entry, next, &source->entries, node) {
		list_remove(&entry->node);
		entry->source = NULL;
		(void)entry->notify(entry, events);
	}
	spin_unlock_irqrestore(&source->lock, flags);
}

uint32_t poll_object(struct object *object, struct poll_entry *entry)
{
	return object->ops->poll ? object->ops->poll(object, entry)
				 : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

void poll_waiter_init(struct poll_waiter *waiter)
{
	sched_waitq_init(&waiter->wq);
	waiter->has_fired = 0;
}

static bool wake_waiter(struct poll_entry *entry, uint32_t events)
{
	struct poll_waiter *waiter = container_of(entry, struct poll_thread_entry, entry)->waiter;
	(void)events;
	irqflags_t flags = spin_lock_irqsave(&waiter->wq.lock);
	waiter->has_fired = 1;
	bool is_woken = sched_waitq_wake_one_locked(&waiter->wq);
	spin_unlock_irqrestore(&waiter->wq.lock, flags);
	return is_woken;
}

void poll_thread_entry_init(struct poll_thread_entry *entry, struct poll_waiter *waiter,
			    uint32_t events)
{
	entry->waiter = waiter;
	entry->entry.source = NULL;
	entry->entry.events = events;
	entry->entry.is_exclusive = false;
	entry->entry.notify = wake_waiter;
}

err_t poll_wait(struct poll_waiter *waiter, nsec_t deadline)
{
	err_t err = sched_wait_event(&waiter->wq, waiter->has_fired, deadline,
				     SCHED_WAIT_INTERRUPTIBLE);
	if (!err)
		waiter->has_fired = 0; // a new round looks at the objects again
	return err;
}
