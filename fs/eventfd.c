// SPDX-License-Identifier: MIT
// eventfd(2): a counter that is a file.
#include <sched/waitq.h>
#include <uapi/poll.h>

#include "private.h"

#define COUNT_MAX (UINT64_MAX - 1)

struct eventfd {
	uint64_t count; // wq.lock
	bool is_semaphore;
	struct sched_waitq wq; // readers and writers: only one kind can be waiting
	struct poll_source poll;
};

/** Wait until @is_ready(count, @arg). wq.lock held, and dropped on error. */
static err_t wait_until(struct eventfd *event, struct file *file, irqflags_t *irq, uint64_t room)
{
	while (room ? event->count > COUNT_MAX - room : event->count == 0) {
		err_t err = -EAGAIN;
		if (!(load_relaxed(&file->flags) & O_NONBLOCK))
			err = sched_waitq_wait(&event->wq, irq, NSEC_NEVER,
					       SCHED_WAIT_INTERRUPTIBLE, 0);
		if (err) {
			spin_unlock_irqrestore(&event->wq.lock, *irq);
			return err == -EAGAIN ? err : -ERESTARTSYS;
		}
	}
	return 0;
}

static int64_t eventfd_read(struct file *file, struct io_vec *io, int64_t pos)
{
	struct eventfd *event = file->data;
	(void)pos;
	if (io->left < sizeof(uint64_t))
		return -EINVAL;
	irqflags_t irq = spin_lock_irqsave(&event->wq.lock);
	err_t err = wait_until(event, file, &irq, 0);
	if (err)
		return err;
	uint64_t value = event->is_semaphore ? 1 : event->count;
	event->count -= value;
	while (sched_waitq_wake_one_locked(&event->wq))
		;
	spin_unlock_irqrestore(&event->wq.lock, irq);
	poll_notify(&event->poll, POLLOUT | POLLWRNORM);
	return io_vec_put(io, &value, sizeof(value)) == sizeof(value) ? (int64_t)sizeof(value) : -EFAULT;
}

static int64_t eventfd_write(struct file *file, struct io_vec *io, int64_t pos)
{
	struct eventfd *event = file->data;
	uint64_t value;
	(void)pos;
	if (io->left < sizeof(value))
		return -EINVAL;
	if (io_vec_take(io, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value > COUNT_MAX)
		return -EINVAL;
	irqflags_t irq = spin_lock_irqsave(&event->wq.lock);
	err_t err = value ? wait_until(event, file, &irq, value) : 0;
	if (err)
		return err;
	event->count += value;
	while (sched_waitq_wake_one_locked(&event->wq))
		;
	spin_unlock_irqrestore(&event->wq.lock, irq);
	poll_notify(&event->poll, POLLIN | POLLRDNORM);
	return sizeof(value);
}

static uint32_t eventfd_poll(struct file *file, struct poll_entry *entry)
{
	struct eventfd *event = file->data;
	poll_link(&event->poll, entry);
	irqflags_t irq = spin_lock_irqsave(&event->wq.lock);
	uint32_t events = event->count ? POLLIN | POLLRDNORM : 0;
	if (event->count < COUNT_MAX)
		events |= POLLOUT | POLLWRNORM;
	spin_unlock_irqrestore(&event->wq.lock, irq);
	return events;
}

static void eventfd_release(struct file *file)
{
	struct eventfd *event = file->data;
	poll_source_destroy(&event->poll, POLLHUP);
	kfree(event);
}

static const struct file_ops eventfd_ops = {
	.name = "eventfd",
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

err_t fs_eventfd_create(uint64_t value, bool is_semaphore, uint32_t open_flags, struct file **file)
{
	struct eventfd *event = kzalloc(sizeof(*event));
	if (!event)
		return -ENOMEM;
	event->count = value;
	event->is_semaphore = is_semaphore;
	sched_waitq_init(&event->wq);
	poll_source_init(&event->poll);
	*file = file_create(&eventfd_ops, O_RDWR | (open_flags & O_NONBLOCK), event);
	if (!*file) {
		kfree(event);
		return -ENOMEM;
	}
	(*file)->is_stream = 1;
	return 0;
}
