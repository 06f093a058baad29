// SPDX-License-Identifier: MIT
// The tables of System V IPC: keys, numbers, permissions, removal.
#include "sysv.h"

#include <kernel/time.h>
#include <object/cred.h>

#define MODE_BITS 0777u

struct sysv_table sysv_tables[SYSV_KINDS];

static const struct sysv_ops ops[SYSV_KINDS] = {
	[SYSV_SHM] = {.create = sysv_shm_create, .destroy = sysv_shm_destroy, .check_size = sysv_shm_check},
	[SYSV_SEM] = {.create = sysv_sem_create, .destroy = sysv_sem_destroy, .check_size = sysv_sem_check},
	[SYSV_MSG] = {.create = sysv_msg_create, .destroy = sysv_msg_destroy, .check_size = sysv_msg_check},
};

void sysv_init(void)
{
	for (unsigned i = 0; i < SYSV_KINDS; i++) {
		sysv_tables[i].ops = &ops[i];
		sched_mutex_init(&sysv_tables[i].lock);
	}
}

int64_t sysv_now(void)
{
	return (int64_t)((time_now() + time_realtime_offset()) / NSEC_PER_SEC);
}

static err_t check_mode(const struct sysv_object *object, unsigned mode)
{
	const struct cred *cred = cred_current();
	const struct sysv_stat *stat = &object->stat;
	unsigned has = stat->mode;
	if (cred->euid == stat->uid || cred->euid == stat->cuid)
		has >>= 6;
	else if (cred_in_group(cred, stat->gid) || cred_in_group(cred, stat->cgid))
		has >>= 3;
	return !(mode & ~has & 7) || cred_has_cap(cred, CAP_IPC_OWNER) ? 0 : -EACCES;
}

static err_t check_owner(const struct sysv_object *object)
{
	const struct cred *cred = cred_current();
	bool is_owner = cred->euid == object->stat.uid || cred->euid == object->stat.cuid;
	return is_owner || cred_has_cap(cred, CAP_SYS_ADMIN) ? 0 : -EPERM;
}

err_t sysv_find_locked(struct sysv_table *table, int32_t id, unsigned mode, struct sysv_object **object)
{
	*object = id < 0 ? NULL : table->slots[id % SYSV_OBJECTS_MAX];
	if (!*object)
		return -EINVAL;
	return (*object)->stat.id != id ? -EIDRM : check_mode(*object, mode);
}

void sysv_put_locked(struct sysv_table *table, struct sysv_object *object)
{
	if (--object->refs == 0)
		table->ops->destroy(object);
}

err_t sysv_wait(struct sysv_table *table, struct sysv_object *object, nsec_t deadline)
{
	object->refs++;
	err_t err = sched_cond_wait(&object->changed, &table->lock, deadline, SCHED_WAIT_INTERRUPTIBLE);
	if (object->is_removed)
		err = -EIDRM;
	return err == -ETIMEDOUT ? -EAGAIN : err;
}

static struct sysv_object *find_key(struct sysv_table *table, int32_t key)
{
	for (unsigned i = 0; i < SYSV_OBJECTS_MAX; i++) {
		if (table->slots[i] && table->slots[i]->stat.key == key)
			return table->slots[i];
	}
	return NULL;
}

static int64_t make(struct sysv_table *table, int32_t key, uint64_t size, uint32_t mode)
{
	const struct cred *cred = cred_current();
	unsigned slot = 0;
	err_t err = table->ops->check_size(size, NULL);
	if (err)
		return err;
	while (slot < SYSV_OBJECTS_MAX && table->slots[slot])
		slot++;
	if (slot == SYSV_OBJECTS_MAX)
		return -ENOSPC;
	struct sysv_object *object = table->ops->create(size);
	if (!object)
		return -ENOMEM;
	struct sysv_stat *stat = &object->stat;
	stat->seq = table->seq++ % (INT32_MAX / SYSV_OBJECTS_MAX);
	stat->key = key;
	stat->id = (int32_t)(stat->seq * SYSV_OBJECTS_MAX + slot);
	stat->uid = stat->cuid = cred->euid;
	stat->gid = stat->cgid = cred->egid;
	stat->mode = mode & MODE_BITS;
	stat->ctime = sysv_now();
	object->refs = 1;
	sched_cond_init(&object->changed);
	table->slots[slot] = object;
	return stat->id;
}

int64_t sysv_get_id(enum sysv_kind kind, int32_t key, uint64_t size, uint32_t flags)
{
	struct sysv_table *table = &sysv_tables[kind];
	int64_t result;
	sched_mutex_lock(&table->lock);
	struct sysv_object *object = key == SYSV_PRIVATE ? NULL : find_key(table, key);
	if (object && (flags & SYSV_CREATE) && (flags & SYSV_EXCLUSIVE))
		result = -EEXIST;
	else if (object)
		result = check_mode(object, (flags >> 6 | flags >> 3 | flags) & 7);
	else
		result = key != SYSV_PRIVATE && !(flags & SYSV_CREATE) ? -ENOENT
									: make(table, key, size, flags);
	if (object && !result) {
		result = table->ops->check_size(size, object);
		result = result ? result : object->stat.id;
	}
	sched_mutex_unlock(&table->lock);
	return result;
}

err_t sysv_remove(enum sysv_kind kind, int32_t id)
{
	struct sysv_table *table = &sysv_tables[kind];
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, 0, &object);
	if (!err)
		err = check_owner(object);
	if (!err) {
		table->slots[id % SYSV_OBJECTS_MAX] = NULL;
		object->is_removed = true;
		sched_cond_broadcast(&object->changed);
		sysv_put_locked(table, object);
	}
	sched_mutex_unlock(&table->lock);
	return err;
}

err_t sysv_stat(enum sysv_kind kind, int32_t id, bool is_index, struct sysv_stat *stat)
{
	struct sysv_table *table = &sysv_tables[kind];
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	if (is_index && id >= 0 && id < SYSV_OBJECTS_MAX && table->slots[id])
		id = table->slots[id]->stat.id;
	else if (is_index)
		id = -1;
	err_t err = sysv_find_locked(table, id, 4, &object);
	if (!err)
		*stat = object->stat;
	sched_mutex_unlock(&table->lock);
	return err;
}

err_t sysv_set(enum sysv_kind kind, int32_t id, uint32_t uid, uint32_t gid, uint32_t mode, uint64_t bytes_max)
{
	struct sysv_table *table = &sysv_tables[kind];
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, 0, &object);
	if (!err)
		err = check_owner(object);
	if (!err && bytes_max > SYSV_QUEUE_MAX && !cred_has_cap(cred_current(), CAP_SYS_RESOURCE))
		err = -EPERM;
	if (!err) {
		object->stat.uid = uid;
		object->stat.gid = gid;
		object->stat.mode = (object->stat.mode & ~MODE_BITS) | (mode & MODE_BITS);
		object->stat.ctime = sysv_now();
		if (bytes_max && kind == SYSV_MSG)
			object->stat.msg.bytes_max = bytes_max;
		sched_cond_broadcast(&object->changed);
	}
	sched_mutex_unlock(&table->lock);
	return err;
}

void sysv_count(enum sysv_kind kind, uint32_t *count, int32_t *highest)
{
	struct sysv_table *table = &sysv_tables[kind];
	*count = 0;
	*highest = 0;
	sched_mutex_lock(&table->lock);
	for (int32_t i = 0; i < SYSV_OBJECTS_MAX; i++) {
		if (!table->slots[i])
			continue;
		(*count)++;
		*highest = i;
	}
	sched_mutex_unlock(&table->lock);
}
