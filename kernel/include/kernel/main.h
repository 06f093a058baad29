// SPDX-License-Identifier: MIT
// What kernel/main.c calls in its own room, in the order of boot.
#pragma once

#include <lib/types.h>

void param_init(void);
/** Find out whether log and output are framed (docs/exec.md); from here on lines are printed. */
void log_init(void);
void smp_init(void);
/** Report to smp_start_all() that this CPU has arrived. False: it was given up, park. */
bool smp_secondary_arrived(cpuid_t cpu);
void smp_mark_online(cpuid_t cpu);
/** This CPU leaves cpus_online; calls to it that have begun are answered first. Interrupts off. */
void smp_leave_online(void);
/** Interrupted for a cross-CPU reason: kernel/smp.c. */
void smp_handle_ipi(void);
/** The reclaim side of quiescence is told that @cpu exists from now on. */
void quiesce_init_cpu(void);
/** Run the unit tests named by tests= and leave with their outcome as exit status. */
noreturn_fn void selftest_thread(void *unused);
