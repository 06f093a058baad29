// SPDX-License-Identifier: MIT
// System calls of identity: each change makes a new credential and sets it.
#include "syscall.h"

#include <lib/string.h>
#include <object/cred.h>
#include <proc/inspect.h>

#define UNCHANGED UINT32_MAX
#define CAPS_FS                                                                                    \
	(1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER | \
	 1ull << CAP_FSETID | 1ull << CAP_LINUX_IMMUTABLE | 1ull << CAP_MKNOD | 1ull << CAP_MAC_OVERRIDE)

SYSCALL0(getuid)
{
	return cred_current()->uid;
}

SYSCALL0(geteuid)
{
	return cred_current()->euid;
}

SYSCALL0(getgid)
{
	return cred_current()->gid;
}

SYSCALL0(getegid)
{
	return cred_current()->egid;
}

static err_t put3(uaddr_t a, uaddr_t b, uaddr_t c, uint32_t x, uint32_t y, uint32_t z)
{
	return abi_put32(a, x) || abi_put32(b, y) || abi_put32(c, z) ? -EFAULT : 0;
}

SYSCALL3(getresuid, uaddr_t, real, uaddr_t, effective, uaddr_t, saved)
{
	const struct cred *cred = cred_current();
	return put3(real, effective, saved, cred->uid, cred->euid, cred->suid);
}

SYSCALL3(getresgid, uaddr_t, real, uaddr_t, effective, uaddr_t, saved)
{
	const struct cred *cred = cred_current();
	return put3(real, effective, saved, cred->gid, cred->egid, cred->sgid);
}

/** Make @cred the current thread's; capabilities follow the user ids as capabilities(7) says. */
static int64_t set_cred(struct cred *cred)
{
	struct cred *old = cred_current();
	bool had_root = !old->uid || !old->euid || !old->suid;
	if (had_root && cred->uid && cred->euid && cred->suid && !(old->securebits & CRED_KEEP_CAPS))
		cred->cap_permitted = cred->cap_effective = 0;
	if (!old->euid && cred->euid)
		cred->cap_effective = 0;
	if (old->euid && !cred->euid)
		cred->cap_effective = cred->cap_permitted;
	proc_set_cred(cred);
	return 0;
}

static bool is_one_of(uint32_t id, uint32_t a, uint32_t b, uint32_t c)
{
	return id == UNCHANGED || id == a || id == b || id == c;
}

static int64_t change_uids(uint32_t real, uint32_t effective, uint32_t saved)
{
	struct cred *old = cred_current();
	if (!cred_has_cap(old, CAP_SETUID) &&
	    !(is_one_of(real, old->uid, old->euid, old->suid) &&
	      is_one_of(effective, old->uid, old->euid, old->suid) &&
	      is_one_of(saved, old->uid, old->euid, old->suid)))
		return -EPERM;
	struct cred *cred = cred_copy(old);
	if (!cred)
		return -ENOMEM;
	cred->uid = real == UNCHANGED ? old->uid : real;
	cred->euid = effective == UNCHANGED ? old->euid : effective;
	cred->suid = saved == UNCHANGED ? old->suid : saved;
	cred->fsuid = cred->euid;
	return set_cred(cred);
}

static int64_t change_gids(uint32_t real, uint32_t effective, uint32_t saved)
{
	struct cred *old = cred_current();
	if (!cred_has_cap(old, CAP_SETGID) &&
	    !(is_one_of(real, old->gid, old->egid, old->sgid) &&
	      is_one_of(effective, old->gid, old->egid, old->sgid) &&
	      is_one_of(saved, old->gid, old->egid, old->sgid)))
		return -EPERM;
	struct cred *cred = cred_copy(old);
	if (!cred)
		return -ENOMEM;
	cred->gid = real == UNCHANGED ? old->gid : real;
	cred->egid = effective == UNCHANGED ? old->egid : effective;
	cred->sgid = saved == UNCHANGED ? old->sgid : saved;
	cred->fsgid = cred->egid;
	return set_cred(cred);
}

SYSCALL3(setresuid, uint32_t, real, uint32_t, effective, uint32_t, saved)
{
	return change_uids(real, effective, saved);
}

SYSCALL3(setresgid, uint32_t, real, uint32_t, effective, uint32_t, saved)
{
	return change_gids(real, effective, saved);
}

SYSCALL2(setreuid, uint32_t, real, uint32_t, effective)
{
	const struct cred *old = cred_current();
	bool sets_saved = real != UNCHANGED || (effective != UNCHANGED && effective != old->uid);
	uint32_t saved = !sets_saved ? UNCHANGED : effective == UNCHANGED ? old->euid : effective;
	return change_uids(real, effective, saved);
}

SYSCALL2(setregid, uint32_t, real, uint32_t, effective)
{
	const struct cred *old = cred_current();
	bool sets_saved = real != UNCHANGED || (effective != UNCHANGED && effective != old->gid);
	uint32_t saved = !sets_saved ? UNCHANGED : effective == UNCHANGED ? old->egid : effective;
	return change_gids(real, effective, saved);
}

SYSCALL1(setuid, uint32_t, uid)
{
	bool all = cred_has_cap(cred_current(), CAP_SETUID);
	return change_uids(all ? uid : UNCHANGED, uid, all ? uid : UNCHANGED);
}

SYSCALL1(setgid, uint32_t, gid)
{
	bool all = cred_has_cap(cred_current(), CAP_SETGID);
	return change_gids(all ? gid : UNCHANGED, gid, all ? gid : UNCHANGED);
}

SYSCALL1(setfsuid, uint32_t, uid)
{
	const struct cred *old = cred_current();
	uint32_t before = old->fsuid;
	if (!cred_has_cap(old, CAP_SETUID) && !is_one_of(uid, old->uid, old->euid, old->suid))
		return before;
	struct cred *cred = uid == UNCHANGED ? NULL : cred_copy(old);
	if (cred) {
		cred->fsuid = uid;
		if (!before && uid) // capabilities(7): root's rights to files go with it, and come back
			cred->cap_effective &= ~CAPS_FS;
		else if (before && !uid)
			cred->cap_effective |= cred->cap_permitted & CAPS_FS;
		proc_set_cred(cred);
	}
	return before;
}

SYSCALL1(setfsgid, uint32_t, gid)
{
	const struct cred *old = cred_current();
	uint32_t before = old->fsgid;
	if (!cred_has_cap(old, CAP_SETGID) && !is_one_of(gid, old->gid, old->egid, old->sgid))
		return before;
	struct cred *cred = gid == UNCHANGED ? NULL : cred_copy(old);
	if (cred) {
		cred->fsgid = gid;
		proc_set_cred(cred);
	}
	return before;
}

SYSCALL2(getgroups, int32_t, size, uaddr_t, at)
{
	const struct cred *cred = cred_current();
	int32_t count = (int32_t)cred->group_count;
	if (size == 0)
		return count;
	if (size < count)
		return -EINVAL;
	return mm_copy_out(at, cred->groups, (size_t)count * sizeof(uint32_t)) ? -EFAULT : count;
}

SYSCALL2(setgroups, uint32_t, count, uaddr_t, at)
{
	struct cred *old = cred_current();
	if (!cred_has_cap(old, CAP_SETGID))
		return -EPERM;
	if (count > CRED_GROUPS_MAX)
		return -EINVAL;
	struct cred *cred = cred_copy(old);
	if (!cred)
		return -ENOMEM;
	if (mm_copy_in(cred->groups, at, count * sizeof(uint32_t))) {
		cred_put(cred);
		return -EFAULT;
	}
	cred->group_count = count;
	return set_cred(cred);
}

// ---- capabilities ---------------------------------------------------------------------------------

#define CAP_VERSION_3 0x20080522u

struct cap_header {
	uint32_t version;
	int32_t pid;
};

static err_t check_header(uaddr_t at, struct cap_header *header)
{
	if (mm_copy_in(header, at, sizeof(*header)))
		return -EFAULT;
	if (header->version == CAP_VERSION_3)
		return 0;
	return abi_put32(at, CAP_VERSION_3) ? -EFAULT : -EINVAL;
}

SYSCALL2(capget, uaddr_t, header_at, uaddr_t, data_at)
{
	const struct cred *cred = cred_current();
	struct cap_header header;
	err_t err = check_header(header_at, &header);
	if (err)
		return err == -EINVAL && !data_at ? 0 : err;
	uint32_t out[6] = {
		(uint32_t)cred->cap_effective, (uint32_t)cred->cap_permitted,
		(uint32_t)cred->cap_inheritable, (uint32_t)(cred->cap_effective >> 32),
		(uint32_t)(cred->cap_permitted >> 32), (uint32_t)(cred->cap_inheritable >> 32)};
	return data_at ? mm_copy_out(data_at, out, sizeof(out)) : 0;
}

SYSCALL2(capset, uaddr_t, header_at, uaddr_t, data_at)
{
	struct cred *old = cred_current();
	struct cap_header header;
	uint32_t in[6];
	err_t err = check_header(header_at, &header);
	if (err)
		return err;
	if (mm_copy_in(in, data_at, sizeof(in)))
		return -EFAULT;
	uint64_t effective = in[0] | (uint64_t)in[3] << 32, permitted = in[1] | (uint64_t)in[4] << 32;
	if ((permitted & ~old->cap_permitted) || (effective & ~permitted))
		return -EPERM;
	struct cred *cred = cred_copy(old);
	if (!cred)
		return -ENOMEM;
	cred->cap_effective = effective;
	cred->cap_permitted = permitted;
	cred->cap_inheritable = (in[2] | (uint64_t)in[5] << 32) & permitted;
	proc_set_cred(cred);
	return 0;
}
