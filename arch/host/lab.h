// SPDX-License-Identifier: MIT
// Deterministic mode: one CPU runs at a time, all on one pthread, and passes the token on at
// points.
#pragma once

#include "host.h"

/** Why the token may move. */
enum lab_kind {
	LAB_LOAD, // before a load, a store (any other point), ...
	LAB_STORE,
	LAB_RELAX, // ... when a CPU spins
	LAB_WAIT, // ... when it waits for an interrupt
	LAB_TIME, // virtual time passed
};

/** Time is virtual and one CPU runs at a time: HOST_LAB and HOST_SIM. */
bool lab_is_on(void);
/** Virtual nanoseconds. */
uint64_t lab_clock(void);
/** In lab mode, make @cpu one of its CPUs; the first one runs. Else nothing. */
void lab_attach(struct host_cpu *cpu);
/** @cpu begins to run at stack pointer @sp, its stack is cpu->entry_stack. */
void lab_start_cpu(struct host_cpu *cpu, uintptr_t sp);
void lab_point(struct host_cpu *cpu, const volatile void *object, bool is_store, const void *pc);
void lab_relax(struct host_cpu *cpu);
void lab_wait(struct host_cpu *cpu);
noreturn_fn void lab_halt(struct host_cpu *cpu);
/** For sim.c, which decides there: */
void lab_pass_token(cpuid_t cpu);
void lab_set_clock(uint64_t now);
/** The pending word of @cpu is written or taken. */
void lab_interrupt(struct host_cpu *cpu);
/** @cpu, which runs, looks for interrupts. */
void lab_look(struct host_cpu *cpu);
/** @cpu, which runs, has another deadline. */
void lab_timer_set(struct host_cpu *cpu);
/** The run is over with @status of host_exit(). */
noreturn_fn void lab_end(unsigned status);

/** Number of the place where the token may move now, the same in every replay. */
uint64_t lab_opportunity(void);
bool lab_is_exploring(void);
/** From now on points are choices (explore.c) and the history is hashed. */
void lab_explore_begin(void);

/** Hash of the present state: equal for runs that order conflicting points alike. */
uint64_t lab_state_hash(void);
/** The run ends here: what it did in all, equal for such runs. */
uint64_t lab_end_hash(void);
/** Nothing has happened since @cpu was preempted that its next access conflicts with. */
bool lab_is_asleep(cpuid_t cpu);

// explore.c, called by lab.c while exploring
/** Which of @n options: @option_cpus[i] runs next. With @can_stay option 0 is the CPU that runs,
 *  and any other costs a preemption. With EXPLORE_TIME_BIT: time passes to its deadline. */
unsigned explore_choose(const uint32_t *option_cpus, unsigned n, bool can_stay, enum lab_kind kind);
/** A step was made: for the table. */
void explore_step(cpuid_t cpu, enum lab_kind kind, const volatile void *object, const void *pc);
/** May the token move before this access? False for objects that only one CPU uses. */
bool explore_is_shared(cpuid_t cpu, const volatile void *object, bool is_store);
/** Whether running timers early is among the choices. */
bool explore_may_pass_time(void);
noreturn_fn void explore_finish_failed(const char *why);

#define EXPLORE_TIME_BIT (1u << 31)
