// SPDX-License-Identifier: MIT
// ITIMER_REAL and alarm(2): SIGALRM after a time, perhaps again and again.
#pragma once

#include <lib/types.h>

struct process;

/** Fire after @delay (0 = never), then every @interval (0 = once). What was left of the old setting.
 *  -ENOMEM. */
must_check err_t proc_set_alarm(nsec_t delay, nsec_t interval, nsec_t *left, nsec_t *old_interval);
void proc_get_alarm(nsec_t *left, nsec_t *interval);
/** The last thread ends: no alarm any more. */
void proc_drop_alarm(struct process *process);
void itimer_init(void);
