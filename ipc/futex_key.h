// SPDX-License-Identifier: MIT
// Inside ipc: how words of user memory are found again, for plain and PI futexes.
#pragma once

#include <ipc/futex.h>
#include <sched/thread.h>
#include <uapi/errno.h>

static inline bool futex_is_same(const struct mm_key *a, const struct mm_key *b)
{
	return a->owner == b->owner && a->offset == b->offset;
}

must_check static inline err_t futex_key_of(uaddr_t addr, bool is_private, struct mm_key *key)
{
	if (addr % sizeof(uint32_t))
		return -EINVAL;
	return mm_futex_key(current_thread()->mm.space, addr, is_private, key);
}

void futex_pi_init(void);
