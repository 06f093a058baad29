// SPDX-License-Identifier: MIT
// Credentials.
#include <lib/string.h>
#include <mm/slab.h>
#include <object/cred.h>
#include <sched/thread.h>

struct cred cred_root = {
	.refs = 1,
	.cap_permitted = CAP_ALL,
	.cap_effective = CAP_ALL,
	.cap_bounding = CAP_ALL,
};

struct cred *cred_copy(const struct cred *cred)
{
	struct cred *copy = kmalloc(sizeof(*copy));
	if (!copy)
		return NULL;
	memcpy(copy, cred, sizeof(*copy));
	atomic_init(&copy->refs, 1);
	return copy;
}

void cred_get(struct cred *cred)
{
	if (cred != &cred_root)
		fetch_add_relaxed(&cred->refs, 1);
}

static void free_cred(struct quiesce *head)
{
	kfree(container_of(head, struct cred, quiesce));
}

void cred_put(struct cred *cred)
{
	if (cred != &cred_root && fetch_sub_acq_rel(&cred->refs, 1) == 1)
		quiesce_defer(&cred->quiesce, free_cred);
}

struct cred *cred_current(void)
{
	struct cred *cred = current_thread()->object.cred;
	return cred ? cred : &cred_root;
}

const struct cred *cred_of(const struct thread *thread)
{
	const struct cred *cred = thread->object.cred;
	return cred ? cred : &cred_root;
}

bool cred_has_cap(const struct cred *cred, unsigned cap)
{
	return cap <= CAP_LAST && (cred->cap_effective >> cap & 1);
}

bool cred_in_group(const struct cred *cred, uint32_t gid)
{
	if (cred->fsgid == gid)
		return true;
	for (uint32_t i = 0; i < cred->group_count; i++) {
		if (cred->groups[i] == gid)
			return true;
	}
	return false;
}
