// SPDX-License-Identifier: MIT
// An entry of a wait queue: pure data, for parts of threads that embed one.
#pragma once

#include <lib/list.h>
#include <lib/types.h>

struct thread;

struct sched_wait {
	struct list node;
	struct thread *thread;
	uint64_t key; // free for the owner of the queue (futex bitset, poll mask)
};
