// SPDX-License-Identifier: MIT
// The CPU itself: relax in a spin, wait for an interrupt, stop for ever, tell what it is.
#pragma once

#include <lib/types.h>

/** Body of every spin loop. The host backend ends a spin in virtual time only through this. */
static inline void hal_cpu_relax(void);

/** A moment for others, of a CPU that has nothing to do: where CPUs take turns on one (emulators, hypervisors)
 *  it is another one's turn. Called with interrupts off and returns so; those that are pending are taken
 *  meanwhile. */
static inline void hal_cpu_yield(void);
// HAL_IDLE_POLLS: how often an idle CPU does that, looking for work, before it waits.

/** Wait for an interrupt. Called with interrupts off and returns with them off; an interrupt that
 *  became pending before the call ends the wait at once, so a check made before it cannot be lost.
 *  The interrupt itself is taken when the caller turns interrupts on. */
static inline void hal_cpu_wait(void);

/** Stop this CPU for ever, interrupts off, in the deepest wait that needs no help. */
noreturn_fn void hal_cpu_halt(void);

/** Finish this CPU's set-up once the final kernel address space is active: trap vectors, feature
 *  bits (SMEP, PAN, ...), user-visible counters. Runs once on each CPU, interrupts off. */
void hal_cpu_init(void);

/** One line for the boot log and /proc/cpuinfo: model and the features that are used. */
void hal_cpu_describe(cpuid_t cpu, char *buf, size_t len);

/** AT_HWCAP, AT_HWCAP2 and AT_PLATFORM of the user ABI: only what is saved at a switch is offered. */
uint64_t hal_cpu_hwcap(void);
uint64_t hal_cpu_hwcap2(void);
const char *hal_cpu_platform(void); // "x86_64", "aarch64", NULL = none
/** uname -m. */
const char *hal_cpu_machine(void);
/** e_machine of executables that this CPU runs. */
uint16_t hal_cpu_elf_machine(void);

/** Entropy from the hardware, if there is any: fills @buf and returns true. */
bool hal_cpu_random(void *buf, size_t len);

/** A counter that counts executed instructions as nearly as the CPU has one (benchmarks only). */
static inline uint64_t hal_cpu_counter(void);

/** HAL_CPU_UNALIGNED: whether kernel code loads words from any address (1) or is compiled to put them
 *  together of bytes (0). */

#include <arch/cpu.h>
