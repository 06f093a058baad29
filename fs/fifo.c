// SPDX-License-Identifier: MIT
// Pipes and FIFOs as files. A pipe without a name is made with both ends open; one with a name belongs
// to the vnode while somebody has it open, and open(2) of one end waits for the other.
#include "pipe.h"

#define SIZE_MAX_USER MIB(1) // what F_SETPIPE_SZ allows without CAP_SYS_RESOURCE
#define SIZE_MAX_ROOT MIB(16)

struct fifo {
	struct pipe pipe;
	struct poll_source poll;
	uint32_t files; // open ones, and opens under way (fifos_lock)
	uint32_t reader_opens, writer_opens; // so far (pipe.lock)
	struct sched_cond opened; // one of the two changed
	uint64_t ino;
};

static struct slab_cache *fifo_cache;
static struct sched_mutex fifos_lock; // vnode->fifo and files

uint64_t anon_ino(void)
{
	static _Atomic uint64_t next = 1;
	return fetch_add_relaxed(&next, 1);
}

void pipe_init(void)
{
	fifo_cache = slab_cache_create("pipe", sizeof(struct fifo), 16);
	sched_mutex_init(&fifos_lock);
}

static struct fifo *fifo_create(void)
{
	struct fifo *fifo = slab_alloc_zeroed(fifo_cache);
	if (!fifo)
		return NULL;
	poll_source_init(&fifo->poll);
	pipe_setup(&fifo->pipe, &fifo->poll, &fifo->poll);
	sched_cond_init(&fifo->opened);
	fifo->ino = anon_ino();
	return fifo;
}

static void fifo_free(struct fifo *fifo)
{
	poll_source_destroy(&fifo->poll, POLLHUP);
	pipe_free_pages(&fifo->pipe);
	slab_free(fifo_cache, fifo);
}

/** One user less; @vnode has it as its FIFO, or NULL. */
static void fifo_put(struct fifo *fifo, struct vnode *vnode)
{
	sched_mutex_lock(&fifos_lock);
	bool is_last = --fifo->files == 0;
	if (is_last && vnode)
		vnode->fifo = NULL;
	sched_mutex_unlock(&fifos_lock);
	if (is_last)
		fifo_free(fifo);
}

static inline bool is_nonblock(struct file *file)
{
	return load_relaxed(&file->flags) & O_NONBLOCK;
}

static bool can_read(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

static bool can_write(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

static int64_t fifo_read(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)pos;
	return pipe_get(&((struct fifo *)file->data)->pipe, io, is_nonblock(file));
}

static int64_t fifo_write(struct file *file, struct io_vec *io, int64_t pos)
{
	(void)pos;
	return pipe_put(&((struct fifo *)file->data)->pipe, io, is_nonblock(file));
}

static uint32_t fifo_poll(struct file *file, struct poll_entry *entry)
{
	struct fifo *fifo = file->data;
	uint32_t flags = load_relaxed(&file->flags), events = 0;
	poll_link(&fifo->poll, entry);
	if (can_read(flags))
		events |= pipe_poll_reader(&fifo->pipe);
	if (can_write(flags))
		events |= pipe_poll_writer(&fifo->pipe);
	// Opened before any writer came: not hung up, but not yet called. pos keeps the count of then.
	if ((events & POLLHUP) && file->vnode && file->pos == (int64_t)fifo->writer_opens)
		events &= ~(uint32_t)POLLHUP;
	return events;
}

static int64_t fifo_ioctl(struct file *file, uint32_t command, uint64_t arg)
{
	return pipe_ioctl(&((struct fifo *)file->data)->pipe, command, arg);
}

static void drop_ends(struct fifo *fifo, uint32_t flags)
{
	if (can_read(flags))
		pipe_drop_reader(&fifo->pipe);
	if (can_write(flags))
		pipe_drop_writer(&fifo->pipe);
}

static void fifo_file_release(struct file *file)
{
	drop_ends(file->data, load_relaxed(&file->flags));
	fifo_put(file->data, file->vnode);
}

static const struct file_ops fifo_file_ops = {
	.name = "pipe",
	.read = fifo_read,
	.write = fifo_write,
	.poll = fifo_poll,
	.ioctl = fifo_ioctl,
	.release = fifo_file_release,
};

static struct fifo *fifo_of(struct file *file)
{
	return file->ops == &fifo_file_ops ? file->data : NULL;
}

err_t fs_pipe_create(uint32_t flags, struct file **read_end, struct file **write_end)
{
	struct fifo *fifo = fifo_create();
	if (!fifo)
		return -ENOMEM;
	fifo->files = 2;
	flags &= O_NONBLOCK | FS_OPEN_DIRECT;
	*read_end = file_create(&fifo_file_ops, flags | O_RDONLY, fifo);
	*write_end = *read_end ? file_create(&fifo_file_ops, flags | O_WRONLY, fifo) : NULL;
	if (!*write_end) {
		if (*read_end)
			file_put(*read_end);
		else
			fifo_put(fifo, NULL);
		fifo_put(fifo, NULL);
		return -ENOMEM;
	}
	(*read_end)->is_stream = (*write_end)->is_stream = 1;
	return 0;
}

/** The FIFO behind @vnode, with one user more. */
static struct fifo *fifo_take(struct vnode *vnode)
{
	sched_mutex_lock(&fifos_lock);
	struct fifo *fifo = vnode->fifo;
	if (!fifo) {
		fifo = fifo_create();
		if (fifo)
			fifo->pipe.readers = fifo->pipe.writers = 0;
		vnode->fifo = fifo;
	}
	if (fifo)
		fifo->files++;
	sched_mutex_unlock(&fifos_lock);
	return fifo;
}

/** Sleep until *@opens is not @before. The pipe's lock is held. */
static err_t wait_for_open(struct fifo *fifo, const uint32_t *opens)
{
	uint32_t before = *opens;
	while (*opens == before) {
		if (sched_cond_wait(&fifo->opened, &fifo->pipe.lock, NSEC_NEVER,
				    SCHED_WAIT_INTERRUPTIBLE))
			return -ERESTARTSYS;
	}
	return 0;
}

/** Count the new end and wait for its other side, as open(2) of a FIFO does. On error nothing is
 *  counted. The pipe's lock is held. */
static err_t open_end(struct fifo *fifo, uint32_t flags)
{
	struct pipe *pipe = &fifo->pipe;
	bool reads = can_read(flags), writes = can_write(flags);
	if (writes && !reads && !pipe->readers && (flags & O_NONBLOCK))
		return -ENXIO;
	if (reads) {
		fifo->reader_opens++;
		pipe->readers++;
	}
	if (writes) {
		fifo->writer_opens++;
		pipe->writers++;
	}
	sched_cond_broadcast(&fifo->opened);
	if (flags & O_NONBLOCK)
		return 0;
	if (reads && !writes && !pipe->writers)
		return wait_for_open(fifo, &fifo->writer_opens);
	if (writes && !reads && !pipe->readers)
		return wait_for_open(fifo, &fifo->reader_opens);
	return 0;
}

err_t fifo_open(struct vnode *vnode, uint32_t flags, struct file **file)
{
	struct fifo *fifo = fifo_take(vnode);
	if (!fifo)
		return -ENOMEM;
	sched_mutex_lock(&fifo->pipe.lock);
	int64_t writers_before = fifo->writer_opens;
	bool had_writer = fifo->pipe.writers;
	err_t err = open_end(fifo, flags);
	bool is_counted = err != -ENXIO;
	sched_mutex_unlock(&fifo->pipe.lock);
	if (!err) {
		*file = file_create(&fifo_file_ops, flags, fifo);
		if (*file) {
			(*file)->is_stream = 1;
			(*file)->pos = had_writer ? -1 : writers_before;
			return 0;
		}
		err = -ENOMEM;
	}
	if (is_counted)
		drop_ends(fifo, flags);
	fifo_put(fifo, vnode);
	return err;
}

struct pipe *pipe_of(struct file *file)
{
	struct fifo *fifo = fifo_of(file);
	return fifo ? &fifo->pipe : NULL;
}

uint64_t pipe_ino(struct file *file)
{
	struct fifo *fifo = fifo_of(file);
	return fifo && !file->vnode ? fifo->ino : 0;
}

int64_t fs_pipe_get_size(struct file *file)
{
	struct fifo *fifo = fifo_of(file);
	return fifo ? (int64_t)fifo->pipe.capacity : -EBADF;
}

/** Move what @pipe holds into fresh pages of a ring of @capacity bytes. Locked. */
static int64_t replace_ring(struct pipe *pipe, uint32_t capacity)
{
	uint32_t used = pipe_used(pipe), count = capacity / HAL_PAGE_SIZE;
	if (used > capacity)
		return -EBUSY;
	struct frame **pages = kcalloc(count, sizeof(*pages));
	if (!pages)
		return -ENOMEM;
	for (uint32_t done = 0; done < used;) {
		uint32_t at = (pipe->tail + done) & (pipe->capacity - 1);
		uint32_t n = min(used - done, (uint32_t)HAL_PAGE_SIZE - at % HAL_PAGE_SIZE);
		n = min(n, (uint32_t)HAL_PAGE_SIZE - done % HAL_PAGE_SIZE);
		struct frame **to = &pages[done / HAL_PAGE_SIZE];
		if (!*to)
			*to = frame_alloc(0);
		if (!*to) {
			for (uint32_t i = 0; i < count && pages[i]; i++)
				frame_put(pages[i]);
			kfree(pages);
			return -ENOMEM;
		}
		memcpy((char *)frame_direct(*to) + done % HAL_PAGE_SIZE,
		       (char *)frame_direct(pipe->pages[at / HAL_PAGE_SIZE]) + at % HAL_PAGE_SIZE, n);
		done += n;
	}
	pipe_free_pages(pipe);
	pipe->pages = pages;
	pipe->capacity = capacity;
	pipe->tail = 0;
	pipe->head = used;
	return capacity;
}

int64_t fs_pipe_set_size(struct file *file, uint64_t size)
{
	struct fifo *fifo = fifo_of(file);
	uint32_t capacity = HAL_PAGE_SIZE;
	if (!fifo)
		return -EBADF;
	if (size > SIZE_MAX_ROOT)
		return -EINVAL;
	if (size > SIZE_MAX_USER && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		return -EPERM;
	while (capacity < size)
		capacity *= 2;
	struct pipe *pipe = &fifo->pipe;
	sched_mutex_lock(&pipe->lock);
	bool is_same = capacity == pipe->capacity;
	int64_t result = is_same ? (int64_t)capacity : replace_ring(pipe, capacity);
	sched_mutex_unlock(&pipe->lock);
	if (result > 0 && !is_same) {
		sched_cond_broadcast(&pipe->writable);
		poll_notify(pipe->writer_poll, POLLOUT | POLLWRNORM);
	}
	return result;
}
