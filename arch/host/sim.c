// SPDX-License-Identifier: MIT
// Simulated time. A CPU that computes, idles or spins is parked with the time at which it goes on;
// when the running CPU parks, the one with the earliest time gets the token and the clock is set to
// that time. An interrupt makes a parked CPU go on at once. CPUs of one time go on in the order in
// which they were parked, so a simulation repeats itself exactly. The cost of an event is O(log CPUs).
#include <arch/sim.h>

#include <hal/irqflags.h>
#include <lib/rbtree.h>

#include "lab.h"
#include "sim.h"

#define SPIN_NS NSEC_PER_USEC // that a spinning CPU lets pass between two looks

struct sim_cpu {
	struct rbnode node;
	uint64_t at, order; // at equal times the lower order goes first
	bool is_idle;
	struct sim_counts counts;
};

static struct sim_cpu cpus[CPUS_MAX];
static struct rbtree parked = RBTREE_INIT;
static uint64_t next_order;
static unsigned idle_count;
void (*sim_observer)(nsec_t from, nsec_t to, unsigned idle);

static bool goes_first(const struct rbnode *a, const struct rbnode *b)
{
	const struct sim_cpu *x = rb_entry(a, struct sim_cpu, node);
	const struct sim_cpu *y = rb_entry(b, struct sim_cpu, node);

	return x->at != y->at ? x->at < y->at : x->order < y->order;
}

static void insert(struct sim_cpu *c, uint64_t at)
{
	c->at = at;
	c->order = next_order++;
	rbtree_insert(&parked, &c->node, goes_first);
}

void sim_attach(struct host_cpu *cpu)
{
	struct sim_cpu *c = &cpus[cpu->number];

	rbnode_init(&c->node);
	if (cpu->number) // the boot CPU runs
		insert(c, lab_clock());
}

/** The running CPU @cpu goes on at @until, or earlier by an interrupt. */
static void park(struct host_cpu *cpu, uint64_t until)
{
	struct sim_cpu *next;

	insert(&cpus[cpu->number], until);
	next = rb_entry(rbtree_first(&parked), struct sim_cpu, node);
	rbtree_remove(&parked, &next->node);
	if (next->at == UINT64_MAX)
		host_die("the simulation stands still: every CPU waits and no timer is armed");
	if (next->at > lab_clock()) {
		if (sim_observer)
			sim_observer(lab_clock(), next->at, idle_count);
		lab_set_clock(next->at);
	}
	lab_pass_token((cpuid_t)(next - cpus));
}

void sim_interrupt(struct host_cpu *cpu)
{
	struct sim_cpu *c = &cpus[cpu->number];

	if (!rbnode_is_linked(&c->node) || c->at <= lab_clock())
		return;
	rbtree_remove(&parked, &c->node);
	insert(c, lab_clock());
}

void sim_relax(struct host_cpu *cpu)
{
	park(cpu, lab_clock() + SPIN_NS);
}

void sim_wait(struct host_cpu *cpu)
{
	struct sim_cpu *c = &cpus[cpu->number];

	c->is_idle = true;
	idle_count++;
	while (!host_irq_is_pending(cpu))
		park(cpu, max(cpu->deadline, lab_clock()));
	idle_count--;
}

void sim_halt(struct host_cpu *cpu)
{
	for (;;)
		park(cpu, UINT64_MAX);
}

void sim_timer_taken(struct host_cpu *cpu)
{
	cpus[cpu->number].counts.timers++;
	if (cpus[cpu->number].is_idle)
		cpus[cpu->number].counts.idle_timers++;
}

void sim_irqs_taken(struct host_cpu *cpu)
{
	cpus[cpu->number].is_idle = false;
}

struct sim_counts sim_counts_of(cpuid_t cpu)
{
	return cpus[cpu].counts;
}

nsec_t sim_busy(nsec_t ns)
{
	struct host_cpu *cpu = host_cpu();
	uint64_t began = lab_clock();

	if (!host_irq_is_pending(cpu))
		park(cpu, min(began + ns, cpu->deadline));
	host_irq_poll();
	return lab_clock() - began;
}

void sim_boot(unsigned count, void (*set_topology)(void), uint64_t ram, void (*user)(void))
{
	host_config.mode = HOST_SIM;
	host_config.cpus = count;
	host_config.set_topology = set_topology;
	host_config.ram_bytes = ram;
	host_config.user = user;
	host_config.cmdline = "quiet";
	host_boot();
}

void sim_end(int status)
{
	host_exit((unsigned)status);
}
