// SPDX-License-Identifier: MIT
// What firmware says of nodes, right and wrong: CPUs get numbers that say who is near; a word that cannot be
// costs one line and leaves one node. Works on the real bootinfo, which is put back afterwards.
#include <hal/bootinfo.h>
#include <lib/string.h>
#include <lib/test.h>

static struct bootinfo kept;
static unsigned kept_warnings;

/** CPUs of hardware ids 100, 101, ... of which the first has booted. */
static void begin(unsigned cpus)
{
	kept = bootinfo;
	for (kept_warnings = 0; bootinfo_next_warning(kept_warnings);)
		kept_warnings++;
	memset(&bootinfo, 0, sizeof(bootinfo));
	bootinfo_set_boot_cpu(100);
	for (unsigned i = 1; i < cpus; i++)
		bootinfo_add_cpu(100 + i, 0);
}

static void end(void)
{
	bootinfo_forget_warnings(kept_warnings);
	bootinfo = kept;
}

/** All were said to be in one node, by one warning, @text. */
static bool is_refused(const char *text)
{
	const char *first = bootinfo_next_warning(kept_warnings);
	bool is_one = bootinfo.node_count == 1 && bootinfo.nodes[0].distances[0] == 10;
	for (unsigned i = 0; i < bootinfo.cpu_count; i++)
		is_one &= bootinfo.cpus[i].node == 0 && bootinfo.cpus[i].hwid == 100 + i;
	return is_one && first && strcmp(first, text) == 0 && !bootinfo_next_warning(kept_warnings + 1);
}

TEST(hal, H1_without_a_word_there_is_one_node)
{
	begin(3);
	topology_finish();
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.node_count, 1);
	EXPECT_EQ(bootinfo.nodes[0].distances[0], 10);
	for (unsigned i = 0; i < 3; i++)
		EXPECT(bootinfo.cpus[i].hwid == 100 + i && bootinfo.cpus[i].node == 0);
	end();
}

TEST(hal, H1_near_cpus_get_near_numbers)
{
	// Node, cache and core by hardware id, as firmware may list them: by turns.
	static const uint8_t nodes[] = {1, 0, 1, 0, 1, 0, 1, 0}, caches[] = {0, 0, 1, 0, 0, 0, 1, 0},
			     cores[] = {4, 1, 4, 2, 3, 1, 4, 2};
	static const uint8_t order[] = {0, 4, 2, 6, 1, 5, 3, 7};
	begin(8);
	for (unsigned i = 0; i < 8; i++) {
		topology_set_node(100 + i, nodes[i]);
		bootinfo.cpus[i].cache = caches[i];
		bootinfo.cpus[i].core = cores[i];
	}
	topology_set_node(999, 5); // no such CPU
	topology_set_distance(0, 1, 31);
	topology_set_distance(1, 7, 5); // no such node
	topology_finish();
	EXPECT(!bootinfo_next_warning(kept_warnings));
	EXPECT_EQ(bootinfo.node_count, 2);
	for (unsigned i = 0; i < 8; i++)
		EXPECT_EQ(bootinfo.cpus[i].hwid, 100u + order[i]);
	unsigned here = bootinfo.cpus[0].node, there = bootinfo.cpus[7].node;
	EXPECT(bootinfo.nodes[here].id == 1 && bootinfo.nodes[there].id == 0);
	EXPECT_EQ(bootinfo.nodes[here].distances[here], 10);
	EXPECT_EQ(bootinfo.nodes[there].distances[here], 31);
	EXPECT_EQ(bootinfo.nodes[here].distances[there], 31); // as there, so back
	end();
}

TEST(hal, H1_distances_that_are_not_said)
{
	begin(3);
	for (unsigned i = 0; i < 3; i++)
		topology_set_node(100 + i, i);
	topology_set_distance(2, 0, 255);
	topology_finish();
	EXPECT_EQ(bootinfo.nodes[0].distances[1], 20);
	EXPECT_EQ(bootinfo.nodes[0].distances[2], 255);
	EXPECT_EQ(bootinfo.nodes[2].distances[0], 255);
	end();
}

TEST(hal, H1_cpu_in_two_nodes)
{
	begin(3);
	topology_set_node(100, 0);
	topology_set_node(101, 1);
	topology_set_node(101, 0);
	topology_set_node(102, 1);
	topology_finish();
	EXPECT(is_refused("topology: CPU 0x65 is in nodes 1 and 0: one node"));
	end();
}

TEST(hal, H1_cpu_in_no_node)
{
	begin(4);
	topology_set_node(100, 0);
	topology_set_node(102, 1);
	topology_finish(); // two are in none: one line
	EXPECT(is_refused("topology: CPU 0x65 is in no node: one node"));
	end();
}

TEST(hal, H1_distances_that_cannot_be)
{
	static const struct {
		uint32_t to;
		uint64_t distance;
		const char *text;
	} wrong[] = {
		{1, 9, "topology: distance 9 from node 0 to node 1: one node"},
		{1, 10, "topology: distance 10 from node 0 to node 1: one node"},
		{1, 0, "topology: distance 0 from node 0 to node 1: one node"},
		{1, 256, "topology: distance 256 from node 0 to node 1: one node"},
		{0, 11, "topology: distance 11 from node 0 to node 0: one node"},
	};
	for (unsigned i = 0; i < array_len(wrong); i++) {
		begin(2);
		topology_set_node(100, 0);
		topology_set_node(101, 1);
		topology_set_distance(0, wrong[i].to, wrong[i].distance);
		topology_set_distance(1, 0, 3); // the same fault again: no second line
		topology_finish();
		EXPECT(is_refused(wrong[i].text));
		end();
	}
}

TEST(hal, H1_more_nodes_than_can_be_kept)
{
	begin(BOOT_NODES_MAX + 2);
	for (unsigned i = 0; i < BOOT_NODES_MAX + 2; i++)
		topology_set_node(100 + i, 1000 * i);
	topology_finish();
	EXPECT(is_refused("topology: more than 16 nodes: one node"));
	end();
}
