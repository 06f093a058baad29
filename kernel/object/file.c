// SPDX-License-Identifier: MIT
// Open file descriptions: life and look-up.
//
// A file's memory is one slab object with its grant inside. References to the object: one by the
// grant while it has holders, one by each operation in progress. `close` is told when the grant's
// last holder is gone, `release` when nothing refers to the file any more; the memory goes after a
// grace period, because look-ups may still read the slot's old value.
#include <kernel/upcall.h>
#include <mm/slab.h>
#include <object/file.h>
#include <object/init.h>
#include <uapi/errno.h>
#include <uapi/poll.h>

static struct slab_cache *file_cache;

void file_init_cache(void)
{
	file_cache = slab_cache_create("file", sizeof(struct file), 16);
}

static void free_file(struct quiesce *head)
{
	struct grant *grant = container_of(head, struct grant, quiesce);
	slab_free(file_cache, container_of(grant, struct file, grant));
}

static void file_destroy(struct object *object)
{
	struct file *file = container_of(object, struct file, object);
	if (unlikely(load_relaxed(&object->flags) & ~OBJECT_HOLDS_GRANTS))
		upcall_file_ends(file);
	if (file->ops->release)
		file->ops->release(file);
	if (file->vnode || file->dentry)
		upcall_file_gone(file);
	quiesce_defer(&file->grant.quiesce, free_file);
}

static void file_grant_gone(struct object *object, uint32_t rights)
{
	struct file *file = container_of(object, struct file, object);
	(void)rights;
	if (file->ops->close)
		file->ops->close(file);
}

static uint32_t file_poll(struct object *object, struct poll_entry *entry)
{
	struct file *file = container_of(object, struct file, object);
	return file->ops->poll ? file->ops->poll(file, entry)
			       : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

const struct object_ops file_object_ops = {
	.name = "file",
	.destroy = file_destroy,
	.grant_gone = file_grant_gone,
	.poll = file_poll,
};

static uint32_t rights_of(uint32_t flags)
{
	static const uint32_t rights[] = {
		[O_RDONLY] = FILE_RIGHT_READ,
		[O_WRONLY] = FILE_RIGHT_WRITE,
		[O_RDWR] = FILE_RIGHT_READ | FILE_RIGHT_WRITE,
		[O_ACCMODE] = 0, // Linux: ioctl only
	};
	return flags & O_PATH ? FILE_RIGHT_PATH : rights[flags & O_ACCMODE] | FILE_RIGHT_PATH;
}

struct file *file_create(const struct file_ops *ops, uint32_t flags, void *data)
{
	struct file *file = slab_alloc(file_cache); // each field is set here: zeroing all costs twice that
	if (!file)
		return NULL;
	object_init(&file->object, &file_object_ops);
	grant_init_embedded(&file->grant, &file->object, OBJECT_FILE | rights_of(flags));
	file->ops = ops;
	atomic_init(&file->flags, flags);
	file->is_stream = 0;
	file->pos = 0;
	sched_mutex_init(&file->pos_lock);
	file->data = data;
	file->vnode = NULL;
	file->dentry = NULL;
	return file;
}

int file_install(struct file *file, uint32_t fd_flags)
{
	int fd = fd_install(current_thread()->object.fds, &file->grant, 0, fd_flags);
	if (fd < 0)
		grant_put(&file->grant);
	return fd;
}

err_t file_ref_take(uint32_t fd, uint32_t rights, struct file_ref *ref)
{
	struct fdtable *table = current_thread()->object.fds;
	struct grant *grant = fd_lookup(table, fd);
	if (!grant || !grant_allows(grant, OBJECT_FILE | rights))
		return -EBADF;
	ref->file = container_of(grant, struct file, grant);
	// Nobody else can close it while the table is this thread's alone.
	ref->is_counted = load_relaxed(&table->refs) != 1;
	if (!ref->is_counted)
		return 0;
	// A concurrent close may have dropped the last reference: then the count is 0 for good.
	uint32_t refs = load_relaxed(&ref->file->object.refs);
	while (refs && !cas_acquire(&ref->file->object.refs, &refs, refs + 1))
		;
	return refs ? 0 : -EBADF;
}
