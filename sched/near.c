// SPDX-License-Identifier: MIT
// What the scheduler knows of caches and nodes. CPUs of a core, of a cache and of a node have numbers
// that follow each other (bootinfo), so that each is a span of numbers; and each node has a list of all
// nodes, nearest first, itself at the head. Written once at the start, by the boot CPU.
#include <hal/bootinfo.h>
#include <kernel/log.h>

#include "runq.h"

unsigned sched_nodes;
bool sched_has_smt;
static struct cpu_span spans[BOOT_NODES_MAX][BOOT_NODES_MAX];
static struct {
	struct cpu_span core, cache;
	uint8_t node;
} places[CPUS_MAX];

static bool is_same_node(const struct boot_cpu *a, const struct boot_cpu *b)
{
	return a->node == b->node;
}

static bool is_same_cache(const struct boot_cpu *a, const struct boot_cpu *b)
{
	return a->cache == b->cache && is_same_node(a, b);
}

static bool is_same_core(const struct boot_cpu *a, const struct boot_cpu *b)
{
	return a->core == b->core && is_same_cache(a, b);
}

/** The CPUs around @cpu that are with it as @is_same says. */
static struct cpu_span span_of(cpuid_t cpu,
			       bool (*is_same)(const struct boot_cpu *, const struct boot_cpu *))
{
	const struct boot_cpu *cpus = bootinfo.cpus;
	cpuid_t first = cpu, end = cpu + 1;
	while (first > 0 && is_same(&cpus[first - 1], &cpus[cpu]))
		first--;
	while (end < sched_cpus && is_same(&cpus[end], &cpus[cpu]))
		end++;
	return (struct cpu_span){(uint16_t)first, (uint16_t)end};
}

/** Nodes of one distance come in the order of their numbers, from @node on: not all turn to the first. */
static unsigned farness(unsigned node, unsigned other)
{
	unsigned behind = (other + BOOT_NODES_MAX - node) % BOOT_NODES_MAX;
	return bootinfo.nodes[node].distances[other] * BOOT_NODES_MAX + behind;
}

/** Put @other, whose CPUs are @span, into the list of @node, of which @count are there. */
static void insert(unsigned node, unsigned other, struct cpu_span span, unsigned count)
{
	struct cpu_span *list = spans[node];
	unsigned at = count;
	for (; at > 0; at--) {
		unsigned before = bootinfo.cpus[list[at - 1].first].node;
		if (farness(node, before) < farness(node, other))
			break;
		list[at] = list[at - 1];
	}
	list[at] = span;
}

/** CPUs in spans of one kind, less one each. */
static unsigned count_spans(bool (*is_same)(const struct boot_cpu *, const struct boot_cpu *))
{
	unsigned count = 0;
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu = span_of(cpu, is_same).end)
		count++;
	return count;
}

void near_init(void)
{
	sched_nodes = 0;
	for (cpuid_t cpu = 0; cpu < sched_cpus; sched_nodes++) {
		struct cpu_span span = span_of(cpu, is_same_node);
		for (unsigned node = 0; node < bootinfo.node_count; node++)
			insert(node, bootinfo.cpus[cpu].node, span, sched_nodes);
		cpu = span.end;
	}
	for (cpuid_t cpu = 0; cpu < sched_cpus; cpu++) {
		places[cpu].core = span_of(cpu, is_same_core);
		places[cpu].cache = span_of(cpu, is_same_cache);
		places[cpu].node = bootinfo.cpus[cpu].node;
	}
	unsigned caches = count_spans(is_same_cache), cores = count_spans(is_same_core);
	sched_has_smt = cores < sched_cpus;
	if (caches > 1 || sched_has_smt)
		log_info("cpus: %u nodes, %u caches, %u cores", sched_nodes, caches, cores);
}

void near_init_cpu(struct runq *rq)
{
	rq->core = places[rq->cpu].core;
	rq->cache = places[rq->cpu].cache;
	rq->nodes = spans[places[rq->cpu].node];
	// A cache that serves the whole node needs no look of its own.
	struct cpu_span node = rq->nodes[0];
	rq->near_from = rq->cache.first == node.first && rq->cache.end == node.end;
}

cpuid_t cpu_near(const struct runq *rq, unsigned i)
{
	for (const struct cpu_span *span = rq->nodes;; span++) {
		unsigned size = span->end - span->first;
		unsigned start = rq->cpu - span->first; // huge: in another node
		if (i < size)
			return span->first + (start < size ? (start + i) % size : i);
		i -= size;
	}
}
