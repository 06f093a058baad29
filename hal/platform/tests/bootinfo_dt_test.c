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
