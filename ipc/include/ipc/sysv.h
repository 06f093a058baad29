// SPDX-License-Identifier: MIT
// System V shared memory, semaphores and message queues. Errors are Linux's for the call of the same name.
// All may sleep.
#pragma once

#include <lib/list.h>
#include <lib/types.h>

struct mm_object;

#define SYSV_PRIVATE 0 // the key of what nobody finds
enum { SYSV_CREATE = 01000, SYSV_EXCLUSIVE = 02000 }; // beside mode bits, in flags
enum { SYSV_SHM_MAX = 1 << 30, SYSV_SEMS_MAX = 1024, SYSV_SEM_OPS_MAX = 500, SYSV_SEM_VALUE_MAX = 32767,
       SYSV_MSG_MAX = 8192, SYSV_QUEUE_MAX = 16384, SYSV_OBJECTS_MAX = 1024 };

enum sysv_kind { SYSV_SHM, SYSV_SEM, SYSV_MSG, SYSV_KINDS };

struct sysv_stat {
	int32_t key, id;
	uint32_t uid, gid, cuid, cgid, mode, seq;
	int64_t ctime; // seconds since 1970, as the other times
	union {
		struct {
			uint64_t size, attached;
			int64_t atime, dtime;
			uint32_t creator, last;
		} shm;
		struct {
			uint64_t count;
			int64_t otime;
		} sem;
		struct {
			int64_t stime, rtime;
			uint64_t bytes, messages, bytes_max;
			uint32_t sender, receiver;
		} msg;
	};
};

/** The number of an object with @key, made if it does not exist and @flags say so. @size: bytes of shared
 *  memory, semaphores of a set, else 0. */
must_check int64_t sysv_get_id(enum sysv_kind kind, int32_t key, uint64_t size, uint32_t flags);
must_check err_t sysv_remove(enum sysv_kind kind, int32_t id);
/** By number, or (@is_index) by place in the table, for ipcs. */
must_check err_t sysv_stat(enum sysv_kind kind, int32_t id, bool is_index, struct sysv_stat *stat);
/** Owner and permissions, and of a queue its size (0: as it is). */
must_check err_t sysv_set(enum sysv_kind kind, int32_t id, uint32_t uid, uint32_t gid, uint32_t mode,
			  uint64_t bytes_max);
/** How many there are; the highest place in use. */
void sysv_count(enum sysv_kind kind, uint32_t *count, int32_t *highest);

/** The memory to be mapped, with a reference. */
must_check err_t sysv_shm_attach(int32_t id, bool is_read_only, struct mm_object **object, uint64_t *size);

struct sysv_sem_op {
	uint16_t index;
	int16_t change;
	int16_t flags;
};
enum { SYSV_NOWAIT = 04000, SYSV_UNDO = 010000 };
/** All of @ops at once, when all can be done. -EAGAIN, -EIDRM, -EINTR, ... */
must_check err_t sysv_sem_operate(int32_t id, const struct sysv_sem_op *ops, unsigned count, nsec_t deadline);
enum sysv_sem_what { SYSV_SEM_VALUE, SYSV_SEM_PID, SYSV_SEM_WAIT_MORE, SYSV_SEM_WAIT_ZERO };
must_check int64_t sysv_sem_get(int32_t id, int32_t index, enum sysv_sem_what what);
/** Set one (@index >= 0) or all values, or get all; @count of them must be the set's. */
must_check err_t sysv_sem_set(int32_t id, int32_t index, const uint16_t *values, unsigned count);
must_check err_t sysv_sem_get_all(int32_t id, uint16_t *values, unsigned count);
/** The process ends: its undo lists are done. */
void sysv_process_exit(uint32_t pid);

/** A message, from kmalloc(). */
struct sysv_message {
	struct list node;
	int64_t type;
	uint64_t size;
	char data[];
};
enum { SYSV_MSG_NOERROR = 010000, SYSV_MSG_EXCEPT = 020000, SYSV_MSG_COPY = 040000 };
/** Takes over @message on success. */
must_check err_t sysv_msg_send(int32_t id, struct sysv_message *message, uint32_t flags);
/** The first one that @type selects; the caller frees it. -E2BIG: it is longer than @size. With SYSV_MSG_COPY (and
 *  SYSV_NOWAIT, else -EINVAL) a copy of the one at place @type, which stays; -ENOMEM. */
must_check err_t sysv_msg_receive(int32_t id, int64_t type, uint64_t size, uint32_t flags,
				  struct sysv_message **message);
void sysv_init(void);
