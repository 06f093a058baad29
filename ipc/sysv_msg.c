// SPDX-License-Identifier: MIT
// System V message queues: first in, first out, but a receiver may choose by type.
#include "sysv.h"

#include <lib/string.h>
#include <mm/slab.h>
#include <sched/thread.h>

struct queue {
	struct sysv_object object;
	struct list messages; // struct sysv_message
};

static struct sysv_table *const table = &sysv_tables[SYSV_MSG];

static struct queue *queue_of(struct sysv_object *object)
{
	return container_of(object, struct queue, object);
}

err_t sysv_msg_check(uint64_t size, const struct sysv_object *object)
{
	(void)size, (void)object;
	return 0;
}

struct sysv_object *sysv_msg_create(uint64_t size)
{
	struct queue *queue = kzalloc(sizeof(*queue));
	(void)size;
	if (!queue)
		return NULL;
	list_init(&queue->messages);
	queue->object.stat.msg.bytes_max = SYSV_QUEUE_MAX;
	return &queue->object;
}

void sysv_msg_destroy(struct sysv_object *object)
{
	struct queue *queue = queue_of(object);
	struct sysv_message *message;
	while ((message = list_pop_front_entry(&queue->messages, struct sysv_message, node)))
		kfree(message);
	kfree(queue);
}

/** Sleep until @object changes. On error it may be gone. */
static err_t wait_for_change(struct sysv_object *object, uint32_t flags)
{
	if (flags & SYSV_NOWAIT)
		return -EAGAIN;
	err_t err = sysv_wait(table, object, NSEC_NEVER);
	sysv_put_locked(table, object);
	return err == -EINTR ? -ERESTARTNOHAND : err;
}

static bool has_room(const struct sysv_object *object, uint64_t size)
{
	return object->stat.msg.bytes + size <= object->stat.msg.bytes_max &&
	       object->stat.msg.messages < object->stat.msg.bytes_max;
}

err_t sysv_msg_send(int32_t id, struct sysv_message *message, uint32_t flags)
{
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, 2, &object);
	while (!err && !has_room(object, message->size))
		err = wait_for_change(object, flags);
	if (!err) {
		list_push_back(&queue_of(object)->messages, &message->node);
		object->stat.msg.bytes += message->size;
		object->stat.msg.messages++;
		object->stat.msg.sender = current_thread()->proc.pid;
		object->stat.msg.stime = sysv_now();
		sched_cond_broadcast(&object->changed);
	}
	sched_mutex_unlock(&table->lock);
	return err;
}

/** The message that @type selects (as its place in the queue, with SYSV_MSG_COPY), or NULL. */
static struct sysv_message *choose(struct queue *queue, int64_t type, uint32_t flags)
{
	struct sysv_message *message, *best = NULL;
	uint64_t place = (uint64_t)type;
	list_for_each_entry(message, &queue->messages, node) {
		if (flags & SYSV_MSG_COPY) {
			if (place-- == 0)
				return message;
			continue;
		}
		bool is_same = message->type == type;
		if (type == 0 || (type > 0 && is_same == !(flags & SYSV_MSG_EXCEPT)))
			return message;
		if (type < 0 && message->type <= -type && (!best || message->type < best->type))
			best = message;
	}
	return best;
}

static err_t copy_message(const struct sysv_message *message, struct sysv_message **copy)
{
	*copy = kmalloc(sizeof(*message) + message->size);
	if (!*copy)
		return -ENOMEM;
	memcpy(*copy, message, sizeof(*message) + message->size);
	return 0;
}

err_t sysv_msg_receive(int32_t id, int64_t type, uint64_t size, uint32_t flags, struct sysv_message **message)
{
	struct sysv_object *object;
	struct sysv_message *found = NULL;
	type = max(type, -INT64_MAX);
	if (flags & SYSV_MSG_COPY && (!(flags & SYSV_NOWAIT) || flags & SYSV_MSG_EXCEPT))
		return -EINVAL;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, 4, &object);
	while (!err && !(found = choose(queue_of(object), type, flags)))
		err = flags & SYSV_NOWAIT ? -ENOMSG : wait_for_change(object, flags);
	if (!err && found->size > size && !(flags & SYSV_MSG_NOERROR))
		err = -E2BIG;
	if (!err && flags & SYSV_MSG_COPY) {
		err = copy_message(found, message);
	} else if (!err) {
		list_remove(&found->node);
		object->stat.msg.bytes -= found->size;
		object->stat.msg.messages--;
		object->stat.msg.receiver = current_thread()->proc.pid;
		object->stat.msg.rtime = sysv_now();
		sched_cond_broadcast(&object->changed);
		*message = found;
	}
	sched_mutex_unlock(&table->lock);
	return err;
}
