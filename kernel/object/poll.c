// SPDX-License-Identifier: MIT
// Poll sources and the threads that wait for them. Order of locks: the object's own, the source's,
// the waiter's queue.
#include <object/poll.h>
#include <sched/thread.h>
#include <uapi/errno.h>

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

void poll_notify_slow(struct poll_source *source, uint32_t events)
{
	struct poll_entry *entry, *next;
	irqflags_t flags = spin_lock_irqsave(&source->lock);
	list_for_each_entry_safe(entry, next, &source->entries, node) {
		if (entry->events & events)
			entry->notify(entry, events);
	}
	spin_unlock_irqrestore(&source->lock, flags);
}

void poll_source_destroy(struct poll_source *source, uint32_t events)
{
	struct poll_entry *entry, *next;
	irqflags_t flags = spin_lock_irqsave(&source->lock);
	list_for_each_entry_safe(entry, next, &source->entries, node) {
		list_remove(&entry->node);
		entry->source = NULL;
		entry->notify(entry, events);
	}
	spin_unlock_irqrestore(&source->lock, flags);
}

void poll_waiter_init(struct poll_waiter *waiter)
{
	sched_waitq_init(&waiter->wq);
	waiter->has_fired = 0;
}

static void wake_waiter(struct poll_entry *entry, uint32_t events)
{
	struct poll_waiter *waiter = container_of(entry, struct poll_thread_entry, entry)->waiter;
	(void)events;
	irqflags_t flags = spin_lock_irqsave(&waiter->wq.lock);
	waiter->has_fired = 1;
	sched_waitq_wake_one_locked(&waiter->wq);
	spin_unlock_irqrestore(&waiter->wq.lock, flags);
}

void poll_thread_entry_init(struct poll_thread_entry *entry, struct poll_waiter *waiter,
			    uint32_t events)
{
	entry->waiter = waiter;
	entry->entry.source = NULL;
	entry->entry.events = events;
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
