// SPDX-License-Identifier: MIT
// epoll(7): a set of files and native objects, watched through an entry on each one's poll source, and the
// list of those that may be ready.
//
// An item has no reference to its object. An object that ends first leaves all epolls (epoll_forget(),
// before its release), so with the epoll's lock held the objects of its items can be asked, even one that
// is waiting in epoll_forget() for that lock.
//
// Whoever asks takes the ready list as a whole and asks item by item: what is not ready after all leaves
// the list, what is level-triggered goes back to its end. An item leaves the list before its file is
// asked, so an event that comes in between puts it there again.
//
// Locks, outermost first: topology_lock (which epoll watches which, and the life of epolls as others find
// them); epoll->lock, of the watching one before that of the watched one; those of the files asked. The
// spinning ones: a source's, epoll->wq.lock; then those of whatever watches the epoll.
#include <kernel/upcall.h>
#include <lib/hash.h>
#include <lib/rbtree.h>
#include <uapi/poll.h>

#include "private.h"

#define BUCKETS 64
#define NESTS_MAX 5 // epolls in a chain, as Linux has it
#define PRIVATE_FLAGS (FS_EPOLL_EXCLUSIVE | FS_EPOLL_WAKEUP | FS_EPOLL_ONESHOT | FS_EPOLL_EDGE)
#define EXCLUSIVE_MAY_HAVE (POLLIN | POLLOUT | POLLERR | POLLHUP | FS_EPOLL_WAKEUP | FS_EPOLL_EDGE | \
			    FS_EPOLL_EXCLUSIVE)

struct epoll {
	struct file *file; // its own
	struct sched_mutex lock;
	struct rbtree items; // struct item, by object and descriptor (lock)
	struct sched_waitq wq; // who waits for events
	struct list ready; // struct item (wq.lock)
	struct poll_source poll;
	uint64_t looked_at; // by depth_below() for this `look` (topology_lock)
	unsigned depth; // what it found (topology_lock)
};

struct item {
	struct rbnode node; // epoll->lock
	struct list ready; // wq.lock of the epoll
	struct list watcher; // in the object's bucket (bucket lock)
	struct poll_entry entry;
	struct epoll *epoll;
	struct object *object; // no reference
	uint32_t fd;
	uint32_t events; // and flags; no events: spent by ONESHOT (wq.lock to change)
	uint64_t data; // epoll->lock
};

/** Items by their object. */
static struct watchers {
	struct spinlock lock;
	struct list items;
} buckets[BUCKETS];
static struct sched_mutex topology_lock;
static uint64_t look; // additions of epolls to epolls so far (topology_lock)

static const struct file_ops epoll_ops;

void epoll_init(void)
{
	sched_mutex_init(&topology_lock);
	for (unsigned i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock);
		list_init(&buckets[i].items);
	}
}

/** The file that @object is; NULL: something else. */
static struct file *file_of(struct object *object)
{
	return object->ops == &file_object_ops ? container_of(object, struct file, object) : NULL;
}

static struct epoll *epoll_of(struct object *object)
{
	struct file *file = file_of(object);
	return file && file->ops == &epoll_ops ? file->data : NULL;
}

static struct watchers *watchers_of(const struct object *object)
{
	return &buckets[hash_ptr(object) % BUCKETS];
}

// ---- items ----------------------------------------------------------------------------------------

static int compare(const struct item *item, const struct object *object, uint32_t fd)
{
	if (item->object != object)
		return (uintptr_t)item->object < (uintptr_t)object ? -1 : 1;
	return item->fd < fd ? -1 : item->fd > fd;
}

static bool item_is_less(const struct rbnode *a, const struct rbnode *b)
{
	const struct item *right = rb_entry(b, struct item, node);
	return compare(rb_entry(a, struct item, node), right->object, right->fd) < 0;
}

/** The first item at or behind (@object, @fd), or NULL. Locked. */
static struct item *find_from(struct epoll *epoll, const struct object *object, uint32_t fd)
{
	struct item *found = NULL;
	struct rbnode *node = epoll->items.root;
	while (node) {
		struct item *item = rb_entry(node, struct item, node);
		if (compare(item, object, fd) >= 0) {
			found = item;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

static struct item *find(struct epoll *epoll, const struct object *object, uint32_t fd)
{
	struct item *item = find_from(epoll, object, fd);
	return item && compare(item, object, fd) == 0 ? item : NULL;
}

/** Put @item at the end of the ready list and tell one who waits. Was there one? */
static bool make_ready(struct item *item)
{
	struct epoll *epoll = item->epoll;
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	bool is_on = item->events & ~PRIVATE_FLAGS;
	if (is_on && !list_is_linked(&item->ready))
		list_push_back(&epoll->ready, &item->ready);
	bool is_woken = is_on && sched_waitq_wake_one_locked(&epoll->wq);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
	if (is_on)
		poll_notify_watchers(&epoll->poll, POLLIN | POLLRDNORM);
	return is_woken;
}

static bool item_notify(struct poll_entry *entry, uint32_t events)
{
	(void)events;
	return make_ready(container_of(entry, struct item, entry));
}

static uint32_t item_ask(struct item *item, struct poll_entry *entry)
{
	return poll_object(item->object, entry) & item->events & ~PRIVATE_FLAGS;
}

/** Set what is asked for and look whether it is there already. Locked. */
static void arm(struct item *item, const struct fs_epoll_event *event)
{
	struct epoll *epoll = item->epoll;
	poll_unlink(&item->entry);
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	item->events = event->events | POLLERR | POLLHUP;
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
	item->data = event->data;
	item->entry.events = item->events & ~PRIVATE_FLAGS;
	item->entry.is_exclusive = event->events & FS_EPOLL_EXCLUSIVE;
	if (item_ask(item, &item->entry))
		(void)make_ready(item);
}

static err_t add(struct epoll *epoll, uint32_t fd, struct object *object, const struct fs_epoll_event *event)
{
	struct item *item = kzalloc(sizeof(*item));
	if (!item)
		return -ENOMEM;
	list_init(&item->ready);
	item->entry.notify = item_notify;
	item->epoll = epoll;
	item->object = object;
	item->fd = fd;
	fetch_or_acq_rel(&object->flags, file_of(object) ? FILE_IS_WATCHED : OBJECT_WATCHED);
	struct watchers *watchers = watchers_of(object);
	spin_lock(&watchers->lock);
	list_push_back(&watchers->items, &item->watcher);
	spin_unlock(&watchers->lock);
	rbtree_insert(&epoll->items, &item->node, item_is_less);
	arm(item, event);
	return 0;
}

static void drop(struct item *item)
{
	struct epoll *epoll = item->epoll;
	struct watchers *watchers = watchers_of(item->object);
	poll_unlink(&item->entry);
	spin_lock(&watchers->lock);
	list_remove(&item->watcher);
	spin_unlock(&watchers->lock);
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	list_remove(&item->ready);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
	rbtree_remove(&epoll->items, &item->node);
	kfree(item);
}

static err_t change(struct item *item, const struct fs_epoll_event *event)
{
	if ((item->events | event->events) & FS_EPOLL_EXCLUSIVE)
		return -EINVAL;
	arm(item, event);
	return 0;
}

static err_t ctl_locked(struct epoll *epoll, enum fs_epoll_op op, uint32_t fd, struct object *target,
			const struct fs_epoll_event *event)
{
	struct item *item = find(epoll, target, fd);
	if (op == FS_EPOLL_ADD)
		return item ? -EEXIST : add(epoll, fd, target, event);
	if (!item)
		return -ENOENT;
	if (op == FS_EPOLL_MOD)
		return change(item, event);
	drop(item);
	return 0;
}

// ---- epolls that watch epolls ---------------------------------------------------------------------

/** Levels of epolls from @epoll down, itself counted; more than NESTS_MAX: too many, or @wanted was
 *  met, which makes a loop. Each is looked at once: the ways through a few hundred epolls are many millions.
 *  topology_lock. */
static unsigned depth_below(struct epoll *epoll, const struct epoll *wanted, unsigned level)
{
	unsigned depth = 1;
	if (epoll == wanted || level > NESTS_MAX)
		return NESTS_MAX + 1;
	if (epoll->looked_at == look)
		return epoll->depth;
	sched_mutex_lock(&epoll->lock);
	struct item *item = rbtree_first_entry(&epoll->items, struct item, node);
	for (; item && depth <= NESTS_MAX; item = rbtree_next_entry(item, node)) {
		struct epoll *below = epoll_of(item->object);
		if (below)
			depth = max(depth, 1 + depth_below(below, wanted, level + 1));
	}
	sched_mutex_unlock(&epoll->lock);
	epoll->looked_at = look;
	epoll->depth = depth;
	return depth;
}

/** Levels of epolls from @epoll up, itself counted. topology_lock: nothing above changes. */
static unsigned depth_above(struct epoll *epoll)
{
	struct watchers *watchers = watchers_of(&epoll->file->object);
	struct item *item;
	unsigned depth = 1;
	// Few have one above, none has more than NESTS_MAX; a bucket's lock is never taken twice, because
	// the epolls above are gathered first.
	struct epoll *above[16];
	unsigned count = 0;
	spin_lock(&watchers->lock);
	list_for_each_entry(item, &watchers->items, watcher) {
		if (item->object == &epoll->file->object && count < array_len(above))
			above[count++] = item->epoll;
	}
	spin_unlock(&watchers->lock);
	if (count == array_len(above))
		return NESTS_MAX + 1; // as Linux limits paths
	for (unsigned i = 0; i < count; i++)
		depth = max(depth, 1 + depth_above(above[i]));
	return depth;
}

static err_t add_epoll(struct epoll *epoll, uint32_t fd, struct object *target,
		       const struct fs_epoll_event *event)
{
	err_t err = -ELOOP;
	sched_mutex_lock(&topology_lock);
	look++;
	if (depth_above(epoll) + depth_below(epoll_of(target), epoll, 1) <= NESTS_MAX) {
		sched_mutex_lock(&epoll->lock);
		err = ctl_locked(epoll, FS_EPOLL_ADD, fd, target, event);
		sched_mutex_unlock(&epoll->lock);
	}
	sched_mutex_unlock(&topology_lock);
	return err;
}

static bool is_pollable(struct object *object)
{
	struct file *file = file_of(object);
	return file ? file->ops->poll != NULL : object->ops->poll != NULL;
}

err_t fs_epoll_ctl(struct file *file, enum fs_epoll_op op, uint32_t fd, struct object *target,
		   const struct fs_epoll_event *event)
{
	struct epoll *epoll = epoll_of(&file->object);
	if (!is_pollable(target))
		return -EPERM;
	if (!epoll || target == &file->object)
		return -EINVAL;
	bool is_exclusive = op == FS_EPOLL_ADD && (event->events & FS_EPOLL_EXCLUSIVE);
	if (is_exclusive && (epoll_of(target) || (event->events & ~EXCLUSIVE_MAY_HAVE)))
		return -EINVAL;
	if (op == FS_EPOLL_ADD && epoll_of(target))
		return add_epoll(epoll, fd, target, event);
	sched_mutex_lock(&epoll->lock);
	err_t err = ctl_locked(epoll, op, fd, target, event);
	sched_mutex_unlock(&epoll->lock);
	return err;
}

/** An epoll that watches @object, or NULL. topology_lock: it stays. */
static struct epoll *watcher_of(const struct object *object)
{
	struct watchers *watchers = watchers_of(object);
	struct epoll *epoll = NULL;
	struct item *item;
	spin_lock(&watchers->lock);
	list_for_each_entry(item, &watchers->items, watcher) {
		if (item->object == object) {
			epoll = item->epoll;
			break;
		}
	}
	spin_unlock(&watchers->lock);
	return epoll;
}

/** No epoll watches @object, which ends, any more. */
static void forget(struct object *object)
{
	struct epoll *epoll;
	struct item *item;
	sched_mutex_lock(&topology_lock);
	while ((epoll = watcher_of(object))) {
		sched_mutex_lock(&epoll->lock);
		while ((item = find_from(epoll, object, 0)) && item->object == object)
			drop(item);
		sched_mutex_unlock(&epoll->lock);
	}
	sched_mutex_unlock(&topology_lock);
}

void epoll_forget(struct file *file)
{
	if (load_relaxed(&file->object.flags) & FILE_IS_WATCHED)
		forget(&file->object);
}

void upcall_object_ends(struct object *object)
{
	// Files have been here before. Without epoll_init(), in a boot for unit tests, nobody watches.
	if (buckets[0].items.next && !file_of(object))
		forget(object);
}

// ---- waiting --------------------------------------------------------------------------------------

static void take_ready(struct epoll *epoll, struct list *taken)
{
	list_init(taken);
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	list_splice_back(taken, &epoll->ready);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
}

static struct item *pop(struct epoll *epoll, struct list *taken)
{
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	struct item *item = list_pop_front_entry(taken, struct item, ready);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
	return item;
}

/** What of @taken was not looked at goes back to the front; if anything is ready, it is another's. */
static void give_back(struct epoll *epoll, struct list *taken)
{
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	list_splice_back(taken, &epoll->ready);
	list_splice_back(&epoll->ready, taken);
	if (!list_is_empty(&epoll->ready))
		sched_waitq_wake_one_locked(&epoll->wq);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
}

/** An event of @item is told: what becomes of the item. */
static void note_told(struct item *item)
{
	struct epoll *epoll = item->epoll;
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	if (item->events & FS_EPOLL_ONESHOT)
		item->events &= PRIVATE_FLAGS;
	else if (!(item->events & FS_EPOLL_EDGE) && !list_is_linked(&item->ready))
		list_push_back(&epoll->ready, &item->ready);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
}

static unsigned collect(struct epoll *epoll, struct fs_epoll_event *out, unsigned max)
{
	struct list taken;
	struct item *item;
	unsigned n = 0;
	sched_mutex_lock(&epoll->lock);
	take_ready(epoll, &taken);
	while (n < max && (item = pop(epoll, &taken))) {
		uint32_t events = item_ask(item, NULL);
		if (!events)
			continue;
		out[n++] = (struct fs_epoll_event){events, item->data};
		note_told(item);
	}
	give_back(epoll, &taken);
	sched_mutex_unlock(&epoll->lock);
	return n;
}

int64_t fs_epoll_wait(struct file *file, struct fs_epoll_event *out, unsigned max, nsec_t deadline)
{
	struct epoll *epoll = epoll_of(&file->object);
	if (!epoll)
		return -EINVAL;
	for (;;) {
		unsigned n = collect(epoll, out, max);
		if (n || !deadline)
			return n;
		err_t err = sched_wait_event(&epoll->wq, !list_is_empty(&epoll->ready), deadline,
					     SCHED_WAIT_INTERRUPTIBLE);
		if (err)
			return err == -ETIMEDOUT ? 0 : err;
	}
}

static uint32_t epoll_poll(struct file *file, struct poll_entry *entry)
{
	struct epoll *epoll = file->data;
	struct list taken;
	struct item *item;
	poll_link(&epoll->poll, entry);
	sched_mutex_lock(&epoll->lock);
	take_ready(epoll, &taken);
	while ((item = pop(epoll, &taken)) && !item_ask(item, NULL))
		;
	irqflags_t flags = spin_lock_irqsave(&epoll->wq.lock);
	if (item && !list_is_linked(&item->ready))
		list_push_front(&taken, &item->ready);
	spin_unlock_irqrestore(&epoll->wq.lock, flags);
	give_back(epoll, &taken);
	sched_mutex_unlock(&epoll->lock);
	return item ? POLLIN | POLLRDNORM : 0;
}

static void epoll_release(struct file *file)
{
	struct epoll *epoll = file->data;
	struct item *item;
	sched_mutex_lock(&topology_lock);
	sched_mutex_lock(&epoll->lock);
	while ((item = rbtree_first_entry(&epoll->items, struct item, node)))
		drop(item);
	sched_mutex_unlock(&epoll->lock);
	sched_mutex_unlock(&topology_lock);
	poll_source_destroy(&epoll->poll, POLLHUP);
	kfree(epoll);
}

static const struct file_ops epoll_ops = {
	.name = "eventpoll",
	.poll = epoll_poll,
	.release = epoll_release,
};

err_t fs_epoll_create(struct file **file)
{
	struct epoll *epoll = kzalloc(sizeof(*epoll));
	if (!epoll)
		return -ENOMEM;
	sched_mutex_init(&epoll->lock);
	rbtree_init(&epoll->items);
	sched_waitq_init(&epoll->wq);
	list_init(&epoll->ready);
	poll_source_init(&epoll->poll);
	*file = epoll->file = file_create(&epoll_ops, O_RDWR, epoll);
	if (!*file) {
		kfree(epoll);
		return -ENOMEM;
	}
	(*file)->is_stream = 1;
	return 0;
}
