// SPDX-License-Identifier: MIT
// Taking CPUs out of service and back. The scheduler empties a CPU; its idle thread then takes it
// off, by what the machine has for that (<kernel/smp.h>), and it comes back as if it were started.
#pragma once

#include <lib/types.h>

/** Take @cpu out of service: its threads and timers go to other CPUs, none comes to it any more. A CPU
 *  that is out of service already is none too many.
 *  Context: thread, may sleep.
 *  Returns 0; -EINVAL: no such CPU; -EBUSY: it is the last one, a thread may run nowhere else, or the
 *  machine cannot do without it; -ENOTSUP; -ETIMEDOUT: it does not go off. */
must_check err_t sched_cpu_down(cpuid_t cpu);

/** Bring @cpu back, or start one that boot left off. Context: thread, may sleep. Returns 0; -EINVAL: no
 *  such CPU; -ENOMEM; -ETIMEDOUT: it does not come; -EIO: it was given up before. */
must_check err_t sched_cpu_up(cpuid_t cpu);

/** Whether threads may run on @cpu. */
bool sched_cpu_is_up(cpuid_t cpu);
