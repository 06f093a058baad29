// SPDX-License-Identifier: MIT
// Who a thread is: immutable and counted; a change makes a new one.
#pragma once

#include <hal/atomic.h>
#include <kernel/quiesce.h>
#include <lib/types.h>

struct thread;

#define CRED_GROUPS_MAX 64

struct cred {
	_Atomic uint32_t refs;
	uint32_t uid, euid, suid, fsuid;
	uint32_t gid, egid, sgid, fsgid;
	uint64_t cap_permitted, cap_effective, cap_inheritable, cap_bounding; // Linux's CAP_* bits
	uint32_t securebits, no_new_privs;
	uint32_t group_count;
	uint32_t groups[CRED_GROUPS_MAX];
	struct quiesce quiesce;
};

/** root with all capabilities; never freed. */
extern struct cred cred_root;

/** A copy to be changed and then set; refs 1. NULL = no memory. */
must_check struct cred *cred_copy(const struct cred *cred);
void cred_get(struct cred *cred);
void cred_put(struct cred *cred);
/** The current thread's; cred_root for kernel threads. Valid while the thread does not change it. */
struct cred *cred_current(void);
/** @thread's, cred_root for kernel threads. Valid while its process is locked, or interrupts stay off. */
const struct cred *cred_of(const struct thread *thread);
bool cred_has_cap(const struct cred *cred, unsigned cap);
bool cred_in_group(const struct cred *cred, uint32_t gid);

/** What @mode (0777) of an object of @uid and @gid gives @cred, in the lowest three bits; above them anything. */
static inline uint32_t cred_mode_bits(const struct cred *cred, uint32_t uid, uint32_t gid, uint32_t mode)
{
	if (cred->fsuid == uid)
		return mode >> 6;
	return cred_in_group(cred, gid) ? mode >> 3 : mode;
}

enum {
	CAP_CHOWN = 0, CAP_DAC_OVERRIDE = 1, CAP_DAC_READ_SEARCH = 2, CAP_FOWNER = 3, CAP_FSETID = 4,
	CAP_KILL = 5, CAP_SETGID = 6, CAP_SETUID = 7, CAP_SETPCAP = 8, CAP_LINUX_IMMUTABLE = 9, CAP_IPC_LOCK = 14, CAP_IPC_OWNER = 15,
	CAP_SYS_CHROOT = 18, CAP_SYS_PTRACE = 19, CAP_SYS_ADMIN = 21, CAP_SYS_BOOT = 22,
	CAP_SYS_NICE = 23, CAP_SYS_RESOURCE = 24, CAP_SYS_TIME = 25, CAP_SYS_TTY_CONFIG = 26,
	CAP_MKNOD = 27, CAP_MAC_OVERRIDE = 32, CAP_SYSLOG = 34, CAP_LAST = 40
};
#define CRED_KEEP_CAPS (1u << 4) // of securebits, as Linux numbers them: setuid away from root keeps `permitted`
#define CAP_ALL ((1ull << (CAP_LAST + 1)) - 1)
