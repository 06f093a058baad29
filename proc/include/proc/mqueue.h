// SPDX-License-Identifier: MIT
// POSIX message queues: named, of bounded length, the most urgent message first. A queue is a file.
#pragma once

#include <lib/list.h>
#include <lib/types.h>

struct file;

struct mq_attr {
	int64_t flags, max_messages, max_size, messages, reserved[4]; // Linux's; flags: O_NONBLOCK
};
/** From kmalloc(). */
struct mq_message {
	struct list node;
	uint32_t priority;
	size_t size;
	char data[];
};
enum mq_notify { MQ_NOTIFY_SIGNAL, MQ_NOTIFY_NONE };
struct mq_event {
	enum mq_notify notify;
	int signo;
	uint64_t value;
};

/** @flags: O_*; @attr (with O_CREAT) may be NULL. -ENOENT, -EEXIST, -EACCES, -EINVAL, -EMFILE
 *  (RLIMIT_MSGQUEUE), -ENOSPC, -ENAMETOOLONG, -ENOMEM. */
must_check err_t mqueue_open(const char *name, uint32_t flags, uint32_t mode, const struct mq_attr *attr,
			     struct file **file);
must_check err_t mqueue_unlink(const char *name);
bool file_is_mqueue(const struct file *file);
/** The longest message of queue @file. */
size_t mqueue_max_size(const struct file *file);
/** Takes over @message on success. -EAGAIN, -ETIMEDOUT, -ERESTARTSYS; -EMSGSIZE. */
must_check err_t mqueue_send(struct file *file, struct mq_message *message, nsec_t deadline);
/** The caller frees *@message. */
must_check err_t mqueue_receive(struct file *file, nsec_t deadline, struct mq_message **message);
/** Tell the current process of the next message that an empty queue gets while nobody waits: once. NULL: do
 *  not. -EBUSY: another one is told. */
must_check err_t mqueue_notify(struct file *file, const struct mq_event *event);
/** Set O_NONBLOCK as @wanted, if not NULL, says; what was so before. */
void mqueue_get_set(struct file *file, const struct mq_attr *wanted, struct mq_attr *old);
