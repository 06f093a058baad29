// SPDX-License-Identifier: MIT
// System V semaphores. The operations of a call are tried in order on the values themselves and taken back
// if one cannot be done; then the caller waits for any change of the set and tries anew.
#include "sysv.h"

#include <mm/slab.h>
#include <sched/thread.h>

struct sem {
	int32_t value;
	uint32_t pid; // of the last operation
	uint32_t wait_more, wait_zero;
};

struct sem_set {
	struct sysv_object object;
	struct list undos; // struct sem_undo
	struct sem sems[];
};

/** What the end of a process adds to each value of a set. */
struct sem_undo {
	struct list node;
	uint32_t pid;
	int16_t adjust[];
};

static struct sysv_table *const table = &sysv_tables[SYSV_SEM];
static _Atomic uint32_t undo_count;

static struct sem_set *set_of(struct sysv_object *object)
{
	return container_of(object, struct sem_set, object);
}

err_t sysv_sem_check(uint64_t size, const struct sysv_object *object)
{
	if (object)
		return size > object->stat.sem.count ? -EINVAL : 0;
	return !size || size > SYSV_SEMS_MAX ? -EINVAL : 0;
}

struct sysv_object *sysv_sem_create(uint64_t size)
{
	struct sem_set *set = kzalloc(sizeof(*set) + size * sizeof(set->sems[0]));
	if (!set)
		return NULL;
	set->object.stat.sem.count = size;
	list_init(&set->undos);
	return &set->object;
}

static void drop_undo(struct sem_undo *undo)
{
	list_remove(&undo->node);
	fetch_sub_release(&undo_count, 1);
	kfree(undo);
}

void sysv_sem_destroy(struct sysv_object *object)
{
	struct sem_set *set = set_of(object);
	struct sem_undo *undo;
	while ((undo = list_first_entry(&set->undos, struct sem_undo, node)))
		drop_undo(undo);
	kfree(set);
}

/** The undo list of current's process, made if needed; NULL: no memory. */
static struct sem_undo *own_undo(struct sem_set *set)
{
	uint32_t pid = current_thread()->proc.pid;
	struct sem_undo *undo;
	list_for_each_entry(undo, &set->undos, node) {
		if (undo->pid == pid)
			return undo;
	}
	undo = kzalloc(sizeof(*undo) + set->object.stat.sem.count * sizeof(undo->adjust[0]));
	if (!undo)
		return NULL;
	undo->pid = pid;
	list_push_back(&set->undos, &undo->node);
	fetch_add_relaxed(&undo_count, 1);
	return undo;
}

/** One operation: 0, -EAGAIN (it has to wait), -ERANGE. */
static err_t apply(struct sem_set *set, const struct sysv_sem_op *op, struct sem_undo *undo)
{
	struct sem *sem = &set->sems[op->index];
	int32_t value = sem->value + op->change;
	if (!op->change)
		return sem->value ? -EAGAIN : 0;
	if (value < 0)
		return -EAGAIN;
	if (value > SYSV_SEM_VALUE_MAX)
		return -ERANGE;
	if (op->flags & SYSV_UNDO) {
		int32_t adjust = undo->adjust[op->index] - op->change;
		if (adjust < -SYSV_SEM_VALUE_MAX - 1 || adjust > SYSV_SEM_VALUE_MAX)
			return -ERANGE;
		undo->adjust[op->index] = (int16_t)adjust;
	}
	sem->value = value;
	return 0;
}

static void take_back(struct sem_set *set, const struct sysv_sem_op *op, struct sem_undo *undo)
{
	set->sems[op->index].value -= op->change;
	if (op->flags & SYSV_UNDO)
		undo->adjust[op->index] = (int16_t)(undo->adjust[op->index] + op->change);
}

/** All or nothing; *@failed is the operation that could not be done. */
static err_t try_all(struct sem_set *set, const struct sysv_sem_op *ops, unsigned count, struct sem_undo *undo,
		     unsigned *failed)
{
	for (unsigned i = 0; i < count; i++) {
		err_t err = apply(set, &ops[i], undo);
		if (!err)
			continue;
		*failed = i;
		while (i--)
			take_back(set, &ops[i], undo);
		return err;
	}
	for (unsigned i = 0; i < count; i++)
		set->sems[ops[i].index].pid = current_thread()->proc.pid;
	set->object.stat.sem.otime = sysv_now();
	sched_cond_broadcast(&set->object.changed);
	return 0;
}

static err_t wait_for(struct sem_set *set, const struct sysv_sem_op *op, nsec_t deadline)
{
	struct sem *sem = &set->sems[op->index];
	uint32_t *waiters = op->change ? &sem->wait_more : &sem->wait_zero;
	(*waiters)++;
	err_t err = sysv_wait(table, &set->object, deadline);
	(*waiters)--;
	return err;
}

static err_t operate_locked(struct sem_set *set, const struct sysv_sem_op *ops, unsigned count, nsec_t deadline)
{
	struct sem_undo *undo = NULL;
	unsigned failed;
	for (unsigned i = 0; i < count; i++) {
		if (ops[i].index >= set->object.stat.sem.count)
			return -EFBIG;
		if ((ops[i].flags & SYSV_UNDO) && !undo && !(undo = own_undo(set)))
			return -ENOMEM;
	}
	for (;;) {
		err_t err = try_all(set, ops, count, undo, &failed);
		if (err != -EAGAIN || (ops[failed].flags & SYSV_NOWAIT))
			return err;
		err = wait_for(set, &ops[failed], deadline);
		sysv_put_locked(table, &set->object);
		if (err)
			return err; // the set may be gone
	}
}

err_t sysv_sem_operate(int32_t id, const struct sysv_sem_op *ops, unsigned count, nsec_t deadline)
{
	struct sysv_object *object;
	bool changes = false;
	for (unsigned i = 0; i < count; i++)
		changes |= ops[i].change != 0;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, changes ? 2 : 4, &object);
	if (!err)
		err = operate_locked(set_of(object), ops, count, deadline);
	sched_mutex_unlock(&table->lock);
	return err;
}

int64_t sysv_sem_get(int32_t id, int32_t index, enum sysv_sem_what what)
{
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	int64_t result = sysv_find_locked(table, id, 4, &object);
	if (!result && (index < 0 || (uint64_t)index >= object->stat.sem.count))
		result = -EINVAL;
	if (!result) {
		const struct sem *sem = &set_of(object)->sems[index];
		result = what == SYSV_SEM_VALUE	      ? sem->value
			 : what == SYSV_SEM_PID	      ? (int64_t)sem->pid
			 : what == SYSV_SEM_WAIT_MORE ? (int64_t)sem->wait_more
						      : (int64_t)sem->wait_zero;
	}
	sched_mutex_unlock(&table->lock);
	return result;
}

/** Value @index is @value: what processes would undo is void. */
static void set_value(struct sem_set *set, uint32_t index, uint16_t value)
{
	struct sem_undo *undo;
	list_for_each_entry(undo, &set->undos, node)
		undo->adjust[index] = 0;
	set->sems[index].value = value;
	set->sems[index].pid = current_thread()->proc.pid;
}

err_t sysv_sem_set(int32_t id, int32_t index, const uint16_t *values, unsigned count)
{
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, 2, &object);
	if (!err && (index < 0 ? count != object->stat.sem.count : (uint64_t)index >= object->stat.sem.count))
		err = -EINVAL;
	for (unsigned i = 0; !err && i < count; i++)
		err = values[i] > SYSV_SEM_VALUE_MAX ? -ERANGE : 0;
	for (unsigned i = 0; !err && i < count; i++)
		set_value(set_of(object), index < 0 ? i : (uint32_t)index, values[i]);
	if (!err) {
		object->stat.ctime = sysv_now();
		sched_cond_broadcast(&object->changed);
	}
	sched_mutex_unlock(&table->lock);
	return err;
}

err_t sysv_sem_get_all(int32_t id, uint16_t *values, unsigned count)
{
	struct sysv_object *object;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, 4, &object);
	if (!err && count != object->stat.sem.count)
		err = -EINVAL;
	for (unsigned i = 0; !err && i < count; i++)
		values[i] = (uint16_t)set_of(object)->sems[i].value;
	sched_mutex_unlock(&table->lock);
	return err;
}

static void undo_all(struct sem_set *set, uint32_t pid)
{
	struct sem_undo *undo, *next;
	list_for_each_entry_safe(undo, next, &set->undos, node) {
		if (undo->pid != pid)
			continue;
		for (uint64_t i = 0; i < set->object.stat.sem.count; i++) {
			int32_t value = set->sems[i].value + undo->adjust[i];
			set->sems[i].value = max(min(value, SYSV_SEM_VALUE_MAX), 0);
		}
		drop_undo(undo);
		sched_cond_broadcast(&set->object.changed);
	}
}

void sysv_process_exit(uint32_t pid)
{
	if (!load_relaxed(&undo_count))
		return;
	sched_mutex_lock(&table->lock);
	for (unsigned i = 0; i < SYSV_OBJECTS_MAX; i++) {
		if (table->slots[i])
			undo_all(set_of(table->slots[i]), pid);
	}
	sched_mutex_unlock(&table->lock);
}
