// SPDX-License-Identifier: MIT
// How many threads each user runs: RLIMIT_NPROC. A thread is charged to the real user id that it was born
// with, and to another when it changes that. Root's are not counted: nothing would limit them.
#include "internal.h"

#include <lib/hash.h>
#include <mm/slab.h>

#define BUCKETS 64

struct user {
	struct list node;
	uint32_t uid, threads;
};

static struct list buckets[BUCKETS]; // struct user (users_lock)
static struct spinlock users_lock = SPINLOCK_INIT;

void user_init(void)
{
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&buckets[i]);
}

static struct user *find(uint32_t uid)
{
	struct user *user;
	list_for_each_entry(user, &buckets[hash_u64(uid) % BUCKETS], node) {
		if (user->uid == uid)
			return user;
	}
	return NULL;
}

/** One more of @uid, if there is an entry: 1, 0 or -EAGAIN. */
static int try_charge(uint32_t uid, uint64_t limit)
{
	struct user *user = find(uid);
	if (user && user->threads >= limit)
		return -EAGAIN;
	if (user)
		user->threads++;
	return user != NULL;
}

static err_t user_charge(uint32_t uid, uint64_t limit)
{
	if (!uid)
		return 0;
	spin_lock(&users_lock);
	int result = try_charge(uid, limit);
	spin_unlock(&users_lock);
	if (result)
		return min(result, 0);
	struct user *fresh = limit ? kmalloc(sizeof(*fresh)) : NULL;
	if (!fresh)
		return limit ? -ENOMEM : -EAGAIN;
	spin_lock(&users_lock);
	result = try_charge(uid, limit); // another may have been quicker
	if (!result) {
		*fresh = (struct user){.uid = uid, .threads = 1};
		list_push_back(&buckets[hash_u64(uid) % BUCKETS], &fresh->node);
	}
	spin_unlock(&users_lock);
	if (result)
		kfree(fresh);
	return min(result, 0);
}

void user_uncharge(uint32_t uid)
{
	if (!uid)
		return;
	spin_lock(&users_lock);
	struct user *user = find(uid);
	bool is_last = --user->threads == 0;
	if (is_last)
		list_remove(&user->node);
	spin_unlock(&users_lock);
	if (is_last)
		kfree(user);
}

err_t user_charge_thread(struct thread *child)
{
	const struct cred *cred = cred_current();
	if (!cred->uid)
		return 0;
	bool is_free = cred_has_cap(cred, CAP_SYS_RESOURCE) || cred_has_cap(cred, CAP_SYS_ADMIN);
	err_t err = user_charge(cred->uid, is_free ? UINT64_MAX : proc_limit(RLIMIT_NPROC));
	if (!err)
		child->proc.charged_uid = cred->uid;
	return err;
}

void user_recharge(uint32_t uid)
{
	struct proc_part *self = &current_thread()->proc;
	if (uid == self->charged_uid || user_charge(uid, UINT64_MAX))
		return; // no memory: it stays where it was
	user_uncharge(self->charged_uid);
	self->charged_uid = uid;
}
