// SPDX-License-Identifier: MIT
// Simulation: the kernel itself takes no time; CPUs are busy when threads say that they compute, and
// virtual time jumps to the next event. For workloads of many threads on many CPUs, not for races: the
// token moves only where a CPU computes, waits or spins.
#pragma once

#include <lib/types.h>

/** The current thread keeps its CPU busy for @ns, or until an interrupt, which is taken; returns how
 *  much time has passed, on this CPU. Interrupts on. */
nsec_t sim_busy(nsec_t ns);

/** Be a machine of @cpus CPUs, which stand as @set_topology says, with @ram bytes, whose first user
 *  program is @user, which ends by sim_end(). */
noreturn_fn void sim_boot(unsigned cpus, void (*set_topology)(void), uint64_t ram, void (*user)(void));
noreturn_fn void sim_end(int status);

/** What a simulation watches: called whenever time is about to pass from @from to @to, with @idle CPUs
 *  waiting. On whatever CPU, interrupts in any state: it must only look. */
extern void (*sim_observer)(nsec_t from, nsec_t to, unsigned idle);

/** Timer interrupts that @cpu has taken while it was idle, and all. */
struct sim_counts {
	uint64_t idle_timers, timers;
};
struct sim_counts sim_counts_of(cpuid_t cpu);
