// SPDX-License-Identifier: MIT
// Device trees that are cut off or contradict themselves: each fault costs one line, which names it, and
// what is left is usable. Works on the real bootinfo and tree, which are put back afterwards.
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <lib/string.h>
#include <lib/test.h>

#include "../../../lib/tests/fdt_builder.h"

#define IMAGE 0x80200000u
#define TREE 0x88000000u // where the blob claims to be

static struct bootinfo kept;
static struct fdt kept_fdt;
static unsigned kept_warnings;
static struct fdt_builder b;

/** The root node is open, in cells of 2 and 2. */
static void begin(void)
{
	kept = bootinfo;
	kept_fdt = hal_fdt;
	for (kept_warnings = 0; bootinfo_next_warning(kept_warnings);)
		kept_warnings++;
	memset(&bootinfo, 0, sizeof(bootinfo));
	bootinfo.image = (struct boot_range){IMAGE, 0x200000};
	memset(&b, 0, sizeof(b));
	build_node(&b, "");
	build_cells(&b, "#address-cells", 2);
	build_cells(&b, "#size-cells", 2);
}

static void add_memory(const char *name, uint32_t base, uint32_t size)
{
	build_node(&b, name);
	build_string(&b, "device_type", "memory");
	build_cells(&b, "reg", 0, base, 0, size);
	build_end(&b);
}

static void add_cpu(const char *name, uint32_t id)
{
	build_node(&b, name);
	build_string(&b, "device_type", "cpu");
	build_cells(&b, "reg", id);
	build_end(&b);
}

/** /cpus with CPUs 0 to @count - 1. */
static void add_cpus(unsigned count)
{
	static const char *const names[] = {"cpu@0", "cpu@1", "cpu@2"};
	build_node(&b, "cpus");
	build_cells(&b, "#address-cells", 1);
	build_cells(&b, "#size-cells", 0);
	for (unsigned i = 0; i < count; i++)
		add_cpu(names[i], i);
	build_end(&b);
}

/** Close the tree and read it, as if CPU @boot_hwid ran. */
static err_t fill(uint64_t boot_hwid)
{
	build_end(&b);
	build_finish(&b);
	return dt_fill_bootinfo(b.blob, TREE, boot_hwid);
}

/** There was exactly one warning, and it is @text. */
static bool warned_once(const char *text)
{
	const char *first = bootinfo_next_warning(kept_warnings);
	return first && strcmp(first, text) == 0 && !bootinfo_next_warning(kept_warnings + 1);
}

static void end(void)
{
	bootinfo_forget_warnings(kept_warnings);
	bootinfo = kept;
	hal_fdt = kept_fdt;
}

TEST(hal, H1_sane_tree_costs_no_warning)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	add_memory("memory@0", 0, 0); // firmware leaves such behind
	add_cpus(3);
	EXPECT_EQ(fill(1), 0);
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.cpu_count, 3);
	EXPECT_EQ(bootinfo.cpus[0].hwid, 1);
	EXPECT_EQ(bootinfo.ram_count, 1);
	end();
}

TEST(hal, H1_tree_that_is_cut_off)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	build_end(&b);
	build_finish(&b);
	for (size_t len = 0; len < b.len; len++) {
		static uint8_t cut[sizeof(b.blob)];
		memset(cut, 0, sizeof(cut));
		memcpy(cut, b.blob, len);
		if (memcmp(cut, b.blob, b.len) == 0)
			continue; // only zeroes were cut
		memset(&bootinfo, 0, sizeof(bootinfo));
		bootinfo_forget_warnings(kept_warnings);
		err_t err = dt_fill_bootinfo(cut, TREE, 0);
		EXPECT(bootinfo_next_warning(kept_warnings) != NULL); // no /cpus, at least
		EXPECT(err == 0 || warned_once("no valid device tree at 0x88000000"));
		EXPECT_EQ(bootinfo.cpu_count, 1);
	}
	end();
}

TEST(hal, H1_memory_ranges_that_overlap)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x8000000);
	add_memory("memory@84000000", 0x84000000, 0x8000000);
	add_cpus(1);
	EXPECT_EQ(fill(0), 0);
	EXPECT(warned_once("device tree: RAM at 0x84000000 overlaps RAM at 0x80000000: joined"));
	EXPECT_EQ(bootinfo.ram_count, 1);
	EXPECT_EQ(bootinfo.ram[0].size, 0xc000000);
	end();
}

TEST(hal, H1_memory_said_twice)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	add_memory("memory@80000001", 0x80000000, 0x10000000);
	add_cpus(1);
	EXPECT_EQ(fill(0), 0);
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.ram_count, 1);
	end();
}

TEST(hal, H1_no_memory)
{
	begin();
	add_cpus(1);
	EXPECT_EQ(fill(0), 0);
	EXPECT(warned_once("device tree: no usable node with device_type = \"memory\""));
	EXPECT_EQ(bootinfo.ram_count, 0);
	end();
}

static void fill_with_initrd(uint32_t start, uint32_t stop)
{
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	add_cpus(1);
	build_node(&b, "chosen");
	build_cells(&b, "linux,initrd-start", start);
	build_cells(&b, "linux,initrd-end", stop);
	build_end(&b);
	EXPECT_EQ(fill(0), 0);
}

TEST(hal, H1_initrd_over_the_kernel)
{
	begin();
	fill_with_initrd(IMAGE + 0x100000, IMAGE + 0x400000);
	EXPECT(warned_once("initrd from 0x80300000 to 0x80600000 overlaps the kernel: ignored"));
	EXPECT_EQ(bootinfo.initrd.size, 0);
	end();
	begin();
	fill_with_initrd(IMAGE + 0x200000, IMAGE + 0x400000); // right behind it
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.initrd.size, 0x200000);
	end();
}

TEST(hal, H1_initrd_beyond_ram)
{
	begin();
	fill_with_initrd(0x8ff00000, 0x90100000);
	EXPECT(warned_once("initrd from 0x8ff00000 to 0x90100000 is not in RAM: ignored"));
	EXPECT_EQ(bootinfo.initrd.size, 0);
	end();
}

TEST(hal, H1_no_cpus_listed)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	add_cpus(0);
	EXPECT_EQ(fill(5), 0);
	EXPECT(warned_once("device tree: /cpus does not list the CPU that boots (id 0x5): 0 more used"));
	EXPECT_EQ(bootinfo.cpu_count, 1);
	EXPECT_EQ(bootinfo.cpus[0].hwid, 5);
	end();
}

TEST(hal, H1_cpu_listed_twice)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	build_node(&b, "cpus");
	build_cells(&b, "#address-cells", 1);
	build_cells(&b, "#size-cells", 0);
	add_cpu("cpu@0", 0);
	add_cpu("cpu@1", 1);
	add_cpu("cpu@1b", 1);
	build_end(&b);
	EXPECT_EQ(fill(0), 0);
	EXPECT(warned_once("CPU with id 0x1 is listed twice"));
	EXPECT_EQ(bootinfo.cpu_count, 2);
	end();
}

TEST(hal, H1_memory_that_must_not_be_mapped)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	add_cpus(1);
	build_node(&b, "reserved-memory");
	build_cells(&b, "#address-cells", 2);
	build_cells(&b, "#size-cells", 2);
	build_prop(&b, "ranges", "", 0);
	build_node(&b, "firmware@80000000");
	build_cells(&b, "reg", 0, 0x80000000, 0, 0x40000);
	build_cells(&b, "no-map", 0);
	build_end(&b);
	build_node(&b, "trusted@84000800");
	build_cells(&b, "reg", 0, 0x84000800, 0, 0x1000);
	build_cells(&b, "no-map", 0);
	build_end(&b);
	build_node(&b, "kept@85000000");
	build_cells(&b, "reg", 0, 0x85000000, 0, 0x1000);
	build_end(&b);
	build_end(&b);
	EXPECT_EQ(fill(0), 0);
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.ram_count, 2);
	EXPECT_EQ(bootinfo.ram[0].base, 0x80040000);
	EXPECT_EQ(bootinfo.ram[0].size, 0x84000000 - 0x80040000);
	EXPECT_EQ(bootinfo.ram[1].base, 0x84002000);
	EXPECT_EQ(bootinfo.ram[1].size, 0x90000000 - 0x84002000);
	EXPECT(bootinfo_is_ram(0x85000000, 0x1000));
	end();
}

/** A CPU of a node, with a phandle, and caches behind it; BOOT_NODE_NONE: nothing is said of nodes. */
static void add_placed_cpu(const char *name, uint32_t id, uint32_t node, uint32_t cache)
{
	build_node(&b, name);
	build_string(&b, "device_type", "cpu");
	build_cells(&b, "reg", id);
	build_cells(&b, "phandle", 100 + id);
	if (node != BOOT_NODE_NONE)
		build_cells(&b, "numa-node-id", node);
	if (cache)
		build_cells(&b, "next-level-cache", cache);
	build_end(&b);
}

/** Four CPUs, of firmware's nodes 5 and 9 by turns. */
static void add_placed_cpus(uint32_t last_node)
{
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	build_node(&b, "cpus");
	build_cells(&b, "#address-cells", 1);
	build_cells(&b, "#size-cells", 0);
	add_placed_cpu("cpu@0", 0, 5, 0);
	add_placed_cpu("cpu@1", 1, 9, 0);
	add_placed_cpu("cpu@2", 2, 5, 0);
	add_placed_cpu("cpu@3", 3, last_node, 0);
	build_end(&b);
}

/** From node 5 to 9 it is @distance; of a node without CPUs what is said does not matter. @more cells follow. */
static void add_distances(uint32_t distance, size_t more)
{
	const uint32_t matrix[] = {5, 5, 10, 5, 9, distance, 9, 9, 10, 7, 5, 1, 5};
	uint8_t bytes[sizeof(matrix)];
	for (size_t i = 0; i < array_len(matrix); i++)
		put_cell(bytes + 4 * i, matrix[i]);
	build_node(&b, "distance-map");
	build_string(&b, "compatible", "numa-distance-map-v1");
	build_prop(&b, "distance-matrix", bytes, (12 + more) * 4);
	build_end(&b);
}

TEST(hal, H1_nodes_of_the_tree)
{
	begin();
	add_placed_cpus(9);
	add_distances(40, 0);
	EXPECT_EQ(fill(0), 0);
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.node_count, 2);
	EXPECT(bootinfo.cpus[1].hwid == 2 && bootinfo.cpus[1].node == bootinfo.cpus[0].node);
	EXPECT(bootinfo.cpus[2].hwid == 1 && bootinfo.cpus[2].node == bootinfo.cpus[3].node);
	unsigned here = bootinfo.cpus[0].node, there = bootinfo.cpus[2].node;
	EXPECT(bootinfo.nodes[here].id == 5 && bootinfo.nodes[there].id == 9);
	EXPECT(bootinfo.nodes[here].distances[there] == 40 && bootinfo.nodes[there].distances[here] == 40);
	end();
}

TEST(hal, H1_nodes_of_the_tree_that_cannot_be)
{
	begin();
	add_placed_cpus(9);
	add_distances(10, 0);
	EXPECT_EQ(fill(0), 0);
	EXPECT(warned_once("topology: distance 10 from node 5 to node 9: one node"));
	EXPECT(bootinfo.node_count == 1 && bootinfo.cpus[1].hwid == 1);
	end();
	begin();
	add_placed_cpus(9);
	add_distances(40, 1);
	EXPECT_EQ(fill(0), 0);
	EXPECT(warned_once("topology: the distance map's length is wrong: one node"));
	end();
	begin();
	add_placed_cpus(BOOT_NODE_NONE);
	EXPECT_EQ(fill(0), 0);
	EXPECT(warned_once("topology: CPU 0x3 is in no node: one node"));
	end();
}

TEST(hal, H1_caches_and_cores_of_the_tree)
{
	begin();
	add_memory("memory@80000000", 0x80000000, 0x10000000);
	build_node(&b, "cpus");
	build_cells(&b, "#address-cells", 1);
	build_cells(&b, "#size-cells", 0);
	add_placed_cpu("cpu@0", 0, BOOT_NODE_NONE, 20);
	add_placed_cpu("cpu@1", 1, BOOT_NODE_NONE, 21);
	add_placed_cpu("cpu@2", 2, BOOT_NODE_NONE, 22);
	add_placed_cpu("cpu@3", 3, BOOT_NODE_NONE, 0); // its cluster stands for the cache
	for (uint32_t i = 0; i < 3; i++) {
		static const char *const names[] = {"l2-0", "l2-1", "l2-2"};
		build_node(&b, names[i]);
		build_cells(&b, "phandle", 20 + i);
		if (i < 2) // 0 and 1 share a third one; 2 has none; it names itself
			build_cells(&b, "next-level-cache", 30);
		else
			build_cells(&b, "next-level-cache", 22);
		build_end(&b);
	}
	build_node(&b, "l3");
	build_cells(&b, "phandle", 30);
	build_end(&b);
	build_node(&b, "cpu-map");
	build_node(&b, "cluster0");
	build_node(&b, "core0");
	build_node(&b, "thread0");
	build_cells(&b, "cpu", 100);
	build_end(&b);
	build_node(&b, "thread1");
	build_cells(&b, "cpu", 101);
	build_end(&b);
	build_end(&b);
	build_node(&b, "core1");
	build_cells(&b, "cpu", 102);
	build_end(&b);
	build_node(&b, "core2");
	build_cells(&b, "cpu", 103);
	build_end(&b);
	build_node(&b, "core3");
	build_cells(&b, "cpu", 12345); // nobody
	build_end(&b);
	build_end(&b);
	build_end(&b);
	build_end(&b);
	EXPECT_EQ(fill(0), 0);
	EXPECT(!bootinfo_next_warning(kept_warnings));
	const struct boot_cpu *cpus = bootinfo.cpus;
	EXPECT(cpus[0].hwid == 0 && cpus[1].hwid == 1);
	EXPECT(cpus[0].cache == cpus[1].cache && cpus[0].core == cpus[1].core);
	EXPECT(cpus[2].cache != cpus[1].cache && cpus[3].cache != cpus[2].cache);
	EXPECT(cpus[2].core != cpus[1].core && cpus[3].core != cpus[2].core);
	end();
}
