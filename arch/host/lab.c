// SPDX-License-Identifier: MIT
// The CPU token and virtual time.
//
// All CPUs are stacks of one pthread. A CPU gives the token away at a lab point (if it is told to),
// in hal_cpu_relax() and in hal_cpu_wait(); so between two points it runs alone, and what a run
// does depends on nothing but the choices made at the points.
//
// Spins: a CPU that relaxed has *yielded* and is passed over until another CPU stores to something
// that it read since its last relax. When every CPU waits or has yielded, time passes: to the next
// deadline if all wait, else by a step that grows, for a spin may wait for the clock.
//
// A preempted CPU *sleeps* until another CPU does something that conflicts with its next access:
// were it resumed before, the same would have come of preempting it one access later, which the
// search has tried already (explore.c).
#include "lab.h"

#include <string.h>

#include <hal/irqflags.h>

#include "history.h"
#include "sim.h"

#define LAB_STEPS_MAX 4000000u // a run that takes more does not end
#define LAB_TIME_STEP_MAX NSEC_PER_MSEC
#define LAB_IDLE_PASSES_MAX 20000u // all spin: 20 virtual seconds
#define LAB_TOUCHED 8u

enum lab_state { LAB_OFF, LAB_READY, LAB_WAITING, LAB_HALTED };

/** A turn of a spin looks at less than LAB_TOUCHED objects. */
struct lab_touch {
	const volatile void *object;
	bool is_outdated; // another CPU stored to it afterwards
};

struct lab_cpu {
	struct host_cpu *cpu;
	struct host_stack stack; // while another CPU has the token
	enum lab_state state;
	bool has_yielded;
	unsigned touched_count; // since the last relax
	struct lab_touch touched[LAB_TOUCHED]; // the newest of them, round and round
	bool is_asleep, is_next_store;
	const volatile void *next_object; // while asleep: what it will access
};

static struct {
	struct lab_cpu cpus[CPUS_MAX];
	unsigned count; // CPUs attached so far
	struct lab_cpu *current;
	uint64_t now, time_step;
	unsigned idle_passes; // of time since the last store
	uint64_t steps;
	uint64_t opportunities; // at which the token could have moved: numbers the choices
	bool is_exploring;
} lab;

bool lab_is_on(void)
{
	return host_config.mode != HOST_PARALLEL;
}

static bool is_simulation(void)
{
	return host_config.mode == HOST_SIM;
}

uint64_t lab_clock(void)
{
	return lab.now;
}

void lab_attach(struct host_cpu *cpu)
{
	struct lab_cpu *self = &lab.cpus[cpu->number];

	if (!lab_is_on())
		return;
	*self = (struct lab_cpu){.cpu = cpu, .state = LAB_READY};
	cpu->lab = self;
	history_begin(cpu->number);
	lab.count = max(lab.count, cpu->number + 1);
	if (!lab.current) {
		lab.current = self;
		lab.now = NSEC_PER_USEC;
	}
	if (is_simulation())
		sim_attach(cpu);
}

void lab_start_cpu(struct host_cpu *cpu, uintptr_t sp)
{
	lab_attach(cpu);
	cpu->lab->stack = cpu->entry_stack;
	cpu->lab->stack.sp = sp;
}

uint64_t lab_state_hash(void)
{
	uint64_t hash = lab.now + lab.current->cpu->number;

	for (unsigned i = 0; i < lab.count; i++) {
		hash ^= history_hash(i) + lab.cpus[i].has_yielded;
		hash *= 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 29;
	}
	return hash;
}

uint64_t lab_end_hash(void)
{
	cpuid_t cpu = lab.current->cpu->number;

	// What would come after this step is not seen: let others go before it.
	history_conflict(cpu);
	return history_hash(cpu);
}

void lab_explore_begin(void)
{
	if (lab.count > HISTORY_CPUS)
		host_die("a scenario has %d CPUs at most", HISTORY_CPUS);
	lab.is_exploring = true;
	lab.steps = lab.opportunities = 0;
}

uint64_t lab_opportunity(void)
{
	return lab.opportunities;
}

bool lab_is_exploring(void)
{
	return lab.is_exploring;
}

static bool is_runnable(const struct lab_cpu *c)
{
	return c->state == LAB_READY || (c->state == LAB_WAITING && host_irq_is_pending(c->cpu));
}

static void give_token(struct lab_cpu *to)
{
	struct lab_cpu *from = lab.current;

	if (to == from)
		return;
	host_stack_note(&from->stack);
	host_san_leave_cpu(&from->stack, &to->stack);
	lab.current = to;
	host_percpu_self = hal_percpu_of(to->cpu->number);
	host_asm_switch(&from->stack.sp, to->stack.sp);
	host_san_arrive(&from->stack);
}

void lab_pass_token(cpuid_t cpu)
{
	give_token(&lab.cpus[cpu]);
}

void lab_set_clock(uint64_t now)
{
	lab.now = now;
}

/** The CPU whose timer fires first; NULL = none is armed. */
static struct lab_cpu *next_timer(void)
{
	struct lab_cpu *first = NULL;

	for (unsigned i = 0; i < lab.count; i++) {
		struct lab_cpu *c = &lab.cpus[i];

		if (c->state == LAB_OFF || c->state == LAB_HALTED || c->cpu->deadline == UINT64_MAX)
			continue;
		if (!first || c->cpu->deadline < first->cpu->deadline)
			first = c;
	}
	return first;
}

/** To @now, as it concerns @cpu. */
static void let_time_pass(uint64_t now, const struct lab_cpu *cpu)
{
	lab.now = now;
	if (!lab.is_exploring)
		return;
	explore_step(cpu->cpu->number, LAB_TIME, NULL, NULL);
	// Anybody may look at the clock: no step commutes with this.
	for (unsigned i = 0; i < lab.count; i++) {
		lab.cpus[i].is_asleep = false;
		if (explore_may_pass_time())
			history_conflict(i);
	}
	history_time(now);
}

/** Nobody can run but CPUs that spin: the clock is all that still changes. */
static void pass_time(void)
{
	struct lab_cpu *timer = next_timer();
	uint64_t to = timer ? max(timer->cpu->deadline, lab.now) : UINT64_MAX;
	bool has_spinner = false;

	for (unsigned i = 0; i < lab.count; i++) {
		has_spinner |= lab.cpus[i].state == LAB_READY;
		lab.cpus[i].has_yielded = false;
	}
	if (has_spinner) {
		if (++lab.idle_passes > LAB_IDLE_PASSES_MAX)
			explore_finish_failed("livelock: CPUs spin and what they read stays");
		lab.time_step = min(max(2 * lab.time_step, (uint64_t)100), LAB_TIME_STEP_MAX);
		to = min(to, lab.now + lab.time_step);
	}
	if (to == UINT64_MAX)
		explore_finish_failed("deadlock: every CPU waits and no timer is armed");
	let_time_pass(to, lab.current);
}

/** All CPUs but the current one that may take the token, from the next number on. */
static unsigned others(uint32_t *options, unsigned n)
{
	cpuid_t self = lab.current->cpu->number;

	for (unsigned i = 1; i < lab.count; i++) {
		struct lab_cpu *c = &lab.cpus[(self + i) % lab.count];

		if (is_runnable(c) && !c->has_yielded)
			options[n++] = c->cpu->number;
	}
	return n;
}

static void count_step(void)
{
	if (++lab.steps > LAB_STEPS_MAX)
		explore_finish_failed("no end: too many steps");
}

/** The current CPU cannot go on: somebody else does, or itself after time has passed. */
static void pass_on(enum lab_kind kind)
{
	uint32_t options[CPUS_MAX + 1];
	struct lab_cpu *self = lab.current;
	unsigned n, chosen = 0;

	count_step();
	lab.opportunities++;
	while (!(n = others(options, 0))) {
		if (is_runnable(self) && !self->has_yielded)
			return;
		pass_time();
	}
	if (kind == LAB_RELAX && !self->has_yielded)
		options[n++] = self->cpu->number; // what it spins on may have changed
	if (lab.is_exploring)
		chosen = explore_choose(options, n, false, kind);
	give_token(&lab.cpus[options[chosen]]);
}

/** Let the token move before an access that the current CPU could make at once. */
static void preempt(enum lab_kind kind, const volatile void *object)
{
	struct lab_cpu *self = lab.current;
	uint32_t options[CPUS_MAX + 1] = {self->cpu->number};
	struct lab_cpu *timer, *to;
	unsigned n = others(options, 1), chosen;

	for (;; n = 1, lab.opportunities++) { // resumed: whoever else could go on could have done so instead, but not time
		timer = explore_may_pass_time() ? next_timer() : NULL;
		if (timer && timer->cpu->deadline > lab.now)
			options[n++] = timer->cpu->number | EXPLORE_TIME_BIT;
		chosen = n > 1 ? explore_choose(options, n, true, kind) : 0;
		if (!chosen)
			return;
		self->is_asleep = true;
		self->is_next_store = kind == LAB_STORE;
		self->next_object = object;
		to = &lab.cpus[options[chosen] & ~EXPLORE_TIME_BIT];
		if (options[chosen] & EXPLORE_TIME_BIT)
			let_time_pass(to->cpu->deadline, to);
		give_token(to);
		self->is_asleep = false;
	}
}

bool lab_is_asleep(cpuid_t cpu)
{
	return lab.cpus[cpu].is_asleep;
}

/** @c has another turn if it read @object in the last one. */
static void note_stored(struct lab_cpu *c, const volatile void *object)
{
	for (unsigned i = 0; i < min(c->touched_count, LAB_TOUCHED); i++) {
		if (c->touched[i].object == object) {
			c->touched[i].is_outdated = true;
			c->has_yielded = false;
		}
	}
	if (!c->touched_count)
		c->has_yielded = false; // it looks at something that is not seen here
}

static bool is_outdated(const struct lab_cpu *c)
{
	for (unsigned i = 0; i < min(c->touched_count, LAB_TOUCHED); i++) {
		if (c->touched[i].is_outdated)
			return true;
	}
	return false;
}

/** What the others make of an access: who spins on @object goes on, who waits to access it may. */
static void tell_others(const struct lab_cpu *self, const volatile void *object, bool is_store)
{
	for (unsigned i = 0; i < lab.count; i++) {
		struct lab_cpu *c = &lab.cpus[i];

		if (c == self)
			continue;
		if (is_store)
			note_stored(c, object);
		if ((object == c->next_object && (is_store || c->is_next_store)) ||
		    (is_store && object == &c->cpu->pending))
			c->is_asleep = false;
	}
}

void lab_point(struct host_cpu *cpu, const volatile void *object, bool is_store, const void *pc)
{
	struct lab_cpu *self = cpu->lab;

	if (is_simulation())
		return;
	do {
		count_step();
		lab.opportunities += lab.is_exploring;
		if (lab.is_exploring && explore_is_shared(cpu->number, object, is_store)) {
			preempt(is_store ? LAB_STORE : LAB_LOAD, object);
			history_step(cpu->number);
		}
	} while (host_irq_poll()); // an interrupt came before the access
	if (lab.is_exploring) {
		explore_step(cpu->number, is_store ? LAB_STORE : LAB_LOAD, object, pc);
		history_access(cpu->number, object, is_store);
	}
	self->touched[self->touched_count++ % LAB_TOUCHED] = (struct lab_touch){object, false};
	tell_others(self, object, is_store);
	if (is_store) {
		lab.time_step = 0;
		lab.idle_passes = 0;
	}
}

void lab_interrupt(struct host_cpu *cpu)
{
	struct host_cpu *self = host_cpu();

	if (is_simulation()) {
		sim_interrupt(cpu);
	} else if (self) {
		lab_point(self, &cpu->pending, true, __builtin_return_address(0));
		if (lab.is_exploring && self != cpu)
			history_interrupt(self->number, cpu->number);
	}
}

void lab_look(struct host_cpu *cpu)
{
	if (!lab.is_exploring)
		return;
	history_look(cpu->number);
	// Who is about to interrupt it would have been seen.
	for (unsigned i = 0; i < lab.count; i++)
		lab.cpus[i].is_asleep &= lab.cpus[i].next_object != &cpu->pending;
}

void lab_timer_set(struct host_cpu *cpu)
{
	// Time may pass to the old deadline, or to the new one.
	if (lab.is_exploring && explore_may_pass_time())
		history_conflict(cpu->number);
}

void lab_relax(struct host_cpu *cpu)
{
	struct lab_cpu *self = cpu->lab;

	if (is_simulation()) {
		sim_relax(cpu);
		return;
	}
	if (lab.is_exploring)
		explore_step(cpu->number, LAB_RELAX, NULL, __builtin_return_address(0));
	self->has_yielded = !is_outdated(self);
	pass_on(LAB_RELAX);
	self->has_yielded = false;
	self->touched_count = 0;
}

void lab_wait(struct host_cpu *cpu)
{
	struct lab_cpu *self = cpu->lab;

	if (is_simulation()) {
		sim_wait(cpu);
		return;
	}
	if (lab.is_exploring) {
		explore_step(cpu->number, LAB_WAIT, NULL, __builtin_return_address(0));
		history_access(cpu->number, &cpu->pending, false);
		lab_look(cpu);
	}
	while (!host_irq_is_pending(cpu)) {
		self->state = LAB_WAITING;
		pass_on(LAB_WAIT);
	}
	self->state = LAB_READY;
}

void lab_halt(struct host_cpu *cpu)
{
	if (is_simulation())
		sim_halt(cpu);
	cpu->lab->state = LAB_HALTED;
	for (;;)
		pass_on(LAB_WAIT);
}
