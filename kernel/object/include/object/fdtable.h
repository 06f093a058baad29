// SPDX-License-Identifier: MIT
// Descriptor tables. A slot is one word: a pointer to a counted grant, read by one acquire load and
// without a lock or reference; what was found stays valid until the next sleep, switch or preempt
// point. Close-on-exec is a bitmap beside.
#pragma once

#include <kernel/lock.h>
#include <kernel/quiesce.h>
#include <lib/types.h>
#include <object/account.h>
#include <object/grant.h>
#include <sched/thread.h>

/** Slots and their number in one block, replaced as a whole when the table grows. Readers hold a
 *  pointer to the slots, so that a slot is one scaled load away; the rest stands before them. */
struct fd_array {
	uint32_t size; // slots, a multiple of 64
	struct quiesce quiesce;
	unsigned long *open, *cloexec; // bitmaps, behind the slots (table lock)
	struct grant *_Atomic slots[];
};

struct fdtable {
	struct grant *_Atomic *_Atomic slots; // of the present fd_array
	struct spinlock lock; // changes
	_Atomic uint32_t refs; // threads that share it
	struct account *account; // of its process
	uint32_t limit; // RLIMIT_NOFILE
	uint32_t first_free; // no free slot below (lock)
	uint32_t count; // open descriptors (lock)
	_Atomic bool has_record_locks; // its owner took POSIX locks: upcall_fd_closed() is wanted
};

#define FD_LIMIT_DEFAULT 1024
#define FD_LIMIT_MAX 65536

must_check struct fdtable *fdtable_create(void);
/** fork: the same grants but those that are single, one more reference each. NULL = no memory. */
must_check struct fdtable *fdtable_copy(struct fdtable *table);
void fdtable_get(struct fdtable *table);
/** The last one closes all descriptors. May sleep. */
void fdtable_put(struct fdtable *table);
/** exec: close what is marked close-on-exec, and reply rights. */
void fdtable_close_on_exec(struct fdtable *table);

static inline struct fd_array *fd_array_of(struct grant *_Atomic *slots)
{
	return container_of(slots, struct fd_array, slots);
}

/** The grant in slot @fd of @table; NULL = empty or out of range. */
static inline struct grant *fd_lookup(struct fdtable *table, uint32_t fd)
{
	struct grant *_Atomic *slots = load_dependent(&table->slots);
	return likely(fd < fd_array_of(slots)->size) ? load_dependent(&slots[fd]) : NULL;
}

/** The same for a number from a native call's register. */
static inline struct grant *fd_lookup_wide(struct fdtable *table, uint64_t fd)
{
	struct grant *_Atomic *slots = load_dependent(&table->slots);
	return likely(fd < fd_array_of(slots)->size) ? load_dependent(&slots[fd]) : NULL;
}

/** The same with a reference, for what may sleep. NULL too when its last holder lets go right now. */
must_check struct grant *fd_lookup_get(struct fdtable *table, uint64_t fd);

/** The object of slot @fd with a reference; NULL: nothing there, or its rights were revoked. */
must_check struct object *fd_lookup_object(struct fdtable *table, uint32_t fd);

#define FD_CLOEXEC 1

/** Put @grant (its reference is taken over on success) into the lowest free slot >= @min_fd.
 *  The descriptor, or -EMFILE, -ENOMEM (reference stays). */
must_check int fd_install(struct fdtable *table, struct grant *grant, uint32_t min_fd,
			  uint32_t flags);
/** Put it into slot @fd, closing what was there: @fd, or -EBADF, -ENOMEM, -EBUSY
 *  (reserved). */
must_check int fd_install_at(struct fdtable *table, struct grant *grant, uint32_t fd,
			     uint32_t flags);
/** The same in two steps, for transfers that must not fail half-way: a slot that nobody can use or
 *  take, then @grant for it (reference taken over), or the slot given back. */
must_check int fd_reserve(struct fdtable *table, uint32_t flags);
void fd_fill(struct fdtable *table, uint32_t fd, struct grant *grant);
void fd_unreserve(struct fdtable *table, uint32_t fd);
/** Close @fd if it is still @grant, to which the caller has a reference. */
void fd_close_moved(struct fdtable *table, uint32_t fd, struct grant *grant);
/** 0 or -EBADF. May sleep. */
err_t fd_close(struct fdtable *table, uint32_t fd);
/** Close [@first, @last] or, with FD_CLOEXEC, only mark them. */
err_t fd_close_range(struct fdtable *table, uint32_t first, uint32_t last, uint32_t flags);
/** FD_CLOEXEC or 0; -EBADF. */
int fd_get_flags(struct fdtable *table, uint32_t fd);
err_t fd_set_flags(struct fdtable *table, uint32_t fd, uint32_t flags);
/** The lowest open descriptor >= @fd, or -1: for /proc/PID/fd and fork. */
int fd_next(struct fdtable *table, uint32_t fd);
