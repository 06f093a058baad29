// SPDX-License-Identifier: MIT
// Which CPUs are near each other, from a device tree: nodes by numa-node-id and the distance map; cores
// by /cpus/cpu-map; caches by next-level-cache, else by the clusters of cpu-map.
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <lib/string.h>
#include <uapi/errno.h>

#include "topology_dt.h"

#define CACHE_LEVELS_MAX 4
#define NO_CACHE UINT32_MAX
#define ENTRY_BYTES 12 // of the distance matrix: from, to, distance

/** The entry of the CPU node @node in bootinfo.cpus; NULL. */
static struct boot_cpu *cpu_of(int node)
{
	uint64_t hwid, size;
	if (fdt_reg_raw(&hal_fdt, node, 0, &hwid, &size) != 0)
		return NULL;
	for (unsigned i = 0; i < bootinfo.cpu_count; i++) {
		if (bootinfo.cpus[i].hwid == hwid)
			return &bootinfo.cpus[i];
	}
	return NULL;
}

/** The last cache behind the CPU node @node, or NO_CACHE. */
static uint32_t last_cache(int node)
{
	uint32_t phandle, last = NO_CACHE;
	for (unsigned i = 0; i < CACHE_LEVELS_MAX && node >= 0; i++) {
		if (fdt_u32(&hal_fdt, node, "next-level-cache", &phandle) != 0)
			break;
		last = phandle;
		node = fdt_find_phandle(&hal_fdt, phandle);
	}
	return last;
}

static void read_cpu(int node, struct boot_cpu *cpu)
{
	uint32_t id;
	err_t err = fdt_u32(&hal_fdt, node, "numa-node-id", &id);
	if (!err)
		topology_set_node(cpu->hwid, id);
	else if (err != -ENOENT)
		topology_refuse("numa-node-id of %s is malformed", fdt_node_name(&hal_fdt, node));
	cpu->cache = last_cache(node);
}

/** Under @node of cpu-map, which is of @cluster and @core: CPUs, threads, cores, clusters, sockets. */
static void read_map(int node, int cluster, int core, unsigned depth)
{
	uint32_t phandle;
	int child, target = -ENOENT;
	if (fdt_u32(&hal_fdt, node, "cpu", &phandle) == 0)
		target = fdt_find_phandle(&hal_fdt, phandle);
	struct boot_cpu *cpu = target < 0 ? NULL : cpu_of(target);
	if (cpu) {
		cpu->core = (uint32_t)core;
		if (cpu->cache == NO_CACHE)
			cpu->cache = (uint32_t)cluster;
	}
	fdt_for_each_child(child, &hal_fdt, node) {
		const char *name = fdt_node_name(&hal_fdt, child);
		bool is_core = strncmp(name, "core", 4) == 0;
		bool is_thread = strncmp(name, "thread", 6) == 0;
		if (depth < FDT_DEPTH_MAX)
			read_map(child, is_core || is_thread ? cluster : child,
				 is_thread ? core : child, depth + 1);
	}
}

static void read_distances(void)
{
	size_t len;
	int map = fdt_find_compatible(&hal_fdt, -1, "numa-distance-map-v1");
	if (map < 0)
		return;
	const void *matrix = fdt_property(&hal_fdt, map, "distance-matrix", &len);
	if (!matrix || len % ENTRY_BYTES)
		topology_refuse("the distance map's length is wrong");
	for (size_t i = 0; matrix && i < len / 4 - len / 4 % 3; i += 3)
		topology_set_distance(fdt_cell(matrix, i), fdt_cell(matrix, i + 1),
				      fdt_cell(matrix, i + 2));
}

void dt_topology_read(void)
{
	int node, parent = fdt_find_path(&hal_fdt, "/cpus");
	fdt_for_each_child(node, &hal_fdt, parent) {
		struct boot_cpu *cpu = cpu_of(node);
		if (cpu)
			read_cpu(node, cpu);
	}
	int map = parent < 0 ? parent : fdt_find_child(&hal_fdt, parent, "cpu-map");
	if (map >= 0)
		read_map(map, map, map, 0);
	read_distances();
	topology_finish();
}
