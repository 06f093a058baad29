// SPDX-License-Identifier: MIT
// POSIX message queues. One lock for all: names, queues and their messages; who waits gives it away. A
// queue lives while it has its name or is open.
#include <proc/mqueue.h>
#include <proc/signal.h>

#include "internal.h"

#include <fs/fs.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <object/fdtable.h>
#include <object/file.h>
#include <uapi/poll.h>

enum {
	QUEUES_MAX = 256, NAME_MAX = 255,
	MESSAGES_DEFAULT = 10, SIZE_DEFAULT = 8192, // and the most that anybody may ask for
	MESSAGES_MAX = 4096, SIZE_MAX_ROOT = 65536, // with CAP_SYS_RESOURCE
	MAY_READ = 4, MAY_WRITE = 2
};

struct mqueue {
	struct list node; // in queues, while it has its name
	unsigned refs; // its name, open files
	char name[NAME_MAX + 1];
	uint32_t uid, gid, mode;
	struct list messages; // struct mq_message, by priority, then by age
	uint32_t count, max, receivers; // messages; the most; who waits for one
	size_t max_size;
	struct sched_cond changed;
	struct poll_source poll;
	struct process *listener; // is told of a message; with a reference
	struct mq_event event;
	struct account *account;
	size_t charge;
};

static struct sched_mutex lock = SCHED_MUTEX_INIT(lock);
static struct list queues = LIST_INIT(queues); // lock, as all below
static unsigned queue_count;

static void forget_listener(struct mqueue *queue)
{
	if (queue->listener)
		process_put(queue->listener);
	queue->listener = NULL;
}

static void put_locked(struct mqueue *queue)
{
	struct mq_message *message;
	if (--queue->refs)
		return;
	while ((message = list_pop_front_entry(&queue->messages, struct mq_message, node)))
		kfree(message);
	forget_listener(queue);
	poll_source_destroy(&queue->poll, POLLHUP);
	account_uncharge(queue->account, queue->charge);
	kfree(queue);
}

// ---- as a file ------------------------------------------------------------------------------------

static uint32_t mqueue_poll(struct file *file, struct poll_entry *entry)
{
	struct mqueue *queue = file->data;
	poll_link(&queue->poll, entry);
	uint32_t count = __atomic_load_n(&queue->count, __ATOMIC_ACQUIRE);
	return (count ? POLLIN | POLLRDNORM : 0) | (count < queue->max ? POLLOUT | POLLWRNORM : 0);
}

static void mqueue_close(struct file *file)
{
	struct mqueue *queue = file->data;
	sched_mutex_lock(&lock);
	if (queue->listener == current_process())
		forget_listener(queue);
	sched_mutex_unlock(&lock);
}

static void mqueue_release(struct file *file)
{
	sched_mutex_lock(&lock);
	put_locked(file->data);
	sched_mutex_unlock(&lock);
}

static const struct file_ops mqueue_ops = {
	.name = "mqueue",
	.poll = mqueue_poll,
	.close = mqueue_close,
	.release = mqueue_release,
};

bool file_is_mqueue(const struct file *file)
{
	return file->ops == &mqueue_ops;
}

size_t mqueue_max_size(const struct file *file)
{
	return ((const struct mqueue *)file->data)->max_size;
}

// ---- names ----------------------------------------------------------------------------------------

static struct mqueue *find(const char *name)
{
	struct mqueue *queue;
	list_for_each_entry(queue, &queues, node) {
		if (strcmp(queue->name, name) == 0)
			return queue;
	}
	return NULL;
}

static err_t check_mode(const struct mqueue *queue, unsigned wanted)
{
	const struct cred *cred = cred_current();
	uint32_t has = cred_mode_bits(cred, queue->uid, queue->gid, queue->mode);
	return !(wanted & ~has) || cred_has_cap(cred, CAP_DAC_OVERRIDE) ? 0 : -EACCES;
}

static err_t create(const char *name, uint32_t mode, const struct mq_attr *attr, struct mqueue **out)
{
	static const struct mq_attr usual = {.max_messages = MESSAGES_DEFAULT, .max_size = SIZE_DEFAULT};
	const struct cred *cred = cred_current();
	bool is_trusted = cred_has_cap(cred, CAP_SYS_RESOURCE);
	if (!attr)
		attr = &usual;
	if (attr->max_messages <= 0 || attr->max_messages > (is_trusted ? MESSAGES_MAX : MESSAGES_DEFAULT) ||
	    attr->max_size <= 0 || attr->max_size > (is_trusted ? SIZE_MAX_ROOT : SIZE_DEFAULT))
		return -EINVAL;
	if (queue_count >= QUEUES_MAX)
		return -ENOSPC;
	struct mqueue *queue = kzalloc(sizeof(*queue));
	if (!queue)
		return -ENOMEM;
	queue->max = (uint32_t)attr->max_messages;
	queue->max_size = (size_t)attr->max_size;
	queue->charge = queue->max * (queue->max_size + sizeof(struct mq_message)) + sizeof(*queue);
	if (account_charge(queue->charge, &queue->account)) {
		kfree(queue);
		return -EMFILE;
	}
	strlcpy(queue->name, name, sizeof(queue->name));
	queue->uid = cred->fsuid;
	queue->gid = cred->fsgid;
	queue->mode = mode & 0777 & ~load_relaxed(&current_thread()->fs.context->umask);
	list_init(&queue->messages);
	sched_cond_init(&queue->changed);
	poll_source_init(&queue->poll);
	queue->refs = 1;
	list_push_back(&queues, &queue->node);
	queue_count++;
	*out = queue;
	return 0;
}

/** Whether the call with @flags may open @queue, which is there. */
static err_t check_open(const struct mqueue *queue, uint32_t flags)
{
	static const uint8_t needed[] = {[O_RDONLY] = MAY_READ, [O_WRONLY] = MAY_WRITE,
					 [O_RDWR] = MAY_READ | MAY_WRITE};
	if ((flags & O_CREAT) && (flags & O_EXCL))
		return -EEXIST;
	return check_mode(queue, needed[flags & O_ACCMODE]);
}

static void remove_name(struct mqueue *queue)
{
	list_remove(&queue->node);
	queue_count--;
	put_locked(queue);
}

err_t mqueue_open(const char *name, uint32_t flags, uint32_t mode, const struct mq_attr *attr,
		  struct file **file)
{
	err_t err;
	if ((flags & O_ACCMODE) == O_ACCMODE)
		return -EINVAL;
	if (strlen(name) > NAME_MAX)
		return -ENAMETOOLONG;
	if (strchr(name, '/'))
		return -EACCES;
	sched_mutex_lock(&lock);
	struct mqueue *queue = find(name);
	bool is_new = !queue;
	if (queue)
		err = check_open(queue, flags);
	else
		err = flags & O_CREAT ? create(name, mode, attr, &queue) : -ENOENT;
	if (!err) {
		*file = file_create(&mqueue_ops, flags & (O_ACCMODE | O_NONBLOCK), queue);
		queue->refs += *file != NULL;
		err = *file ? 0 : -ENOMEM;
		if (err && is_new)
			remove_name(queue);
	}
	sched_mutex_unlock(&lock);
	return err;
}

err_t mqueue_unlink(const char *name)
{
	const struct cred *cred = cred_current();
	sched_mutex_lock(&lock);
	struct mqueue *queue = find(name);
	err_t err = !queue ? -ENOENT : 0;
	if (queue && cred->fsuid != queue->uid && !cred_has_cap(cred, CAP_FOWNER))
		err = -EPERM; // as in a folder where each removes his own
	if (!err)
		remove_name(queue);
	sched_mutex_unlock(&lock);
	return err;
}

// ---- messages -------------------------------------------------------------------------------------

static err_t wait_for_change(struct mqueue *queue, struct file *file, nsec_t deadline)
{
	if (load_relaxed(&file->flags) & O_NONBLOCK)
		return -EAGAIN;
	err_t err = sched_cond_wait(&queue->changed, &lock, deadline, SCHED_WAIT_INTERRUPTIBLE);
	return err == -EINTR ? -ERESTARTSYS : err;
}

static void set_count(struct mqueue *queue, uint32_t count, uint32_t events)
{
	__atomic_store_n(&queue->count, count, __ATOMIC_RELEASE);
	sched_cond_broadcast(&queue->changed);
	poll_notify(&queue->poll, events);
}

/** Behind those that are as urgent, which is at the end in the most cases. */
static void insert(struct mqueue *queue, struct mq_message *message)
{
	struct mq_message *other;
	list_for_each_entry_reverse(other, &queue->messages, node) {
		if (other->priority >= message->priority) {
			list_insert_after(&other->node, &message->node);
			return;
		}
	}
	list_push_front(&queue->messages, &message->node);
}

static void tell_listener(struct mqueue *queue)
{
	struct siginfo info = {
		.signo = queue->event.signo,
		.code = SI_MESGQ,
		.pid = current_process()->pid,
		.uid = cred_current()->uid,
		.value = queue->event.value,
	};
	if (queue->event.notify == MQ_NOTIFY_SIGNAL)
		(void)signal_send_process(queue->listener, &info);
	forget_listener(queue);
}

err_t mqueue_send(struct file *file, struct mq_message *message, nsec_t deadline)
{
	struct mqueue *queue = file->data;
	err_t err = 0;
	sched_mutex_lock(&lock);
	while (!err && queue->count == queue->max)
		err = wait_for_change(queue, file, deadline);
	if (!err) {
		insert(queue, message);
		if (queue->listener && queue->count == 0 && !queue->receivers)
			tell_listener(queue);
		set_count(queue, queue->count + 1, POLLIN | POLLRDNORM);
	}
	sched_mutex_unlock(&lock);
	return err;
}

err_t mqueue_receive(struct file *file, nsec_t deadline, struct mq_message **message)
{
	struct mqueue *queue = file->data;
	err_t err = 0;
	sched_mutex_lock(&lock);
	queue->receivers++;
	while (!err && queue->count == 0)
		err = wait_for_change(queue, file, deadline);
	queue->receivers--;
	if (!err) {
		*message = list_pop_front_entry(&queue->messages, struct mq_message, node);
		set_count(queue, queue->count - 1, POLLOUT | POLLWRNORM);
	}
	sched_mutex_unlock(&lock);
	return err;
}

err_t mqueue_notify(struct file *file, const struct mq_event *event)
{
	struct mqueue *queue = file->data;
	struct process *self = current_process();
	err_t err = 0;
	sched_mutex_lock(&lock);
	if (event && queue->listener) {
		err = -EBUSY;
	} else if (event) {
		process_get(self);
		queue->listener = self;
		queue->event = *event;
	} else if (queue->listener == self) {
		forget_listener(queue);
	}
	sched_mutex_unlock(&lock);
	return err;
}

void mqueue_get_set(struct file *file, const struct mq_attr *wanted, struct mq_attr *old)
{
	struct mqueue *queue = file->data;
	sched_mutex_lock(&lock);
	uint32_t flags = load_relaxed(&file->flags);
	*old = (struct mq_attr){.flags = flags & O_NONBLOCK, .max_messages = queue->max,
				.max_size = (int64_t)queue->max_size, .messages = queue->count};
	if (wanted)
		store_relaxed(&file->flags, (flags & ~(uint32_t)O_NONBLOCK) | (uint32_t)wanted->flags);
	sched_mutex_unlock(&lock);
}
