// SPDX-License-Identifier: MIT
// Scenarios: small programs of several CPUs or threads whose schedules the laboratory tries.
//
//   static void setup(void) { spin_init(&lock); count = 0; }
//   static void body(unsigned self) { spin_lock(&lock); ...; spin_unlock(&lock); }
//   static void check(void) { EXPLORE_EXPECT(count == 2); }
//   EXPLORE(spin_mutual_exclusion, .run = explore_run_cpus, .cpus = 2, .bodies = 2,
//           .setup = setup, .body = body, .check = check, .bound = 3)
//
// Each run begins from the same state, in a process of its own. Bodies must end.
#pragma once

#include <lib/types.h>

enum explore_flags {
	EXPLORE_TIMERS = 1, // a timer may fire at any point, as if time had passed there
	EXPLORE_MUTANT = 2, // holds a known fault: passes if a schedule fails
};

struct explore_scenario {
	const char *name;
	/** How bodies run: explore_run_cpus(), or one of tests/explore. */
	void (*run)(const struct explore_scenario *self);
	unsigned cpus; // of the machine
	unsigned bodies; // how many run at the same time
	unsigned bound; // exhaustive up to this many preemptions
	unsigned flags; // enum explore_flags
	void (*setup)(void);
	void (*body)(unsigned self);
	void (*check)(void); // after all bodies
};

#define EXPLORE(name_, ...)                                                                        \
	__attribute__((used, section("explore"), aligned(8))) static const struct explore_scenario \
		explore_scenario_##name_ = {.name = #name_, __VA_ARGS__}

/** One body on each CPU, without kernel or threads under it, interrupts off. */
void explore_run_cpus(const struct explore_scenario *self);

/** The current run ends here, and well. */
noreturn_fn void explore_pass(void);
/** The current run fails with @why. */
noreturn_fn void explore_fail(const char *file, int line, const char *why);
#define EXPLORE_EXPECT(cond) ((cond) ? (void)0 : explore_fail(__FILE__, __LINE__, #cond))
/** A name for @object in the table of steps. Copied pointer: a literal. */
void explore_name(const volatile void *object, const char *name);
/** Runs whose setup is done call it: from here on every point is a choice. */
void explore_begin(void);
/** The scenario of this process, started by halcyon's first thread or on a bare CPU 0. */
noreturn_fn void explore_scenario_run(void);
