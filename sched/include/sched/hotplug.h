// SPDX-License-Identifier: MIT
// Taking CPUs out of service and back. The scheduler empties a CPU; its idle thread then parks it
// through smp_park(), and what that does to the hardware is the port's (<kernel/smp.h>).
#pragma once

#include <lib/types.h>

/** Take @cpu out of service: its threads and timers go to other CPUs, none comes to it any more. A CPU
 *  that is out of service already is none too many.
 *  Context: thread, may sleep.
 *  Returns 0; -EINVAL: no such CPU; -EBUSY: it is the last one, or a thread may run nowhere else. */
must_check err_t sched_cpu_down(cpuid_t cpu);

/** Bring @cpu back. Context: thread, may sleep. Returns 0; -EINVAL: it never was in service; -EIO: it
 *  does not come. */
must_check err_t sched_cpu_up(cpuid_t cpu);

/** Whether threads may run on @cpu. */
bool sched_cpu_is_up(cpuid_t cpu);
