// SPDX-License-Identifier: MIT
// What each CPU did in this run, as a hash, and what came before what, as vector clocks.
//
// Equal states: each CPU carries a hash of its history, which chains what it did to which object
// and the hash of the store that it saw there. Two runs in which every CPU has the same hash made
// the same conflicting accesses in the same order (their happens-before graphs are equal), and
// hence are in the same state, for between points a CPU is deterministic. Loads commute with loads.
//
// Races: a clock counts the steps of a CPU; each CPU, and each object for its last store and the
// loads since, has the newest step of every CPU that came before. An access that conflicts with a
// step which did not come before it, but by being there first, could as well have been made before
// that step. explore.c hears of the step, and tries to preempt before it.
#include "history.h"

#include "lab.h"

#define OBJECTS_MAX 4096 // that one run may use
#define SLOTS (2 * OBJECTS_MAX)
#define STEPS_MAX 16384 // of a CPU in one run

typedef uint16_t step_t;

/** The newest step of each CPU that came before. */
struct clock {
	step_t at[HISTORY_CPUS];
};

/** What was done to an object: the last store, and the loads since, in any order. */
struct object {
	const volatile void *address;
	uint64_t store_hash, load_sum;
	struct clock stored, loaded; // what comes before whoever sees the store; the loads
	cpuid_t store_cpu;
	step_t load_step[HISTORY_CPUS]; // since the last store; 0 = none
};

struct step {
	uint64_t hash;
	bool has_looked; // for interrupts
};

static struct {
	uint64_t hash[HISTORY_CPUS];
	struct clock clock[HISTORY_CPUS]; // at[own] = its present step; 0 = none has begun
	unsigned cpu_count, object_count;
	uint16_t slots[SLOTS]; // open addressing: index + 1 of an object
	struct object objects[OBJECTS_MAX];
	struct step steps[HISTORY_CPUS][STEPS_MAX];
} history;

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15ull;
	a ^= a >> 32;
	a *= 0xd6e8feb86659fd93ull;
	return a ^ a >> 29;
}

void history_begin(cpuid_t cpu)
{
	if (cpu >= HISTORY_CPUS)
		return; // lab_explore_begin() refuses
	history.cpu_count = max(history.cpu_count, cpu + 1);
	if (!history.hash[cpu]) // else it was off for a while
		history.hash[cpu] = cpu + 1;
}

uint64_t history_hash(cpuid_t cpu)
{
	return history.hash[cpu];
}

static void join(struct clock *to, const struct clock *from)
{
	for (unsigned i = 0; i < HISTORY_CPUS; i++)
		to->at[i] = max(to->at[i], from->at[i]);
}

static struct object *object_of(const volatile void *address)
{
	size_t slot = mix((uintptr_t)address, 1) % SLOTS;
	struct object *object;

	for (; history.slots[slot]; slot = (slot + 1) % SLOTS) {
		object = &history.objects[history.slots[slot] - 1];
		if (object->address == address)
			return object;
	}
	if (history.object_count == OBJECTS_MAX)
		host_die("more than %d objects in one run", OBJECTS_MAX);
	object = &history.objects[history.object_count++];
	history.slots[slot] = (uint16_t)history.object_count;
	*object = (struct object){.address = address, .store_hash = mix((uintptr_t)address, 2) | 1};
	return object;
}

void history_step(cpuid_t cpu)
{
	step_t *at = &history.clock[cpu].at[cpu];

	if (++*at == STEPS_MAX)
		explore_finish_failed("no end: too many steps of a CPU");
	history.steps[cpu][*at] = (struct step){.hash = history.hash[cpu]};
}

static bool is_concurrent(cpuid_t cpu, cpuid_t other, step_t step)
{
	return other != cpu && step > history.clock[cpu].at[other];
}

static void conflict(cpuid_t cpu, cpuid_t other, step_t step)
{
	if (is_concurrent(cpu, other, step))
		explore_race(history.steps[other][step].hash);
}

void history_access(cpuid_t cpu, const volatile void *address, bool is_store)
{
	struct object *o = object_of(address);
	struct clock *clock = &history.clock[cpu];
	uint64_t *hash = &history.hash[cpu];

	*hash = mix(mix(*hash, (uintptr_t)address), o->store_hash);
	conflict(cpu, o->store_cpu, o->stored.at[o->store_cpu]);
	join(clock, &o->stored);
	if (!is_store) {
		o->load_sum += *hash;
		o->load_step[cpu] = clock->at[cpu];
		join(&o->loaded, clock);
		return;
	}
	for (cpuid_t i = 0; i < history.cpu_count; i++) {
		conflict(cpu, i, o->load_step[i]);
		o->load_step[i] = 0;
	}
	join(clock, &o->loaded);
	*hash = mix(*hash, o->load_sum);
	o->store_hash = *hash | 1;
	o->load_sum = 0;
	o->stored = *clock;
	o->loaded = (struct clock){{0}};
	o->store_cpu = cpu;
}

void history_look(cpuid_t cpu)
{
	history.steps[cpu][history.clock[cpu].at[cpu]].has_looked = true;
}

void history_interrupt(cpuid_t cpu, cpuid_t target)
{
	step_t last = history.clock[target].at[target];

	// A look is not an access: that would tell apart runs that are equal. So all that the sender
	// has not heard of count.
	for (step_t i = last; is_concurrent(cpu, target, i); i--) {
		if (history.steps[target][i].has_looked)
			conflict(cpu, target, i);
	}
}

void history_conflict(cpuid_t cpu)
{
	step_t last = history.clock[cpu].at[cpu];

	if (last)
		explore_race(history.steps[cpu][last].hash);
}

void history_time(uint64_t now)
{
	for (cpuid_t i = 0; i < history.cpu_count; i++)
		history.hash[i] = mix(history.hash[i], now);
}
