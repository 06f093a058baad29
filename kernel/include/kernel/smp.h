// SPDX-License-Identifier: MIT
// Other CPUs: which are online, starting them, asking them to do something.
#pragma once

#include <hal/bootinfo.h>
#include <hal/percpu.h>
#include <lib/bitmap.h>
#include <lib/types.h>

struct cpuset {
	unsigned long bits[BITMAP_WORDS(CPUS_MAX)];
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

// Taking CPUs off: the half that the scheduler (sched/hotplug.c) leaves to the machine. One caller at
// a time, in thread context; each waits at most a second.
/** Whether @cpu may be taken off: 0, -EBUSY (x86's boot CPU), -ENOTSUP. */
must_check err_t smp_can_stop(cpuid_t cpu);
/** This CPU goes off, to come back through upcall_secondary(): its idle thread, interrupts off, once no
 *  thread will be queued for it any more and it has no address space. */
noreturn_fn void smp_stop_self(void);
/** Wait until @cpu, whose idle thread has been told, is off. -ETIMEDOUT. */
must_check err_t smp_stop_wait(cpuid_t cpu);
/** Start @cpu, off or never started, and wait until it is online. 0 also if it is already; -ENOMEM,
 *  -ETIMEDOUT, -EIO (was given up), or what the firmware said. */
must_check err_t smp_start(cpuid_t cpu);

/** Run @fn(@arg) on @cpu in interrupt context and wait until it has returned. Interrupts on, no
 *  spinning lock held that an interrupt handler takes. False: it is not online, nothing was done. */
bool smp_call(cpuid_t cpu, void (*fn)(void *arg), void *arg);
/** On every CPU of @cpus that is online, the caller's own included; waits for all. */
void smp_call_many(const struct cpuset *cpus, void (*fn)(void *arg), void *arg);

/** Make @cpu go through upcall_exit_work() soon: sets its resched word, sends an IPI if it is not
 *  this CPU. Any context. */
void smp_kick(cpuid_t cpu);
