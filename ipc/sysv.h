// SPDX-License-Identifier: MIT
// What the files of System V IPC share: numbered objects with owners and permissions, one table of each
// kind. A table's lock protects all of its objects.
#pragma once

#include <ipc/sysv.h>
#include <sched/mutex.h>
#include <uapi/errno.h>

struct sysv_object {
	struct sysv_stat stat; // what is common, and what the kind keeps there
	uint32_t refs; // the table, and who sleeps or maps
	bool is_removed;
	struct sched_cond changed; // who waits for anything looks again
};

struct sysv_ops {
	/** A new object for @size; NULL: no memory. Its stat's common fields are filled afterwards. */
	struct sysv_object *(*create)(uint64_t size);
	void (*destroy)(struct sysv_object *object); // the last reference is gone; lock held
	err_t (*check_size)(uint64_t size, const struct sysv_object *object); // NULL: a new one
};

struct sysv_table {
	const struct sysv_ops *ops;
	struct sched_mutex lock;
	struct sysv_object *slots[SYSV_OBJECTS_MAX];
	uint32_t seq;
};
extern struct sysv_table sysv_tables[SYSV_KINDS];

/** Object @id, which the caller may use as @mode says (4 read, 2 write); table locked. -EINVAL, -EIDRM,
 *  -EACCES. */
must_check err_t sysv_find_locked(struct sysv_table *table, int32_t id, unsigned mode,
				  struct sysv_object **object);
void sysv_put_locked(struct sysv_table *table, struct sysv_object *object);
int64_t sysv_now(void); // seconds since 1970
/** Sleep on @object until it changes: 0, -EIDRM, -EAGAIN at @deadline, -EINTR. Table locked. */
must_check err_t sysv_wait(struct sysv_table *table, struct sysv_object *object, nsec_t deadline);

struct sysv_object *sysv_shm_create(uint64_t size);
void sysv_shm_destroy(struct sysv_object *object);
err_t sysv_shm_check(uint64_t size, const struct sysv_object *object);
struct sysv_object *sysv_sem_create(uint64_t size);
void sysv_sem_destroy(struct sysv_object *object);
err_t sysv_sem_check(uint64_t size, const struct sysv_object *object);
struct sysv_object *sysv_msg_create(uint64_t size);
void sysv_msg_destroy(struct sysv_object *object);
err_t sysv_msg_check(uint64_t size, const struct sysv_object *object);
