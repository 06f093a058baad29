// SPDX-License-Identifier: MIT
// Who is killed first when memory ends (oom.c).
#pragma once

#include <proc/process.h>

#define OOM_SCORE_ADJ_MIN (-1000) // never
#define OOM_SCORE_ADJ_MAX 1000

/** /proc/PID/oom_score: 0 to 2000; 0 is never killed, 666 holds nothing. The process is locked. */
unsigned process_oom_score(struct process *process);
