// SPDX-License-Identifier: MIT
// System calls of System V IPC.
#include "syscall.h"

#include <ipc/sysv.h>
#include <lib/string.h>
#include <mm/slab.h>
#include <mm/space.h>

enum { IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO, MSG_STAT = 11, MSG_INFO = 12, MSG_STAT_ANY = 13, SHM_LOCK = 11,
       SHM_UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15, GETPID = 11, GETVAL = 12, GETALL = 13,
       GETNCNT = 14, GETZCNT = 15, SETVAL = 16, SETALL = 17, SEM_STAT = 18, SEM_INFO = 19, SEM_STAT_ANY = 20 };
enum { SHM_RDONLY = 010000, SHM_RND = 020000, SHM_REMAP = 040000, SHM_EXEC = 0100000 };

struct linux_ipc_perm {
	int32_t key;
	uint32_t uid, gid, cuid, cgid, mode;
	uint16_t seq, pad;
	uint64_t unused[2];
};
struct linux_shmid_ds {
	struct linux_ipc_perm perm;
	uint64_t size;
	int64_t atime, dtime, ctime;
	uint32_t creator, last;
	uint64_t attached, unused[2];
};
struct linux_semid_ds {
	struct linux_ipc_perm perm;
	int64_t otime[ABI_SEMID_TIME_WORDS], ctime[ABI_SEMID_TIME_WORDS];
	uint64_t count, unused[2];
};
struct linux_msqid_ds {
	struct linux_ipc_perm perm;
	int64_t stime, rtime, ctime;
	uint64_t bytes, messages, bytes_max;
	uint32_t sender, receiver;
	uint64_t unused[2];
};
_Static_assert(sizeof(struct linux_ipc_perm) == 48, "Linux's struct ipc64_perm");
_Static_assert(sizeof(struct linux_shmid_ds) == 112, "Linux's struct shmid64_ds");
_Static_assert(sizeof(struct linux_msqid_ds) == 120, "Linux's struct msqid64_ds");

static struct linux_ipc_perm perm_of(const struct sysv_stat *stat)
{
	return (struct linux_ipc_perm){.key = stat->key, .uid = stat->uid, .gid = stat->gid,
				       .cuid = stat->cuid, .cgid = stat->cgid, .mode = stat->mode,
				       .seq = (uint16_t)stat->seq};
}

static err_t put_stat(enum sysv_kind kind, const struct sysv_stat *stat, uaddr_t at)
{
	struct linux_ipc_perm perm = perm_of(stat);
	if (kind == SYSV_SHM) {
		struct linux_shmid_ds out = {perm, stat->shm.size, stat->shm.atime, stat->shm.dtime, stat->ctime,
					     stat->shm.creator, stat->shm.last, stat->shm.attached, {0, 0}};
		return mm_copy_out(at, &out, sizeof(out));
	}
	if (kind == SYSV_SEM) {
		struct linux_semid_ds out = {.perm = perm, .otime = {stat->sem.otime}, .ctime = {stat->ctime},
					     .count = stat->sem.count};
		return mm_copy_out(at, &out, sizeof(out));
	}
	struct linux_msqid_ds out = {perm, stat->msg.stime, stat->msg.rtime, stat->ctime, stat->msg.bytes,
				     stat->msg.messages, stat->msg.bytes_max, stat->msg.sender,
				     stat->msg.receiver, {0, 0}};
	return mm_copy_out(at, &out, sizeof(out));
}

/** IPC_STAT gives 0, the forms by place the number. */
static int64_t get_stat(enum sysv_kind kind, int32_t id, bool is_index, uaddr_t at)
{
	struct sysv_stat stat;
	err_t err = sysv_stat(kind, id, is_index, &stat);
	if (!err)
		err = put_stat(kind, &stat, at);
	return err ? err : is_index ? stat.id : 0;
}

static int64_t set_stat(enum sysv_kind kind, int32_t id, uaddr_t at)
{
	struct linux_msqid_ds in = {0}; // all three begin alike
	size_t size = kind == SYSV_MSG ? sizeof(in) : sizeof(in.perm);
	if (mm_copy_in(&in, at, size))
		return -EFAULT;
	return sysv_set(kind, id, in.perm.uid, in.perm.gid, in.perm.mode, in.bytes_max);
}

/** Limits and use, for ipcs: @info of @size bytes, and the highest place in use. */
static int64_t put_info(enum sysv_kind kind, uaddr_t at, const void *info, size_t size)
{
	uint32_t count;
	int32_t highest;
	sysv_count(kind, &count, &highest);
	return mm_copy_out(at, info, size) ? -EFAULT : highest;
}

static uint32_t count_of(enum sysv_kind kind)
{
	uint32_t count;
	int32_t highest;
	sysv_count(kind, &count, &highest);
	return count;
}

// ---- shared memory --------------------------------------------------------------------------------

SYSCALL3(shmget, int32_t, key, uint64_t, size, uint32_t, flags)
{
	return sysv_get_id(SYSV_SHM, key, size, flags);
}

SYSCALL3(shmat, int32_t, id, uint64_t, addr, uint32_t, flags)
{
	struct mm_object *object;
	struct mm_map_request request = {.is_fixed = addr != 0, .no_replace = !(flags & SHM_REMAP)};
	bool is_read_only = flags & SHM_RDONLY;
	if ((flags & SHM_REMAP) && !addr)
		return -EINVAL;
	if ((flags & SHM_RND) && addr)
		addr = align_down(addr, (uint64_t)HAL_PAGE_SIZE);
	if (addr % HAL_PAGE_SIZE)
		return -EINVAL;
	err_t err = sysv_shm_attach(id, is_read_only, &object, &request.size);
	if (err)
		return err;
	unsigned prot = HAL_PROT_READ | (is_read_only ? 0 : HAL_PROT_WRITE) |
			(flags & SHM_EXEC ? HAL_PROT_EXEC : 0);
	request.addr = addr;
	request.flags = prot | MM_SHARED;
	request.max_prot = prot;
	request.object = object;
	vaddr_t at;
	err = mm_map(current_thread()->mm.space, &request, &at);
	object->ops->put(object);
	return err == -EEXIST ? -EINVAL : err ? err : (int64_t)at;
}

/** The memory was mapped as one; parts may have been unmapped or protected since. */
SYSCALL1(shmdt, uint64_t, addr)
{
	struct mm_space *space = current_thread()->mm.space;
	struct mm_area_info info;
	uint64_t inode = 0;
	bool is_any = false;
	for (vaddr_t at = addr; mm_area_next(space, at, &info); at = info.end) {
		bool is_part = str_has_prefix(info.name, "/SYSV") && (info.flags & MM_SHARED) &&
			       info.start - info.offset == addr && (!is_any || info.inode == inode);
		if (!is_part)
			break;
		is_any = true;
		inode = info.inode;
		(void)mm_unmap(space, info.start, info.end - info.start);
	}
	return is_any ? 0 : -EINVAL;
}

SYSCALL3(shmctl, int32_t, id, int, command, uaddr_t, at)
{
	struct sysv_stat stat;
	uint64_t limits[9] = {SYSV_SHM_MAX, 1, SYSV_OBJECTS_MAX, SYSV_OBJECTS_MAX,
			      (uint64_t)SYSV_SHM_MAX / HAL_PAGE_SIZE * SYSV_OBJECTS_MAX};
	uint64_t use[6] = {count_of(SYSV_SHM)};
	switch (command) {
	case IPC_RMID:
		return sysv_remove(SYSV_SHM, id);
	case IPC_SET:
		return set_stat(SYSV_SHM, id, at);
	case IPC_STAT:
		return get_stat(SYSV_SHM, id, false, at);
	case SHM_STAT:
	case SHM_STAT_ANY:
		return get_stat(SYSV_SHM, id, true, at);
	case SHM_LOCK: // nothing is ever paged out
	case SHM_UNLOCK:
		return sysv_stat(SYSV_SHM, id, false, &stat);
	case IPC_INFO:
		return put_info(SYSV_SHM, at, limits, sizeof(limits));
	case SHM_INFO:
		return put_info(SYSV_SHM, at, use, sizeof(use));
	default:
		return -EINVAL;
	}
}

// ---- semaphores -----------------------------------------------------------------------------------

SYSCALL3(semget, int32_t, key, int32_t, count, uint32_t, flags)
{
	return count < 0 ? -EINVAL : sysv_get_id(SYSV_SEM, key, (uint64_t)count, flags);
}

static int64_t operate(int32_t id, uaddr_t at, uint64_t count, nsec_t deadline)
{
	if (!count)
		return -EINVAL;
	if (count > SYSV_SEM_OPS_MAX)
		return -E2BIG;
	struct sysv_sem_op *ops = kcalloc(count, sizeof(*ops));
	if (!ops)
		return -ENOMEM;
	err_t err = mm_copy_in(ops, at, count * sizeof(*ops));
	if (!err)
		err = sysv_sem_operate(id, ops, (unsigned)count, deadline);
	kfree(ops);
	return err;
}

SYSCALL3(semop, int32_t, id, uaddr_t, at, uint64_t, count)
{
	return operate(id, at, count, NSEC_NEVER);
}

SYSCALL4(semtimedop, int32_t, id, uaddr_t, at, uint64_t, count, uaddr_t, timeout_at)
{
	nsec_t deadline;
	err_t err = abi_get_timeout(timeout_at, &deadline);
	return err ? err : operate(id, at, count, deadline);
}

/** GETALL and SETALL: values of the whole set. */
static int64_t all_values(int32_t id, uaddr_t at, bool sets)
{
	struct sysv_stat stat;
	err_t err = sysv_stat(SYSV_SEM, id, false, &stat);
	if (err && !(sets && err == -EACCES))
		return err;
	unsigned count = err ? 0 : (unsigned)stat.sem.count;
	uint16_t *values = kcalloc(max(count, 1u), sizeof(*values));
	if (!values)
		return -ENOMEM;
	if (sets) {
		err = mm_copy_in(values, at, count * sizeof(*values));
		if (!err)
			err = sysv_sem_set(id, -1, values, count);
	} else {
		err = sysv_sem_get_all(id, values, count);
		if (!err)
			err = mm_copy_out(at, values, count * sizeof(*values));
	}
	kfree(values);
	return err;
}

static int64_t set_one(int32_t id, int32_t index, int32_t value)
{
	uint16_t small = (uint16_t)value;
	if (value < 0 || value > SYSV_SEM_VALUE_MAX)
		return -ERANGE;
	return index < 0 ? -EINVAL : sysv_sem_set(id, index, &small, 1);
}

SYSCALL4(semctl, int32_t, id, int32_t, index, int, command, uint64_t, arg)
{
	int32_t limits[10] = {0, SYSV_OBJECTS_MAX, SYSV_OBJECTS_MAX * SYSV_SEMS_MAX, 0, SYSV_SEMS_MAX,
			      SYSV_SEM_OPS_MAX, SYSV_SEM_OPS_MAX, 20, SYSV_SEM_VALUE_MAX, SYSV_SEM_VALUE_MAX};
	switch (command) {
	case IPC_RMID:
		return sysv_remove(SYSV_SEM, id);
	case IPC_SET:
		return set_stat(SYSV_SEM, id, arg);
	case IPC_STAT:
		return get_stat(SYSV_SEM, id, false, arg);
	case SEM_STAT:
	case SEM_STAT_ANY:
		return get_stat(SYSV_SEM, id, true, arg);
	case GETVAL:
		return sysv_sem_get(id, index, SYSV_SEM_VALUE);
	case GETPID:
		return sysv_sem_get(id, index, SYSV_SEM_PID);
	case GETNCNT:
		return sysv_sem_get(id, index, SYSV_SEM_WAIT_MORE);
	case GETZCNT:
		return sysv_sem_get(id, index, SYSV_SEM_WAIT_ZERO);
	case SETVAL:
		return set_one(id, index, (int32_t)arg);
	case GETALL:
	case SETALL:
		return all_values(id, arg, command == SETALL);
	case SEM_INFO:
		limits[7] = (int32_t)count_of(SYSV_SEM);
		return put_info(SYSV_SEM, arg, limits, sizeof(limits));
	case IPC_INFO:
		return put_info(SYSV_SEM, arg, limits, sizeof(limits));
	default:
		return -EINVAL;
	}
}

// ---- message queues -------------------------------------------------------------------------------

SYSCALL2(msgget, int32_t, key, uint32_t, flags)
{
	return sysv_get_id(SYSV_MSG, key, 0, flags);
}

SYSCALL4(msgsnd, int32_t, id, uaddr_t, at, uint64_t, size, uint32_t, flags)
{
	int64_t type;
	if (size > SYSV_MSG_MAX || id < 0)
		return -EINVAL;
	if (mm_copy_in(&type, at, sizeof(type)))
		return -EFAULT;
	if (type < 1)
		return -EINVAL;
	struct sysv_message *message = kmalloc(sizeof(*message) + size);
	if (!message)
		return -ENOMEM;
	message->type = type;
	message->size = size;
	err_t err = mm_copy_in(message->data, at + sizeof(type), size);
	if (!err)
		err = sysv_msg_send(id, message, flags);
	if (err)
		kfree(message);
	return err;
}

SYSCALL5(msgrcv, int32_t, id, uaddr_t, at, uint64_t, size, int64_t, type, uint32_t, flags)
{
	struct sysv_message *message;
	if (size > INT64_MAX || id < 0)
		return -EINVAL;
	err_t err = sysv_msg_receive(id, type, size, flags, &message);
	if (err)
		return err;
	uint64_t copied = min(size, message->size);
	if (mm_copy_out(at, &message->type, sizeof(message->type)) ||
	    mm_copy_out(at + sizeof(message->type), message->data, copied))
		err = -EFAULT;
	kfree(message);
	return err ? err : (int64_t)copied;
}

SYSCALL3(msgctl, int32_t, id, int, command, uaddr_t, at)
{
	struct {
		int32_t pool, map, max, bytes_max, queues_max, segment, total;
		uint16_t segments;
	} info = {(int32_t)count_of(SYSV_MSG), 0, SYSV_MSG_MAX, SYSV_QUEUE_MAX, SYSV_OBJECTS_MAX, 16, 0, 0};
	switch (command) {
	case IPC_RMID:
		return sysv_remove(SYSV_MSG, id);
	case IPC_SET:
		return set_stat(SYSV_MSG, id, at);
	case IPC_STAT:
		return get_stat(SYSV_MSG, id, false, at);
	case MSG_STAT:
	case MSG_STAT_ANY:
		return get_stat(SYSV_MSG, id, true, at);
	case IPC_INFO:
	case MSG_INFO:
		return put_info(SYSV_MSG, at, &info, sizeof(info));
	default:
		return -EINVAL;
	}
}
