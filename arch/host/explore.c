// SPDX-License-Identifier: MIT
// The search: which schedules are tried. Each run begins in the same state (that of a snapshot;
// with sanitizers, in a process of its own) and follows a list of choices (the prefix), then takes
// the first option everywhere; its record of the choices that it had gives the next prefix (depth
// first, replay from the start).
//
// Bounds of preemptions are taken one after the other, so the first failure has the fewest. Five
// things keep the number of runs small, and none hides a failure within the bound:
//  - a preemption is tried only before accesses to objects that two CPUs use and one stores to. The
//    set of those is learnt from random schedules and grows as runs meet more; when it grew, the
//    bound is begun again;
//  - a run that reaches a state (lab.c says when two are equal) from which no fewer preemptions
//    were left before ends there;
//  - where the CPU cannot go on (it waits, it spins), a switch costs nothing and all are tried;
//  - a preemption is tried only if the step that it puts off (what the CPU does from there to its next
//    point) races with a step of another CPU (history.c) in some run of those that make it at once.
//    These were tried before, and are all: were the step put off, and did another CPU do something
//    that conflicts with it, the first such thing b, then the CPU could as well have been preempted
//    one point later, and b would have come next there, and raced. If nothing conflicts, then
//    preempting one point later, which costs no more, leads to the same;
//  - likewise a preempted CPU is not resumed until another one did what conflicts with that step.
// Both ask a run that was tried to its end for each that is left out, also where runs ended early at a
// state seen before: equal states have equal pasts, so the races with what is past are the same.
// What ends a run counts as a race with the last step of the CPU that ends it.
#include "explore.h"

#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hal/console.h>

#include "history.h"
#include "snapshot.h"

// The sanitizer keeps a memory of its own about the program's, which a snapshot would not bring
// back.
#ifdef __SANITIZE_ADDRESS__
#define EXPLORE_FORKS 1
#else
#define EXPLORE_FORKS 0
#endif

struct explore_shared *explore_shared;

static uint64_t hash_slot(uint64_t key)
{
	key *= 0x9e3779b97f4a7c15ull;
	return key ^ key >> 31;
}

/** True: the state was met with at least @left preemptions to go. Else it is now. */
static bool is_visited(uint64_t key, unsigned left)
{
	struct explore_shared *e = explore_shared;
	uint64_t slot = hash_slot(key) % EXPLORE_STATES;

	key |= 1; // 0 marks a free slot
	while (e->states[slot].key && e->states[slot].key != key)
		slot = (slot + 1) % EXPLORE_STATES;
	if (e->states[slot].key) {
		if (e->states[slot].left >= left)
			return true;
		e->states[slot].left = left;
		return false;
	}
	if (e->state_count >= EXPLORE_STATES / 4 * 3)
		return false; // full: search on without it
	e->state_count++;
	e->states[slot] = (struct explore_state){key, left};
	return false;
}

/** True: @key is new, or there is no room left to know. */
static bool add_to_set(struct explore_set *set, uint64_t key)
{
	uint64_t slot = hash_slot(key) % EXPLORE_SET;

	key |= 1;
	while (set->keys[slot] && set->keys[slot] != key)
		slot = (slot + 1) % EXPLORE_SET;
	if (set->keys[slot])
		return false;
	set->is_full = set->count >= EXPLORE_SET / 4 * 3;
	if (set->is_full)
		return true;
	set->keys[slot] = key;
	set->count++;
	return true;
}

/** True, too, if it is not known. */
static bool is_in_set(const struct explore_set *set, uint64_t key)
{
	uint64_t slot = hash_slot(key) % EXPLORE_SET;

	key |= 1;
	while (set->keys[slot] && set->keys[slot] != key)
		slot = (slot + 1) % EXPLORE_SET;
	return set->keys[slot] || set->is_full;
}

static void clear_set(struct explore_set *set)
{
	set->count = 0;
	set->is_full = false;
	madvise(set->keys, EXPLORE_SET * sizeof(*set->keys), MADV_REMOVE);
}

void explore_race(uint64_t hash)
{
	if (explore_shared->search == EXPLORE_SEARCH_BOUND)
		add_to_set(&explore_shared->races, hash);
}

static uint64_t next_random(void)
{
	uint64_t x = explore_shared->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return explore_shared->random = x;
}

static noreturn_fn void finish(enum explore_outcome outcome)
{
	explore_shared->outcome = outcome;
	if (EXPLORE_FORKS)
		_exit(0);
	host_asm_resume(explore_shared->search_sp);
}

static unsigned choose_replay(const uint32_t *cpus, unsigned n)
{
	struct explore_shared *e = explore_shared;

	uint64_t here = lab_opportunity();

	while (e->next_pick < e->pick_count && e->picks[e->next_pick].opportunity < here)
		e->next_pick++;
	if (e->next_pick == e->pick_count || e->picks[e->next_pick].opportunity != here)
		return 0;
	for (unsigned i = 0; i < n; i++) {
		if (cpus[i] == e->picks[e->next_pick].cpu)
			return i;
	}
	explore_finish_failed("the replay list does not fit this program");
}

/** The options that are worth trying: not to resume a CPU that sleeps, except to let time pass then. */
static unsigned leave_out_sleepers(const uint32_t *cpus, unsigned n, bool can_stay, uint16_t *options)
{
	struct explore_shared *e = explore_shared;
	bool is_time_left = explore_may_pass_time() && e->preemptions < e->bound;
	unsigned count = 0;

	for (uint16_t i = 0; i < n; i++) {
		if ((can_stay && !i) || e->options.is_whole || is_time_left ||
		    (cpus[i] & EXPLORE_TIME_BIT) || !lab_is_asleep(cpus[i]))
			options[count++] = i;
	}
	return count;
}

static unsigned choose_search(const uint32_t *cpus, unsigned n, bool can_stay)
{
	struct explore_shared *e = explore_shared;
	unsigned left = e->bound - e->preemptions;
	uint16_t options[CPUS_MAX + 1];
	struct explore_choice *choice = &e->trace[e->trace_count];

	if (can_stay && !left)
		return 0;
	n = leave_out_sleepers(cpus, n, can_stay, options);
	if (!n)
		finish(EXPLORE_PRUNED);
	if (n == 1)
		return options[0];
	if (e->trace_count == EXPLORE_TRACE_MAX)
		explore_finish_failed("no end: too many choices");
	if (e->trace_count >= e->prefix_count) {
		if (is_visited(lab_state_hash() ^ (can_stay ? 0x5555 : 0), left))
			finish(EXPLORE_PRUNED);
		*choice = (struct explore_choice){.step = can_stay ? history_hash(cpus[0]) : 0,
						  .options = (uint16_t)n};
	}
	if (choice->options != n)
		explore_finish_failed("the laboratory: a replay met other options");
	e->trace_count++;
	return options[choice->chosen];
}

unsigned explore_choose(const uint32_t *cpus, unsigned n, bool can_stay, enum lab_kind kind)
{
	struct explore_shared *e = explore_shared;
	unsigned chosen = 0;

	(void)kind;
	switch (e->search) {
	case EXPLORE_SEARCH_BOUND:
		chosen = choose_search(cpus, n, can_stay);
		break;
	case EXPLORE_SEARCH_SEED:
		if (n > 1 && (!can_stay || next_random() % e->seed_rate == 0))
			chosen = next_random() % n;
		break;
	case EXPLORE_SEARCH_REPLAY:
		chosen = choose_replay(cpus, n);
		break;
	}
	if (can_stay && chosen)
		e->preemptions++;
	if (chosen && e->search != EXPLORE_SEARCH_REPLAY && e->pick_count < EXPLORE_PICKS_MAX)
		e->picks[e->pick_count++] = (struct explore_pick){lab_opportunity(), cpus[chosen]};
	return chosen;
}

bool explore_is_shared(cpuid_t cpu, const volatile void *object, bool is_store)
{
	struct explore_shared *e = explore_shared;
	uintptr_t key = (uintptr_t)object | 1;
	uint64_t slot = hash_slot(key) % EXPLORE_OBJECTS;
	struct explore_object *o;

	if (e->search == EXPLORE_SEARCH_REPLAY)
		return true;
	while (e->objects[slot].address && e->objects[slot].address != key)
		slot = (slot + 1) % EXPLORE_OBJECTS;
	o = &e->objects[slot];
	if (!o->address) {
		if (e->object_count >= EXPLORE_OBJECTS / 4 * 3)
			return true;
		e->object_count++;
		*o = (struct explore_object){.address = key, .cpu = cpu};
	}
	o->is_stored |= is_store;
	o->is_used_by_two |= o->cpu != cpu;
	if (o->is_stored && o->is_used_by_two && !o->is_shared) {
		o->is_shared = true;
		e->has_grown = true;
	}
	return o->is_shared || e->search == EXPLORE_SEARCH_SEED;
}

bool explore_may_pass_time(void)
{
	return explore_shared->scenario->flags & EXPLORE_TIMERS;
}

void explore_step(cpuid_t cpu, enum lab_kind kind, const volatile void *object, const void *pc)
{
	struct explore_shared *e = explore_shared;

	if (e && e->is_recording && e->step_count < EXPLORE_STEPS_MAX)
		e->steps[e->step_count++] = (struct explore_step){
			.cpu = cpu,
			.kind = kind,
			.object = (const void *)object,
			.pc = pc,
			.now = lab_clock(),
		};
}

void explore_finish_failed(const char *why)
{
	if (!explore_shared || !lab_is_exploring()) {
		fprintf(stderr, "laboratory: %s\n", why);
		_exit(1);
	}
	snprintf(explore_shared->why, sizeof(explore_shared->why), "%s", why);
	finish(EXPLORE_FAILED);
}

void explore_fail(const char *file, int line, const char *why)
{
	char text[256];

	snprintf(text, sizeof(text), "%s:%d: %s", file, line, why);
	explore_finish_failed(text);
}

void explore_pass(void)
{
	uint64_t hash = lab_end_hash();

	if (explore_shared->options.has_endings && explore_shared->search == EXPLORE_SEARCH_BOUND &&
	    add_to_set(&explore_shared->endings, hash))
		explore_shared->endings_sum += hash | 1;
	finish(EXPLORE_PASSED);
}

void lab_end(unsigned status)
{
	if (explore_shared && lab_is_exploring())
		explore_finish_failed(status ? "the kernel stopped with an error"
					     : "the kernel powered off");
	fflush(NULL);
	_exit((int)status);
}

void explore_name(const volatile void *object, const char *name)
{
	struct explore_shared *e = explore_shared;

	if (e->name_count < EXPLORE_NAMES_MAX)
		e->names[e->name_count++] = (struct explore_name){(const void *)object, name};
}

void explore_begin(void)
{
	lab_explore_begin();
}

/** What the kernel says in a run: kept for the report of a failure. */
static void capture_write(const char *text, size_t len)
{
	struct explore_shared *e = explore_shared;

	len = min(len, sizeof(e->console) - 1 - e->console_len);
	memcpy(e->console + e->console_len, text, len);
	e->console_len += len;
}

static int capture_read(void)
{
	return -1;
}

static uint32_t capture_irq(void)
{
	return UINT32_MAX;
}

static void capture_enable(void)
{
}

static const struct console_ops capture = {
	.name = "capture",
	.write = capture_write,
	.read = capture_read,
	.input_irq = capture_irq,
	.enable_input = capture_enable,
};

void explore_run_died(int signal, uintptr_t address, uintptr_t pc)
{
	struct explore_shared *e = explore_shared;
	char where[96];

	host_symbol_format(pc, where, sizeof(where));
	if (!e->is_running) {
		fprintf(stderr, "laboratory: the search died in %s: signal %d at %#lx\n", where,
			signal, address);
		_exit(124);
	}
	snprintf(e->why, sizeof(e->why), "the run died in %s: signal %d, address %#lx%s", where,
		 signal, address, signal == SIGALRM ? " (it spins without hal_cpu_relax()?)" : "");
	finish(EXPLORE_CRASHED);
}

static void run_forked(void)
{
	struct explore_shared *e = explore_shared;
	pid_t child;
	int status;

	fflush(NULL);
	child = fork();
	if (child < 0)
		host_die("cannot fork");
	if (!child) {
		e->scenario->run(e->scenario);
		explore_pass();
	}
	if (waitpid(child, &status, 0) != child)
		host_die("a run was lost");
	if (e->outcome == EXPLORE_CRASHED)
		snprintf(e->why, sizeof(e->why), "the run died: signal %d, status %d",
			 WIFSIGNALED(status) ? WTERMSIG(status) : 0,
			 WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

/** One run; its outcome stands in shared memory. */
static void run_once(void)
{
	struct explore_shared *e = explore_shared;

	e->outcome = EXPLORE_CRASHED;
	e->trace_count = e->pick_count = e->preemptions = 0;
	e->step_count = e->name_count = 0;
	e->next_pick = 0;
	e->console_len = 0;
	if (e->search == EXPLORE_SEARCH_REPLAY)
		e->pick_count = e->replay_count;
	alarm(EXPLORE_RUN_SECONDS);
	e->is_running = true;
	if (EXPLORE_FORKS) {
		run_forked();
	} else {
		host_snapshot_restore();
		host_percpu_self = e->start_percpu;
		host_asm_switch(&e->search_sp, e->start_sp); // returns from finish()
	}
	e->is_running = false;
	alarm(0);
	e->runs++;
}

static bool has_failed(void)
{
	enum explore_outcome outcome = explore_shared->outcome;

	return outcome == EXPLORE_FAILED || outcome == EXPLORE_CRASHED;
}

/** All that comes of making this choice otherwise comes of one further on, too: the step was made in
 *  every run since the choice was met, and no other CPU did what could have gone before it. */
static bool is_needless(const struct explore_choice *choice)
{
	return choice->step && !is_in_set(&explore_shared->races, choice->step) &&
	       !explore_shared->options.is_whole;
}

/** The prefix of the next run in depth-first order. False: that was the last. */
static bool next_prefix(void)
{
	struct explore_shared *e = explore_shared;
	unsigned i = e->trace_count;

	while (i-- > 0) {
		if (e->trace[i].chosen + 1 < e->trace[i].options && !is_needless(&e->trace[i])) {
			e->trace[i].chosen++;
			e->prefix_count = i + 1;
			return true;
		}
	}
	return false;
}

/** All schedules with at most e->bound preemptions. True: one failed. */
static bool search_bound(void)
{
	struct explore_shared *e = explore_shared;

again:
	e->prefix_count = 0;
	e->state_count = 0;
	e->has_grown = false;
	madvise(e->states, EXPLORE_STATES * sizeof(*e->states), MADV_REMOVE);
	clear_set(&e->races);
	clear_set(&e->endings);
	e->endings_sum = 0;
	do {
		run_once();
		if (has_failed())
			return true;
		if (e->runs >= e->runs_max) {
			e->is_cut = true;
			return false;
		}
		if (e->has_grown) // there are points now that the choices so far know nothing of
			goto again;
	} while (next_prefix());
	e->states_total = max(e->states_total, (uint64_t)e->state_count);
	return false;
}

static bool search_bounds(unsigned bound)
{
	struct explore_shared *e = explore_shared;

	e->search = EXPLORE_SEARCH_BOUND;
	e->seed_plus_1 = 0;
	for (e->bound = 0; e->bound <= bound && !e->is_cut; e->bound++) {
		if (search_bound())
			return true;
	}
	e->bound--;
	return false;
}

static void run_seed(uint64_t seed)
{
	struct explore_shared *e = explore_shared;

	e->search = EXPLORE_SEARCH_SEED;
	e->seed_plus_1 = seed + 1;
	e->random = hash_slot(seed + 1) | 1;
	e->seed_rate = 1u << (2 + seed % 6);
	run_once();
}

static bool search_seeds(uint64_t first, uint64_t count)
{
	for (uint64_t seed = first; seed < first + count; seed++) {
		run_seed(seed);
		if (has_failed())
			return true;
	}
	return false;
}

/** Learn which objects are shared: what CPUs do that never ran in the first schedules of a bound
 *  would else not be known. Returns the first seed that fails, or the number of seeds. */
static uint64_t discover(void)
{
	uint64_t failing = EXPLORE_DISCOVERY_SEEDS;

	for (uint64_t seed = 0; seed < EXPLORE_DISCOVERY_SEEDS; seed++) {
		run_seed(seed);
		if (has_failed() && seed < failing)
			failing = seed;
	}
	return failing;
}

/** Bounds first, for the shortest failure. */
static bool search_all(void)
{
	struct explore_shared *e = explore_shared;
	const struct explore_options *o = &e->options;
	uint64_t failing;

	if (o->is_seed_only)
		return search_seeds(o->first_seed, o->seeds);
	failing = discover();
	if (search_bounds(o->bound < 0 ? e->scenario->bound : (unsigned)o->bound))
		return true;
	if (failing < EXPLORE_DISCOVERY_SEEDS) {
		run_seed(failing);
		return true;
	}
	return o->seeds && search_seeds(o->first_seed, o->seeds);
}

/** Run the failing choices again, with the table of steps. True: it failed in the same way. */
static bool confirm(void)
{
	struct explore_shared *e = explore_shared;
	char why[sizeof(e->why)];

	memcpy(why, e->why, sizeof(why));
	e->search = EXPLORE_SEARCH_REPLAY;
	e->replay_count = e->pick_count;
	e->is_recording = true;
	run_once();
	e->is_recording = false;
	return has_failed() && strcmp(why, e->why) == 0;
}

/** The search of one scenario; the process ends with it. */
static noreturn_fn void search(void)
{
	struct explore_shared *e = explore_shared;
	const struct explore_options *o = &e->options;
	bool is_mutant = e->scenario->flags & EXPLORE_MUTANT;
	bool failed = false;

	if (e->replay_count) {
		e->search = EXPLORE_SEARCH_REPLAY;
		e->is_recording = true;
		run_once();
		failed = has_failed();
		explore_report(failed, true);
		fflush(NULL);
		_exit(failed != is_mutant);
	}
	e->runs_max = o->runs_max;
	failed = search_all();
	if (failed)
		e->is_confirmed = confirm();
	explore_report(failed, o->is_verbose || failed != is_mutant);
	fflush(NULL);
	_exit(failed != is_mutant || (failed && !e->is_confirmed));
}

static void search_stack(void *unused)
{
	(void)unused;
	host_snapshot_take();
	search();
}

void explore_scenario_run(void)
{
	struct explore_shared *e = explore_shared;
	vaddr_t top = (vaddr_t)e->stack + sizeof(e->stack);

	hal_console = &capture;
	if (EXPLORE_FORKS)
		search();
	e->start_percpu = hal_percpu();
	host_asm_switch(&e->start_sp, host_context_frame(top, search_stack, NULL));
	// Every run comes by here.
	e->scenario->run(e->scenario);
	explore_pass();
}

/** Where a body of explore_run_cpus() runs. */
static const struct explore_scenario *bare;
static _Atomic unsigned bare_done;

static void bare_end(void)
{
	lab_point(host_cpu(), &bare_done, true, __builtin_return_address(0));
	atomic_fetch_add(&bare_done, 1);
}

static void bare_body(void *arg)
{
	struct host_cpu *cpu = arg;

	host_san_arrive(&cpu->entry_stack);
	bare->body(cpu->number);
	bare_end();
	lab_halt(cpu);
}

void explore_run_cpus(const struct explore_scenario *self)
{
	bare = self;
	if (self->setup)
		self->setup();
	explore_name(&bare_done, "(bodies done)");
	for (cpuid_t i = 1; i < self->bodies; i++) {
		struct host_cpu *cpu = host_cpu_of(i);

		host_percpu_alloc(i);
		cpu->entry_stack.top = host_stack_alloc(HAL_KSTACK_SIZE);
		cpu->entry_stack.bottom = cpu->entry_stack.top - HAL_KSTACK_SIZE;
		lab_start_cpu(cpu, host_context_frame(cpu->entry_stack.top, bare_body, cpu));
	}
	explore_begin();
	self->body(0);
	bare_end();
	while (lab_point(host_cpu(), &bare_done, false, __builtin_return_address(0)),
	       atomic_load(&bare_done) < self->bodies)
		lab_relax(host_cpu());
	if (self->check)
		self->check();
}
