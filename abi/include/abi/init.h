// SPDX-License-Identifier: MIT
// The names that abi/ keeps for the whole system.
#pragma once

#include <kernel/lock.h>
#include <lib/types.h>

#define UTS_LENGTH 65

struct abi_uts {
	struct spinlock lock;
	char nodename[UTS_LENGTH], domainname[UTS_LENGTH]; // lock
};
extern struct abi_uts abi_uts;
extern const char abi_uts_release[], abi_uts_version[];

/** Name of Linux call @nr on this architecture, "?" for none. */
const char *linux_syscall_name(uint64_t nr);

struct process;
/** Each call of @process, and of the processes that it makes from now on, is a line of the log. */
void abi_trace(struct process *process, bool is_traced);
