// SPDX-License-Identifier: MIT
// System V shared memory: anonymous shared pages behind an object of mm's own kind, which counts the areas
// that map it. Removed memory stays until the last of them is gone.
#include "sysv.h"

#include <lib/format.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <sched/thread.h>

struct shm {
	struct sysv_object object;
	struct mm_object base; // what areas map
	struct mm_object *pages; // holds a reference
};

static struct sysv_table *const table = &sysv_tables[SYSV_SHM];

static struct shm *shm_of(struct mm_object *object)
{
	return container_of(object, struct shm, base);
}

static err_t shm_get_page(struct mm_object *object, uint64_t index, bool for_write, struct frame **frame)
{
	struct mm_object *pages = shm_of(object)->pages;
	return pages->ops->get_page(pages, index, for_write, frame);
}

static unsigned shm_get_resident(struct mm_object *object, uint64_t first, unsigned count, struct frame **frames)
{
	struct mm_object *pages = shm_of(object)->pages;
	return pages->ops->get_resident(pages, first, count, frames);
}

static void shm_describe(struct mm_object *object, char *buf, size_t len, uint64_t *inode)
{
	const struct sysv_stat *stat = &shm_of(object)->object.stat;
	(void)fmt_snprintf(buf, len, "/SYSV%08x (deleted)", (uint32_t)stat->key);
	*inode = (uint64_t)stat->id;
}

static void shm_get(struct mm_object *object)
{
	struct shm *shm = shm_of(object);
	sched_mutex_lock(&table->lock);
	shm->object.refs++;
	shm->object.stat.shm.attached++;
	sched_mutex_unlock(&table->lock);
}

static void shm_put(struct mm_object *object)
{
	struct shm *shm = shm_of(object);
	sched_mutex_lock(&table->lock);
	shm->object.stat.shm.attached--;
	shm->object.stat.shm.dtime = sysv_now();
	shm->object.stat.shm.last = current_thread()->proc.pid;
	sysv_put_locked(table, &shm->object);
	sched_mutex_unlock(&table->lock);
}

static const struct mm_object_ops shm_ops = {
	.get_page = shm_get_page,
	.get = shm_get,
	.put = shm_put,
	.describe = shm_describe,
	.get_resident = shm_get_resident,
	.is_memory = true,
};

err_t sysv_shm_check(uint64_t size, const struct sysv_object *object)
{
	if (object)
		return size > object->stat.shm.size ? -EINVAL : 0;
	return !size || size > SYSV_SHM_MAX ? -EINVAL : 0;
}

struct sysv_object *sysv_shm_create(uint64_t size)
{
	struct shm *shm = kzalloc(sizeof(*shm));
	if (!shm)
		return NULL;
	shm->pages = mm_object_create_anon(align_up(size, (uint64_t)HAL_PAGE_SIZE) >> HAL_PAGE_SHIFT);
	if (!shm->pages) {
		kfree(shm);
		return NULL;
	}
	mm_object_init(&shm->base, &shm_ops);
	shm->object.stat.shm.size = size;
	shm->object.stat.shm.creator = current_thread()->proc.pid;
	return &shm->object;
}

void sysv_shm_destroy(struct sysv_object *object)
{
	struct shm *shm = container_of(object, struct shm, object);
	shm->pages->ops->put(shm->pages);
	kfree(shm);
}

err_t sysv_shm_attach(int32_t id, bool is_read_only, struct mm_object **object, uint64_t *size)
{
	struct sysv_object *found;
	sched_mutex_lock(&table->lock);
	err_t err = sysv_find_locked(table, id, is_read_only ? 4 : 6, &found);
	if (!err) {
		struct shm *shm = container_of(found, struct shm, object);
		found->refs++;
		found->stat.shm.attached++; // given back by the caller's put
		found->stat.shm.atime = sysv_now();
		found->stat.shm.last = current_thread()->proc.pid;
		*object = &shm->base;
		*size = found->stat.shm.size;
	}
	sched_mutex_unlock(&table->lock);
	return err;
}
