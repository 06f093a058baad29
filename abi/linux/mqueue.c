// SPDX-License-Identifier: MIT
// System calls of POSIX message queues.
#include "syscall.h"
#include "with_file.h"

#include <mm/slab.h>
#include <proc/mqueue.h>

#define PRIORITIES 32768u
/** @body with `file`, the queue @fd_. */
#define WITH_QUEUE(fd_, rights_, body)                                                             \
	WITH_FILE(fd_, rights_, file_is_mqueue(file) ? (body) : -EBADF)
enum { SIGEV_SIGNAL = 0, SIGEV_NONE = 1 };

SYSCALL4(mq_open, uaddr_t, name_at, uint32_t, flags, uint32_t, mode, uaddr_t, attr_at)
{
	struct abi_path name;
	struct mq_attr attr;
	struct file *file;
	bool has_attr = (flags & O_CREAT) && attr_at;
	if (has_attr && mm_copy_in(&attr, attr_at, sizeof(attr)))
		return -EFAULT;
	err_t err = abi_get_path(name_at, &name);
	if (err)
		return err;
	err = mqueue_open(name.text, flags, mode, has_attr ? &attr : NULL, &file);
	abi_put_path(&name);
	return err ? err : file_install(file, FD_CLOEXEC);
}

SYSCALL1(mq_unlink, uaddr_t, name_at)
{
	struct abi_path name;
	err_t err = abi_get_path(name_at, &name);
	if (err)
		return err;
	err = mqueue_unlink(name.text);
	abi_put_path(&name);
	return err;
}

/** A point of wall-clock time; no address: never. */
static err_t get_deadline(uaddr_t at, nsec_t *deadline)
{
	*deadline = NSEC_NEVER;
	err_t err = at ? abi_get_timespec(at, deadline) : 0;
	if (!err && at)
		*deadline -= min(*deadline, time_realtime_offset());
	return err;
}

static err_t send(struct file *file, uaddr_t data, uint64_t size, uint32_t priority, nsec_t deadline)
{
	if (size > mqueue_max_size(file))
		return -EMSGSIZE;
	struct mq_message *message = kmalloc(sizeof(*message) + size);
	if (!message)
		return -ENOMEM;
	list_init(&message->node);
	message->priority = priority;
	message->size = size;
	err_t err = mm_copy_in(message->data, data, size);
	if (!err)
		err = mqueue_send(file, message, deadline);
	if (err)
		kfree(message);
	return err;
}

SYSCALL5(mq_timedsend, uint32_t, fd, uaddr_t, data, uint64_t, size, uint32_t, priority, uaddr_t, until_at)
{
	nsec_t deadline;
	if (priority >= PRIORITIES)
		return -EINVAL;
	err_t err = get_deadline(until_at, &deadline);
	return err ? err : WITH_QUEUE(fd, FILE_RIGHT_WRITE, send(file, data, size, priority, deadline));
}

static int64_t receive(struct file *file, uaddr_t data, uint64_t size, uaddr_t priority_at, nsec_t deadline)
{
	struct mq_message *message;
	if (size < mqueue_max_size(file))
		return -EMSGSIZE;
	err_t err = mqueue_receive(file, deadline, &message);
	if (err)
		return err;
	int64_t result = (int64_t)message->size;
	if (mm_copy_out(data, message->data, message->size) ||
	    (priority_at && abi_put32(priority_at, message->priority)))
		result = -EFAULT;
	kfree(message);
	return result;
}

SYSCALL5(mq_timedreceive, uint32_t, fd, uaddr_t, data, uint64_t, size, uaddr_t, priority_at, uaddr_t, until_at)
{
	nsec_t deadline;
	err_t err = get_deadline(until_at, &deadline);
	return err ? err : WITH_QUEUE(fd, FILE_RIGHT_READ, receive(file, data, size, priority_at, deadline));
}

// Partly: no SIGEV_THREAD, for which C libraries need a socket of AF_NETLINK.
SYSCALL2(mq_notify, uint32_t, fd, uaddr_t, event_at)
{
	struct {
		uint64_t value;
		int32_t signo, notify;
	} in;
	struct mq_event event = {.notify = MQ_NOTIFY_SIGNAL};
	if (event_at && mm_copy_in(&in, event_at, sizeof(in)))
		return -EFAULT;
	if (event_at) {
		if (in.notify != SIGEV_NONE && (in.notify != SIGEV_SIGNAL || in.signo < 1 || in.signo > NSIG))
			return -EINVAL;
		event = (struct mq_event){in.notify == SIGEV_NONE ? MQ_NOTIFY_NONE : MQ_NOTIFY_SIGNAL,
					  in.signo, in.value};
	}
	return WITH_QUEUE(fd, 0, mqueue_notify(file, event_at ? &event : NULL));
}

SYSCALL3(mq_getsetattr, uint32_t, fd, uaddr_t, new_at, uaddr_t, old_at)
{
	struct mq_attr wanted, old;
	if (new_at && mm_copy_in(&wanted, new_at, sizeof(wanted)))
		return -EFAULT;
	if (new_at && (wanted.flags & ~(int64_t)O_NONBLOCK))
		return -EINVAL;
	int64_t err = WITH_QUEUE(fd, 0, (mqueue_get_set(file, new_at ? &wanted : NULL, &old), 0));
	if (err)
		return err;
	return old_at ? mm_copy_out(old_at, &old, sizeof(old)) : 0;
}
