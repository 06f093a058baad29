// SPDX-License-Identifier: MIT
// Readiness. A pollable object has a poll source; who waits for it (poll, select, epoll, a bound
// notification) links an entry there. Order that loses nothing: the waiter links its entry, then looks
// at the object's state under the object's lock; the object changes its state under that lock, then
// looks at the source.
#pragma once

#include <kernel/lock.h>
#include <lib/list.h>
#include <lib/types.h>
#include <sched/waitq.h>

struct object;

struct poll_source {
	struct spinlock lock;
	struct list entries; // struct poll_entry (lock)
};

struct poll_entry {
	struct list node; // lock of source
	struct poll_source *source; // NULL = not linked
	uint32_t events; // interesting ones
	bool is_exclusive; // one of these that woke somebody is enough
	/** Something in @events happened. Interrupts off, source lock held: wakes, no more. Was
	 *  somebody waiting? */
	bool (*notify)(struct poll_entry *entry, uint32_t events);
};

void poll_source_init(struct poll_source *source);
/** Link @entry (NULL: nothing). Used by file_ops.poll. An entry is on one source at a time. */
void poll_link(struct poll_source *source, struct poll_entry *entry);
void poll_unlink(struct poll_entry *entry);
/** @events became true. Any context; nothing but a load when nobody waits. */
void poll_notify_slow(struct poll_source *source, uint32_t events);
static inline void poll_notify(struct poll_source *source, uint32_t events)
{
	if (unlikely(!list_is_empty(&source->entries)))
		poll_notify_slow(source, events);
}
/** The same from the notify of an entry of another source, which is locked: for objects that watch others
 *  and are watched. They form no loop, so sources are locked in the order of watching. */
void poll_notify_watchers_slow(struct poll_source *source, uint32_t events);
static inline void poll_notify_watchers(struct poll_source *source, uint32_t events)
{
	if (unlikely(!list_is_empty(&source->entries)))
		poll_notify_watchers_slow(source, events);
}
/** The object goes away: unlink all, each told POLLHUP-like @events. */
void poll_source_destroy(struct poll_source *source, uint32_t events);

/** Ready events of any kind of object, as object_ops.poll. */
uint32_t poll_object(struct object *object, struct poll_entry *entry);

/** An entry that outlives the call that links it, and does not keep the object: told POLLHUP and
 *  unlinked when the object ends. */
struct poll_watch {
	struct poll_entry entry;
	struct object *object; // NULL = it has ended, or none yet (watch lock)
	struct list node; // with the other watches (watch lock)
};
/** Let @watch, whose entry has events and notify, watch @object, which the caller has a reference to.
 *  Events that are ready now, or -EPERM: an object of a kind that is always ready. May sleep. */
must_check int poll_watch_begin(struct poll_watch *watch, struct object *object);
/** Afterwards nothing is told to @watch any more. */
void poll_watch_end(struct poll_watch *watch);
/** Does it still watch @object? */
bool poll_watch_is_on(struct poll_watch *watch, const struct object *object);

/** A thread that waits for any of several entries. */
struct poll_waiter {
	struct sched_waitq wq;
	uint32_t has_fired; // wq.lock
};
struct poll_thread_entry {
	struct poll_entry entry;
	struct poll_waiter *waiter;
};
void poll_waiter_init(struct poll_waiter *waiter);
void poll_thread_entry_init(struct poll_thread_entry *entry, struct poll_waiter *waiter,
			    uint32_t events);
/** Sleep until an entry fires, @deadline or a signal: 0, -ETIMEDOUT, -EINTR. */
err_t poll_wait(struct poll_waiter *waiter, nsec_t deadline);
