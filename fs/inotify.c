// SPDX-License-Identifier: MIT
// inotify(7): watches on vnodes, and queues of what happened to them and to names in them.
//
// Where nothing is watched, an operation pays one load. Everything here is under one mutex, innermost of
// fs's; a watch holds its vnode until the last name of that is gone, so DELETE_SELF comes with the name's
// end and not, as on Linux, with that of the last open file.
#include <lib/hash.h>
#include <lib/string.h>
#include <uapi/poll.h>

#include "private.h"

#define BUCKETS 64
#define WATCHES_MAX 8192 // of all instances together
#define EVENTS_MAX 16384 // of one
#define KIND_MASK 0xfffu

enum { IOCTL_FIONREAD = 0x541b };

struct inotify {
	struct list watches, events;
	uint32_t event_count;
	int32_t next_wd;
	struct sched_cond readable;
	struct poll_source poll;
};

struct watch {
	struct list node; // of its vnode's bucket
	struct list own; // of the instance
	struct inotify *inotify;
	struct vnode *vnode; // holds a reference
	int32_t wd;
	uint32_t mask;
};

/** Linux's struct inotify_event, as it is read. */
struct event_head {
	int32_t wd;
	uint32_t mask, cookie, len;
};
struct event {
	struct list node;
	struct event_head head;
	char name[]; // head.len bytes, NULs at the end
};

_Atomic uint32_t inotify_watch_count;
static struct sched_mutex inotify_lock;
static struct list buckets[BUCKETS];
static const struct file_ops inotify_ops;

void inotify_init(void)
{
	sched_mutex_init(&inotify_lock);
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&buckets[i]);
}

static struct list *bucket_of(const struct vnode *vnode)
{
	return &buckets[hash_ptr(vnode) % BUCKETS];
}

// ---- events: inotify_lock -------------------------------------------------------------------------

static bool is_same_event(const struct event *a, const struct event_head *head, const char *name, size_t len)
{
	return a && a->head.wd == head->wd && a->head.mask == head->mask && a->head.cookie == head->cookie &&
	       a->head.len == head->len && (!len || memcmp(a->name, name, len) == 0);
}

/** Queue an event; one like the last is not told twice. That there were too many is told; without memory it is lost. */
static void queue_event(struct inotify *inotify, int32_t wd, uint32_t mask, uint32_t cookie, const char *name,
			size_t len)
{
	struct event_head head = {wd, mask, cookie, len ? (uint32_t)align_up(len + 1, 16ul) : 0};
	if (inotify->event_count >= EVENTS_MAX) {
		head = (struct event_head){-1, FS_IN_OVERFLOW, 0, 0};
		len = 0;
	}
	if (is_same_event(list_last_entry(&inotify->events, struct event, node), &head, name, len))
		return;
	struct event *event = kzalloc(sizeof(*event) + head.len);
	if (!event)
		return;
	event->head = head;
	memcpy(event->name, name, len);
	list_push_back(&inotify->events, &event->node);
	inotify->event_count++;
	sched_cond_signal(&inotify->readable);
	poll_notify(&inotify->poll, POLLIN | POLLRDNORM);
}

/** @watch goes; its vnode is the caller's to put. */
static struct vnode *remove_watch(struct watch *watch)
{
	struct vnode *vnode = watch->vnode;
	list_remove(&watch->node);
	list_remove(&watch->own);
	fetch_sub_release(&inotify_watch_count, 1);
	queue_event(watch->inotify, watch->wd, FS_IN_IGNORED, 0, "", 0);
	kfree(watch);
	return vnode;
}

/** Tell all watches of @vnode. How many of them ended. */
static unsigned tell(struct vnode *vnode, uint32_t mask, uint32_t cookie, const char *name, size_t len)
{
	struct watch *watch, *next;
	unsigned ended = 0;
	list_for_each_entry_safe(watch, next, bucket_of(vnode), node) {
		if (watch->vnode != vnode)
			continue;
		bool is_wanted = watch->mask & mask & KIND_MASK;
		if (is_wanted)
			queue_event(watch->inotify, watch->wd, mask, cookie, name, len);
		if ((mask & FS_IN_DELETE_SELF) || (is_wanted && (watch->mask & FS_IN_ONESHOT))) {
			(void)remove_watch(watch);
			ended++;
		}
	}
	return ended;
}

void inotify_tell_slow(struct vnode *vnode, uint32_t mask, uint32_t cookie, const char *name, size_t len)
{
	sched_mutex_lock(&inotify_lock);
	unsigned ended = tell(vnode, mask, cookie, name, len);
	sched_mutex_unlock(&inotify_lock);
	while (ended--)
		vnode_put(vnode); // the caller has one, so none is the last
}

/** What happened to what @dentry names: its own watches, and those of the folder. */
void inotify_tell_dentry(struct fs_dentry *dentry, uint32_t mask)
{
	bool was_locked = names_is_locked();
	if (vnode_is_dir(dentry->vnode))
		mask |= FS_IN_ISDIR;
	if (!was_locked)
		names_lock();
	struct fs_dentry *dir = load_relaxed(&dentry->parent);
	const struct fs_name *name = load_relaxed(&dentry->name);
	if (dir && (dentry->flags & DENTRY_HASHED))
		inotify_tell_slow(dir->vnode, mask, 0, name->text, name->len);
	inotify_tell_slow(dentry->vnode, mask, 0, "", 0);
	if (!was_locked)
		names_unlock();
}

void inotify_tell_rename(struct vnode *from_dir, const struct fs_name *from, struct vnode *to_dir,
			 const struct fs_name *to, struct vnode *moved)
{
	static _Atomic uint32_t next_cookie = 1;
	uint32_t cookie = fetch_add_relaxed(&next_cookie, 1), is_dir = vnode_is_dir(moved) ? FS_IN_ISDIR : 0;
	inotify_tell_slow(from_dir, FS_IN_MOVED_FROM | is_dir, cookie, from->text, from->len);
	inotify_tell_slow(to_dir, FS_IN_MOVED_TO | is_dir, cookie, to->text, to->len);
	inotify_tell_slow(moved, FS_IN_MOVE_SELF, 0, "", 0);
}

// ---- the file -------------------------------------------------------------------------------------

/** Wait for an event: 0, -EAGAIN, -ERESTARTSYS. Locked. */
static int64_t wait_for_event(struct file *file, struct inotify *inotify)
{
	while (list_is_empty(&inotify->events)) {
		if (load_relaxed(&file->flags) & O_NONBLOCK)
			return -EAGAIN;
		if (sched_cond_wait(&inotify->readable, &inotify_lock, NSEC_NEVER, SCHED_WAIT_INTERRUPTIBLE))
			return -ERESTARTSYS;
	}
	return 0;
}

static int64_t inotify_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct inotify *inotify = file->data;
	struct event *event;
	int64_t done = 0;
	(void)pos;
	sched_mutex_lock(&inotify_lock);
	int64_t err = wait_for_event(file, inotify);
	while (!err && (event = list_first_entry(&inotify->events, struct event, node))) {
		size_t size = sizeof(event->head) + event->head.len;
		if (size > io->left) {
			err = -EINVAL;
			break;
		}
		list_remove(&event->node);
		inotify->event_count--;
		sched_mutex_unlock(&inotify_lock); // user memory is not touched under it
		if (io_vec_put(io, &event->head, size) != size)
			err = -EFAULT;
		else
			done += (int64_t)size;
		kfree(event);
		sched_mutex_lock(&inotify_lock);
	}
	sched_mutex_unlock(&inotify_lock);
	return done ? done : err;
}

static uint32_t inotify_poll(struct file *file, struct poll_entry *entry)
{
	struct inotify *inotify = file->data;
	poll_link(&inotify->poll, entry);
	sched_mutex_lock(&inotify_lock);
	bool is_ready = !list_is_empty(&inotify->events);
	sched_mutex_unlock(&inotify_lock);
	return is_ready ? POLLIN | POLLRDNORM : 0;
}

static int64_t inotify_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	struct inotify *inotify = file->data;
	struct event *event;
	uint32_t bytes = 0;
	if (command != IOCTL_FIONREAD)
		return -ENOTTY;
	sched_mutex_lock(&inotify_lock);
	list_for_each_entry(event, &inotify->events, node)
		bytes += (uint32_t)sizeof(event->head) + event->head.len;
	sched_mutex_unlock(&inotify_lock);
	return mm_copy_out(arg, &bytes, sizeof(bytes));
}

static void inotify_release(struct file *file)
{
	struct inotify *inotify = file->data;
	struct watch *watch;
	struct event *event;
	for (;;) {
		sched_mutex_lock(&inotify_lock);
		watch = list_first_entry(&inotify->watches, struct watch, own);
		struct vnode *vnode = watch ? remove_watch(watch) : NULL;
		sched_mutex_unlock(&inotify_lock);
		if (!vnode)
			break;
		vnode_put(vnode);
	}
	while ((event = list_pop_front_entry(&inotify->events, struct event, node)))
		kfree(event);
	poll_source_destroy(&inotify->poll, POLLHUP);
	kfree(inotify);
}

static const struct file_ops inotify_ops = {
	.name = "inotify",
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
};

err_t fs_inotify_create(uint32_t open_flags, struct file **file)
{
	struct inotify *inotify = kzalloc(sizeof(*inotify));
	if (!inotify)
		return -ENOMEM;
	list_init(&inotify->watches);
	list_init(&inotify->events);
	inotify->next_wd = 1;
	sched_cond_init(&inotify->readable);
	poll_source_init(&inotify->poll);
	*file = file_create(&inotify_ops, O_RDONLY | (open_flags & O_NONBLOCK), inotify);
	if (!*file) {
		kfree(inotify);
		return -ENOMEM;
	}
	(*file)->is_stream = 1;
	return 0;
}

/** Change the watch of @vnode that there is, or add @fresh, which is used up then. */
static int64_t set_watch(struct inotify *inotify, struct vnode *vnode, uint32_t mask, struct watch **fresh)
{
	struct watch *watch;
	list_for_each_entry(watch, &inotify->watches, own) {
		if (watch->vnode != vnode)
			continue;
		if (mask & FS_IN_MASK_CREATE)
			return -EEXIST;
		watch->mask = mask & FS_IN_MASK_ADD ? watch->mask | mask : mask;
		return watch->wd;
	}
	if (load_relaxed(&inotify_watch_count) >= WATCHES_MAX)
		return -ENOSPC;
	watch = *fresh;
	*fresh = NULL;
	*watch = (struct watch){.inotify = inotify, .vnode = vnode, .wd = inotify->next_wd++, .mask = mask};
	vnode_get(vnode);
	list_push_back(&inotify->watches, &watch->own);
	list_push_back(bucket_of(vnode), &watch->node);
	fetch_add_relaxed(&inotify_watch_count, 1);
	return watch->wd;
}

int64_t fs_inotify_add(struct file *file, const char *path, uint32_t mask)
{
	struct fs_at at = {.dirfd = FS_AT_CWD, .path = path};
	struct fs_dentry *dentry;
	if (file->ops != &inotify_ops || !(mask & KIND_MASK) ||
	    ((mask & FS_IN_MASK_ADD) && (mask & FS_IN_MASK_CREATE)))
		return -EINVAL;
	unsigned flags = (mask & FS_IN_DONT_FOLLOW ? FS_NOFOLLOW : 0) | (mask & FS_IN_ONLYDIR ? FS_DIRECTORY : 0);
	err_t err = walk_to(&at, flags, &dentry);
	if (err)
		return err;
	int64_t result = vnode_permission(dentry->vnode, MAY_READ);
	struct watch *fresh = result ? NULL : kmalloc(sizeof(*fresh));
	if (!result && !fresh)
		result = -ENOMEM;
	if (!result) {
		sched_mutex_lock(&inotify_lock);
		result = set_watch(file->data, dentry->vnode, mask, &fresh);
		sched_mutex_unlock(&inotify_lock);
	}
	kfree(fresh);
	fs_dentry_put(dentry);
	return result;
}

err_t fs_inotify_remove(struct file *file, int32_t wd)
{
	struct inotify *inotify = file->data;
	struct vnode *vnode = NULL;
	struct watch *watch;
	if (file->ops != &inotify_ops)
		return -EINVAL;
	sched_mutex_lock(&inotify_lock);
	list_for_each_entry(watch, &inotify->watches, own) {
		if (watch->wd == wd) {
			vnode = remove_watch(watch);
			break;
		}
	}
	sched_mutex_unlock(&inotify_lock);
	if (!vnode)
		return -EINVAL;
	vnode_put(vnode);
	return 0;
}
