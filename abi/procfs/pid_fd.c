// SPDX-License-Identifier: MIT
// /proc/PID/{fd,fdinfo}: the descriptors of a process. Its table is looked at with the process
// locked, which keeps the table, and with the table locked, which keeps what is in its slots.
#include "private.h"

#include <abi/procfs.h>
#include <lib/bitmap.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <uapi/errno.h>

static struct fdtable *table_of(struct process *process)
{
	struct thread *thread = process_any_thread_locked(process);
	return thread ? thread->object.fds : NULL;
}

struct search {
	uint32_t from;
	int64_t found;
};

static void find_next(void *arg, struct process *process)
{
	struct search *search = arg;
	struct fdtable *table = table_of(process);
	search->found = table ? fd_next(table, search->from) : -1;
}

static int64_t next_fd(const struct view_id *id, uint32_t from)
{
	struct search search = {.from = from, .found = -1};
	(void)!procfs_inspect(id, find_next, &search);
	return search.found;
}

/** What is behind one descriptor. */
struct lookup {
	uint32_t fd;
	bool follows; // of a file: its name, or else the reference is its grant's, so it counts as open
	struct object *object; // with a reference, but not beside a name; NULL: nothing is
	struct fs_dentry *dentry; // with a reference
	uint32_t rights, fd_flags;
};

/** The file that @object is; NULL: something else. */
static struct file *file_of(struct object *object)
{
	return object->ops == &file_object_ops ? container_of(object, struct file, object) : NULL;
}

static void look_up(void *arg, struct process *process)
{
	struct lookup *lookup = arg;
	struct fdtable *table = table_of(process);
	if (!table)
		return;
	spin_lock(&table->lock);
	struct grant *grant = fd_lookup(table, lookup->fd);
	if (grant) {
		struct fd_array *array = fd_array_of(load_relaxed(&table->slots));
		lookup->fd_flags = bitmap_test(array->cloexec, lookup->fd) ? FD_CLOEXEC : 0;
		lookup->rights = load_relaxed(&grant->rights);
		lookup->object = grant->object;
		struct file *file = file_of(grant->object);
		if (lookup->follows && !file)
			lookup->object = NULL;
		else if (lookup->follows && file->dentry)
			fs_dentry_get(lookup->dentry = file->dentry);
		else if (lookup->follows)
			grant_get(&file->grant);
		else
			object_get(lookup->object);
	}
	spin_unlock(&table->lock);
}

static err_t look_up_object(const struct view_id *id, struct lookup *lookup)
{
	lookup->fd = id->number;
	err_t err = procfs_inspect(id, look_up, lookup);
	return err ? err : lookup->object ? 0 : -ENOENT;
}

static err_t enter_fdinfo(const struct view_id *id, uint32_t fd, struct view_id *child)
{
	child->number = fd;
	return next_fd(id, fd) == (int64_t)fd ? 0 : -ENOENT;
}

/** A link's permissions tell how the file is open. */
static err_t enter_fd(const struct view_id *id, uint32_t fd, struct view_id *child)
{
	struct lookup lookup = {0};
	child->number = fd;
	err_t err = look_up_object(child, &lookup);
	if (err)
		return -ENOENT;
	bool is_file = file_of(lookup.object) != NULL;
	child->mode = 0100 | (!is_file || (lookup.rights & FILE_RIGHT_READ) ? 0400 : 0) |
		      (!is_file || (lookup.rights & FILE_RIGHT_WRITE) ? 0200 : 0);
	object_put(lookup.object);
	(void)id;
	return 0;
}

static void put_file_path(struct text *out, struct file *file)
{
	char *path = kmalloc(FS_PATH_MAX);
	int64_t len = path ? fs_file_path(file, path, FS_PATH_MAX) : -ENOMEM;
	if (len > 0)
		text_put(out, path, (size_t)len - 1);
	else
		text_printf(out, "anon_inode:[%s]", file->ops->name);
	kfree(path);
}

static err_t show_fd(struct text *out, const struct view_id *id)
{
	struct lookup lookup = {0};
	err_t err = look_up_object(id, &lookup);
	if (err)
		return err;
	struct file *file = file_of(lookup.object);
	if (file)
		put_file_path(out, procfs_alias_target(file));
	else
		text_printf(out, "%s:[%u]", lookup.object->ops->name, id->number);
	object_put(lookup.object);
	return 0;
}

/** The lock of names is held: nothing is dropped here that might be a file's last reference. */
static err_t follow_fd(const struct view_id *id, struct fs_dentry **dentry)
{
	struct lookup lookup = {.follows = true};
	err_t err = look_up_object(id, &lookup);
	if (err)
		return err == -ENOENT ? -ENXIO : err;
	*dentry = lookup.dentry;
	return lookup.dentry ? 0
			     : procfs_alias_create(&procfs.super, file_of(lookup.object), lookup.rights, dentry);
}

static err_t show_fdinfo(struct text *out, const struct view_id *id)
{
	struct lookup lookup = {0};
	err_t err = look_up_object(id, &lookup);
	if (err)
		return err;
	struct file *file = file_of(lookup.object);
	uint32_t flags = file ? load_relaxed(&file->flags) : O_RDWR;
	int64_t pos = file && !file->is_stream ? file->pos : 0;
	if (lookup.fd_flags & FD_CLOEXEC)
		flags |= O_CLOEXEC;
	text_printf(out, "pos:\t%lld\nflags:\t0%o\nmnt_id:\t1\n", (long long)pos, flags);
	if (file && file->vnode)
		text_printf(out, "ino:\t%llu\n", (unsigned long long)file->vnode->ino);
	object_put(lookup.object);
	return 0;
}

static const struct view_entry fd_entry = {
	.mode = FS_IFLNK | 0700, .flags = VIEW_PRIVATE, .show = show_fd, .follow = follow_fd};
static const struct view_entry fdinfo_entry = {
	.mode = FS_IFREG | 0400, .flags = VIEW_PRIVATE, .show = show_fdinfo};

const struct view_dir procfs_fd_dir = {
	.each = &fd_entry, .prefix = "", .next = next_fd, .enter = enter_fd};
const struct view_dir procfs_fdinfo_dir = {
	.each = &fdinfo_entry, .prefix = "", .next = next_fd, .enter = enter_fdinfo};
