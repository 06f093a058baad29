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
// Equal states: each CPU carries a hash of its history, which chains what it did to which object
// and the hash of the store that it saw there. Two runs in which every CPU has the same hash made
// the same conflicting accesses in the same order (their happens-before graphs are equal), and
// hence are in the same state, for between points a CPU is deterministic. Loads commute with loads.
#include "lab.h"

#include <string.h>

#include <hal/irqflags.h>

#include "sim.h"

#define LAB_STEPS_MAX 4000000u // a run that takes more does not end
#define LAB_TIME_STEP_MAX NSEC_PER_MSEC
#define LAB_IDLE_PASSES_MAX 20000u // all spin: 20 virtual seconds
#define LAB_OBJECTS 16384 // slots of the table; a power of 2
#define LAB_TOUCHED 12

enum lab_state { LAB_OFF, LAB_READY, LAB_WAITING, LAB_HALTED };

struct lab_cpu {
	struct host_cpu *cpu;
	struct host_stack stack; // while another CPU has the token
	enum lab_state state;
	bool has_yielded;
	unsigned touched_count; // > LAB_TOUCHED: more than fit
	const volatile void *touched[LAB_TOUCHED]; // since the last relax
	uint64_t hash;
};

/** What was done to an object: the last store, and the loads since, in any order. */
struct lab_object {
	const volatile void *address;
	uint64_t store_hash, load_sum;
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
	struct lab_object objects[LAB_OBJECTS];
	unsigned object_count;
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
	*self = (struct lab_cpu){.cpu = cpu, .state = LAB_READY, .hash = cpu->number + 1};
	cpu->lab = self;
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

static uint64_t mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * 0x9e3779b97f4a7c15ull;
	a ^= a >> 32;
	a *= 0xd6e8feb86659fd93ull;
	return a ^ a >> 29;
}

static struct lab_object *object_of(const volatile void *address)
{
	size_t slot = mix((uintptr_t)address, 1) % LAB_OBJECTS;

	while (lab.objects[slot].store_hash && lab.objects[slot].address != address)
		slot = (slot + 1) % LAB_OBJECTS;
	if (!lab.objects[slot].store_hash) {
		if (++lab.object_count > LAB_OBJECTS / 2)
			host_die("more than %d objects in one run", LAB_OBJECTS / 2);
		lab.objects[slot] = (struct lab_object){address, mix((uintptr_t)address, 2) | 1, 0};
	}
	return &lab.objects[slot];
}

/** Chain an access into the history of @self. */
static void note(struct lab_cpu *self, const volatile void *address, bool is_store)
{
	struct lab_object *object = object_of(address);

	self->hash = mix(mix(self->hash, (uintptr_t)address), object->store_hash);
	if (is_store) {
		self->hash = mix(self->hash, object->load_sum);
		object->store_hash = self->hash | 1;
		object->load_sum = 0;
	} else {
		object->load_sum += self->hash;
	}
}

uint64_t lab_state_hash(void)
{
	uint64_t hash = mix(lab.now, lab.current->cpu->number);

	for (unsigned i = 0; i < lab.count; i++)
		hash = mix(hash, lab.cpus[i].hash + lab.cpus[i].has_yielded);
	return hash;
}

void lab_explore_begin(void)
{
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
	lab.now = to;
	if (lab.is_exploring)
		explore_step(lab.current->cpu->number, LAB_TIME, NULL, NULL);
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
	uint32_t options[CPUS_MAX];
	struct lab_cpu *self = lab.current;
	unsigned n, chosen = 0;

	count_step();
	lab.opportunities++;
	while (!(n = others(options, 0))) {
		if (is_runnable(self) && !self->has_yielded)
			return;
		pass_time();
	}
	if (n > 1 && lab.is_exploring)
		chosen = explore_choose(options, n, false, kind);
	give_token(&lab.cpus[options[chosen]]);
}

/** Let the token move before an access that the current CPU could make at once. */
static void preempt(enum lab_kind kind)
{
	uint32_t options[CPUS_MAX + 1] = {lab.current->cpu->number};
	struct lab_cpu *timer;
	unsigned n = others(options, 1), chosen;

	if (explore_may_pass_time()) {
		timer = next_timer();
		if (timer && timer->cpu->deadline > lab.now)
			options[n++] = timer->cpu->number | EXPLORE_TIME_BIT;
	}
	if (n == 1)
		return;
	chosen = explore_choose(options, n, true, kind);
	if (options[chosen] & EXPLORE_TIME_BIT) {
		timer = &lab.cpus[options[chosen] & ~EXPLORE_TIME_BIT];
		lab.now = timer->cpu->deadline;
		explore_step(timer->cpu->number, LAB_TIME, NULL, NULL);
		give_token(timer);
	} else {
		give_token(&lab.cpus[options[chosen]]);
	}
}

/** A store ends the yield of those who spin on @object. */
static void end_yields(const struct lab_cpu *self, const volatile void *object)
{
	for (unsigned i = 0; i < lab.count; i++) {
		struct lab_cpu *c = &lab.cpus[i];

		if (!c->has_yielded || c == self)
			continue;
		if (c->touched_count > LAB_TOUCHED || !c->touched_count)
			c->has_yielded = false;
		for (unsigned k = 0; k < min(c->touched_count, (unsigned)LAB_TOUCHED); k++) {
			if (c->touched[k] == object)
				c->has_yielded = false;
		}
	}
}

void lab_point(struct host_cpu *cpu, const volatile void *object, bool is_store, const void *pc)
{
	struct lab_cpu *self = cpu->lab;

	if (is_simulation())
		return;
	count_step();
	if (lab.is_exploring) {
		lab.opportunities++;
		if (explore_is_shared(cpu->number, object, is_store))
			preempt(is_store ? LAB_STORE : LAB_LOAD);
		explore_step(cpu->number, is_store ? LAB_STORE : LAB_LOAD, object, pc);
		note(self, object, is_store);
	}
	if (self->touched_count < LAB_TOUCHED)
		self->touched[self->touched_count] = object;
	if (self->touched_count <= LAB_TOUCHED)
		self->touched_count++;
	if (is_store) {
		lab.time_step = 0;
		lab.idle_passes = 0;
		end_yields(self, object);
	}
}

void lab_interrupt(struct host_cpu *cpu)
{
	struct host_cpu *self = host_cpu();

	if (is_simulation())
		sim_interrupt(cpu);
	else if (self)
		lab_point(self, &cpu->pending, true, __builtin_return_address(0));
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
	self->has_yielded = true;
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
		note(self, &cpu->pending, false);
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
