// SPDX-License-Identifier: MIT
// A simulated workload, as its description file says (docs/laboratory.md has the grammar): groups of
// equal threads that repeat a list of steps, and what must be true of the figures.
#pragma once

#include <kernel/time.h>
#include <sched/thread.h>
#include <sched/waitq.h>

#define WORKLOAD_GROUPS 16
#define WORKLOAD_STEPS 8
#define WORKLOAD_EXPECTS 32
#define WORKLOAD_DISTANCES 64
#define WORKLOAD_NAME 24
#define LATENCY_BUCKETS 1024

enum step_kind { STEP_RUN, STEP_SLEEP, STEP_WAIT, STEP_WAKE, STEP_YIELD };

/** A duration: always the same, evenly spread from @min to @max, or exponential of mean @min. */
struct duration {
	nsec_t min, max;
	bool is_exponential;
};

struct step {
	enum step_kind kind;
	struct duration time; // STEP_RUN, STEP_SLEEP
	unsigned group; // STEP_WAKE
};

/** Wake-up latencies, in buckets of a sixteenth of a power of two. */
struct latencies {
	uint64_t count, max, buckets[LATENCY_BUCKETS];
};

/** Where a group's threads may run. */
enum placement { PLACE_ANY, PLACE_FROM, PLACE_PINNED, PLACE_SPREAD };

struct group {
	char name[WORKLOAD_NAME];
	unsigned count;
	struct step steps[WORKLOAD_STEPS];
	unsigned step_count;
	enum sched_policy policy;
	unsigned rt_priority;
	int nice;
	enum placement placement;
	unsigned cpu; // of PLACE_FROM (all start there, then may go anywhere) and PLACE_PINNED
	struct sim_thread *threads;
	struct sched_waitq waiters; // of STEP_WAIT
	uint64_t wakes_pending; // that found no waiter (waiters.lock)
	// Since the warm-up:
	struct latencies latencies;
	uint64_t wakes, home_wakes; // wakes on the CPU where the thread slept
	uint64_t whole_wakes; // on another CPU, with a core for itself
	uint64_t far_wakes, distance; // in another node; sum of the distances to there
};

struct sim_thread {
	struct group *group;
	struct thread *thread;
	uint64_t random;
	nsec_t time_before, time; // CPU time at the end of the warm-up; since then
	nsec_t woken_at; // when a STEP_WAKE chose it
};

/** `expect METRIC <= VALUE`, or >=. */
struct expect {
	char metric[48];
	bool is_least;
	double value;
	unsigned line;
};

/** `distance FROM TO DISTANCE`. */
struct distance {
	unsigned from, to, distance;
};

struct workload {
	unsigned cpus, nodes;
	unsigned cache, smt; // CPUs that share one
	struct distance distances[WORKLOAD_DISTANCES];
	unsigned distance_count;
	nsec_t warmup, time;
	uint64_t seed;
	struct group groups[WORKLOAD_GROUPS];
	unsigned group_count;
	struct expect expects[WORKLOAD_EXPECTS];
	unsigned expect_count;
};
extern struct workload workload;

/** parse.c: read @path into `workload`; ends the process with a message if it cannot. */
void workload_parse(const char *path);
/** threads.c: make and start all threads; they run from the caller's next sleep on. */
void workload_start(void);
/** From now on latencies are counted. */
extern bool workload_is_measured;

/** measure.c: from now on watch how threads are spread; the warm-up is over; the end: print all figures. Returns how many expectations fail. */
void measure_watch(void);
void measure_begin(void);
unsigned measure_end(void);
void latency_add(struct latencies *latencies, nsec_t ns);
