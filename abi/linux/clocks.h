// SPDX-License-Identifier: MIT
// What system calls of time and of timers have in common.
#pragma once

#include "syscall.h"

enum { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
       CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME };
#define TIMER_ABSTIME 1

/** Clock @id now. -EINVAL: there is none such. */
must_check err_t abi_read_clock(int id, nsec_t *now);
