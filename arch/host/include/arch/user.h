// SPDX-License-Identifier: MIT
// User programs of the laboratory: C functions that enter the kernel by host_syscall() only.
#pragma once

#include <lib/types.h>

/** A call and what came back. Native calls take tag and words; Linux calls the arguments. */
struct host_call {
	uint64_t nr, args[6];
	uint64_t tag, words[8];
	int64_t result; // or status
	uint64_t badge, sender;
};

/** Make @call from user mode; returns its result. */
int64_t host_syscall(struct host_call *call);
/** For comparing the two: no call takes the fast path; how many have ended on it. */
extern bool host_is_slow_path_only;
extern uint64_t host_fast_path_count;

/** A place in user mode at which interrupts are taken, as everywhere on a machine. */
void host_user_point(void);

/** Bytes below a frame's first sp that a user function has as its stack. */
#define HOST_USER_STACK_SIZE KIB(128)
