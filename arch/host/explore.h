// SPDX-License-Identifier: MIT
// The state of a search: in memory that the searching process and its runs share.
#pragma once

#include "lab.h"

#include <signal.h>

#include <arch/lab.h>

#define EXPLORE_TRACE_MAX 65536
#define EXPLORE_PICKS_MAX 65536
#define EXPLORE_STATES (1u << 25)
#define EXPLORE_SET (1u << 24)
#define EXPLORE_OBJECTS (1u << 16)
#define EXPLORE_STEPS_MAX 200000
#define EXPLORE_NAMES_MAX 64
#define EXPLORE_DISCOVERY_SEEDS 200
#define EXPLORE_RUN_SECONDS 30

enum explore_search { EXPLORE_SEARCH_BOUND, EXPLORE_SEARCH_SEED, EXPLORE_SEARCH_REPLAY };
enum explore_outcome { EXPLORE_PASSED, EXPLORE_PRUNED, EXPLORE_FAILED, EXPLORE_CRASHED };

/** A place where the token could go to several CPUs, and which of them got it. */
struct explore_choice {
	uint64_t step; // that the first option makes; 0 = no CPU can go on here
	uint16_t options, chosen;
};

/** Hashes, by open addressing. */
struct explore_set {
	uint64_t *keys; // EXPLORE_SET of them; 0 = free
	unsigned count;
	bool is_full;
};

/** The same for a replay in another process: only choices that were not the first option. */
struct explore_pick {
	uint64_t opportunity;
	uint32_t cpu; // may hold EXPLORE_TIME_BIT
};

struct explore_state {
	uint64_t key;
	uint64_t left; // preemptions
};

struct explore_object {
	uintptr_t address; // | 1
	cpuid_t cpu; // that used it first
	bool is_used_by_two, is_stored, is_shared;
};

struct explore_step {
	cpuid_t cpu;
	enum lab_kind kind;
	const void *object;
	const void *pc;
	uint64_t now;
};

struct explore_name {
	const void *object;
	const char *name;
};

struct explore_options {
	int bound; // -1 = the scenario's
	uint64_t runs_max;
	uint64_t first_seed, seeds; // how many seeds after the bounds
	bool is_seed_only, is_verbose;
	bool is_whole; // preempt everywhere, resume always
	bool has_endings; // print how runs ended
	const char *log; // file that gets the line of result, or NULL
};

struct explore_shared {
	const struct explore_scenario *scenario;
	// Stack pointers of the search and of the state in which runs begin.
	uintptr_t search_sp, start_sp;
	struct hal_percpu *start_percpu;
	struct explore_options options;
	enum explore_search search;
	unsigned bound;
	uint64_t random;
	uint64_t seed_plus_1; // of a random schedule; 0 = by the search within a bound
	unsigned seed_rate; // a point is a preemption with probability 1/seed_rate
	uint64_t runs, runs_max;
	uint64_t states_total;
	bool is_cut; // runs_max was reached
	bool is_confirmed; // the failure came again when replayed
	bool has_grown; // an object was found to be shared in this bound
	bool is_recording, is_running;
	// Of the present run.
	enum explore_outcome outcome;
	char why[384];
	unsigned preemptions;
	unsigned prefix_count, trace_count;
	struct explore_choice trace[EXPLORE_TRACE_MAX];
	unsigned pick_count, next_pick, replay_count;
	struct explore_pick picks[EXPLORE_PICKS_MAX];
	unsigned step_count, name_count;
	struct explore_step steps[EXPLORE_STEPS_MAX];
	struct explore_name names[EXPLORE_NAMES_MAX];
	size_t console_len;
	char console[8192];
	_Alignas(64) char stack[1u << 20]; // of the search
	// Of the bound or the scenario.
	struct explore_set races; // steps before which a preemption may matter
	struct explore_set endings; // of runs that passed
	uint64_t endings_sum;
	unsigned state_count, object_count;
	struct explore_object objects[EXPLORE_OBJECTS];
	struct explore_state *states; // EXPLORE_STATES of them, open addressing
};
extern struct explore_shared *explore_shared;

/** The present run ended by a signal; @address is the fault's, @pc where it ran.
 *  Called by the handler. */
noreturn_fn void explore_run_died(int signal, uintptr_t address, uintptr_t pc);
/** One line of result; with @is_long a failure's schedule, too. */
void explore_report(bool failed, bool is_long);
/** `explore` of the command line: all scenarios whose names begin with @filter. 0 = as expected. */
int explore_main(int argc, char **argv);
