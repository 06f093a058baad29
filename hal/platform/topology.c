// SPDX-License-Identifier: MIT
// Which CPUs are near each other, as firmware says: checked here, whoever read it. If anything that is
// said of nodes cannot be, nothing of it is believed, and there is one node. Boot CPU only, no lock.
#include <hal/bootinfo.h>
#include <lib/format.h>
#include <lib/string.h>

// Of ACPI's SLIT and of device trees alike.
#define DISTANCE_LOCAL 10
#define DISTANCE_REMOTE 20 // not said
#define DISTANCE_MAX 255
#define WHY_LEN 80

void topology_refuse(const char *fmt, ...)
{
	char why[WHY_LEN];
	if (bootinfo.has_bad_nodes)
		return;
	bootinfo.has_bad_nodes = true;
	va_list ap;
	va_start(ap, fmt);
	fmt_vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	bootinfo_warn("topology: %s: one node", why);
}

/** Index of firmware's node @id; node_count: not known. */
static unsigned find_node(uint32_t id)
{
	unsigned i = 0;
	while (i < bootinfo.node_count && bootinfo.nodes[i].id != id)
		i++;
	return i;
}

void topology_set_node(uint64_t hwid, uint32_t id)
{
	struct boot_cpu *cpu = bootinfo.cpus, *end = cpu + bootinfo.cpu_count;
	while (cpu < end && cpu->hwid != hwid)
		cpu++;
	if (cpu == end)
		return;
	unsigned node = find_node(id);
	if (node == BOOT_NODES_MAX) {
		topology_refuse("more than %u nodes", BOOT_NODES_MAX);
		return;
	}
	if (node == bootinfo.node_count)
		bootinfo.nodes[bootinfo.node_count++].id = id;
	if (cpu->node != BOOT_NODE_NONE && cpu->node != node)
		topology_refuse("CPU 0x%llx is in nodes %u and %u", (unsigned long long)hwid,
				bootinfo.nodes[cpu->node].id, id);
	cpu->node = node;
}

void topology_set_distance(uint32_t from, uint32_t to, uint64_t distance)
{
	unsigned i = find_node(from), j = find_node(to);
	bool is_good = from == to ? distance == DISTANCE_LOCAL
				  : distance > DISTANCE_LOCAL && distance <= DISTANCE_MAX;
	if (i == bootinfo.node_count || j == bootinfo.node_count)
		return;
	if (is_good)
		bootinfo.nodes[i].distances[j] = (uint8_t)distance;
	else
		topology_refuse("distance %llu from node %u to node %u",
				(unsigned long long)distance, from, to);
}

static void check_nodes(void)
{
	for (unsigned i = 0; i < bootinfo.cpu_count && bootinfo.node_count; i++) {
		if (bootinfo.cpus[i].node == BOOT_NODE_NONE)
			topology_refuse("CPU 0x%llx is in no node",
					(unsigned long long)bootinfo.cpus[i].hwid);
	}
	if (bootinfo.node_count && !bootinfo.has_bad_nodes)
		return;
	memset(bootinfo.nodes, 0, sizeof(bootinfo.nodes));
	bootinfo.node_count = 1;
	for (unsigned i = 0; i < bootinfo.cpu_count; i++)
		bootinfo.cpus[i].node = 0;
}

/** What is not said of one direction is as in the other. */
static void complete_distances(void)
{
	for (unsigned i = 0; i < bootinfo.node_count; i++) {
		bootinfo.nodes[i].distances[i] = DISTANCE_LOCAL;
		for (unsigned j = 0; j < i; j++) {
			uint8_t *there = &bootinfo.nodes[i].distances[j];
			uint8_t *back = &bootinfo.nodes[j].distances[i];
			if (!*there)
				*there = *back ? *back : DISTANCE_REMOTE;
			if (!*back)
				*back = *there;
		}
	}
}

static unsigned count_shared(const struct boot_cpu *a, const struct boot_cpu *b)
{
	if (a->node != b->node)
		return 0;
	if (a->cache != b->cache)
		return 1;
	return a->core == b->core ? 3 : 2;
}

/** After each CPU the first of the rest that shares most with it. */
static void order_cpus(void)
{
	struct boot_cpu *cpus = bootinfo.cpus;
	for (unsigned i = 1; i < bootinfo.cpu_count; i++) {
		unsigned next = i;
		for (unsigned j = i + 1; j < bootinfo.cpu_count; j++) {
			if (count_shared(&cpus[i - 1], &cpus[j]) > count_shared(&cpus[i - 1], &cpus[next]))
				next = j;
		}
		struct boot_cpu cpu = cpus[next];
		memmove(&cpus[i + 1], &cpus[i], (next - i) * sizeof(cpu));
		cpus[i] = cpu;
	}
}

void topology_finish(void)
{
	check_nodes();
	complete_distances();
	order_cpus();
}
