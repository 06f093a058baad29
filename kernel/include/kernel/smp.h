// SPDX-License-Identifier: MIT
// Other CPUs: which are online, starting them, asking them to do something.
#pragma once

#include <hal/bootinfo.h>
#include <hal/percpu.h>
#include <lib/bitmap.h>
#include <lib/types.h>

struct cpuset {
	unsigned long bits[CPUS_MAX / (8 * sizeof(long))];
};

/** CPUs that run the scheduler. A CPU sets its own bit. */
extern struct cpuset cpus_online;
static inline bool cpu_is_online(cpuid_t cpu)
{
	unsigned long *word = &cpus_online.bits[cpu / BITS_PER_LONG];
	return __atomic_load_n(word, __ATOMIC_ACQUIRE) >> (cpu % BITS_PER_LONG) & 1;
}
unsigned cpus_online_count(void);
/** CPUs that bootinfo lists: dense numbers below this may be used. */
unsigned cpus_possible_count(void);

/** Start all CPUs of bootinfo (at most maxcpus=); one that is not online after a second costs a
 *  warning and is given up: should it come later it parks. */
void smp_start_all(void);

/** This CPU, which runs no thread any more, leaves cpus_online and waits for smp_unpark(), answering
 *  those who still call it; it is in cpus_online again on return. Idle thread, interrupts off at
 *  entry and return, on meanwhile. */
void smp_park(void);
/** Ask a parked @cpu to come back. */
void smp_unpark(cpuid_t cpu);

/** Run @fn(@arg) on @cpu in interrupt context and wait until it has returned. Interrupts on, no
 *  spinning lock held that an interrupt handler takes. */
void smp_call(cpuid_t cpu, void (*fn)(void *arg), void *arg);
/** On every CPU of @cpus that is online, the caller's own included; waits for all. */
void smp_call_many(const struct cpuset *cpus, void (*fn)(void *arg), void *arg);

/** Make @cpu go through upcall_exit_work() soon: sets its resched word, sends an IPI if it is not
 *  this CPU. Any context. */
void smp_kick(cpuid_t cpu);
