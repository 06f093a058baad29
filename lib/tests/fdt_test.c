// SPDX-License-Identifier: MIT
// If these fail, the kernel finds no console, memory or interrupts on device-tree machines, or is
// led astray by a broken tree.
#include <lib/fdt.h>
#include <lib/string.h>
#include <lib/test.h>

#include <uapi/errno.h>

#include "fdt_builder.h"

static struct fdt_builder builder;

static void build_soc(struct fdt_builder *b)
{
	build_node(b, "soc");
	build_cells(b, "#address-cells", 1);
	build_cells(b, "#size-cells", 1);
	// bus 0x7e000000 -> 0xfe000000, and bus 0x40000000 -> 0x4_ff800000
	build_cells(b, "ranges", 0x7e000000, 0, 0xfe000000, 0x01800000, 0x40000000, 4, 0xff800000,
		    0x00800000);
	build_cells(b, "interrupt-parent", 1);
	build_node(b, "serial@7e201000");
	build_prop(b, "compatible", "arm,pl011\0arm,primecell", 24);
	build_cells(b, "reg", 0x7e201000, 0x200, 0x40001000, 0x40);
	build_prop(b, "reg-names", "a\0bc", 5);
	build_cells(b, "interrupts", 0, 121, 4, 0, 122, 4);
	build_string(b, "status", "okay");
	build_end(b);
	build_node(b, "timer");
	build_string(b, "compatible", "arm,timer");
	build_cells(b, "interrupts-extended", 1, 1, 13, 8, 2, 99, 1, 1, 14, 8);
	build_cells(b, "reg", 0x10000000, 4, 0x7f800000, 4);
	build_string(b, "status", "disabled");
	build_end(b);
	build_end(b);
}

static void build_interrupt_controllers(struct fdt_builder *b)
{
	build_node(b, "intc@ff840000");
	build_cells(b, "phandle", 1);
	build_cells(b, "#interrupt-cells", 3);
	build_cells(b, "#address-cells", 2);
	build_prop(b, "interrupt-controller", "", 0);
	build_cells(b, "reg", 0, 0xff840000, 0, 0x1000);
	build_end(b);
	build_node(b, "gpio");
	build_cells(b, "phandle", 2);
	build_cells(b, "#interrupt-cells", 1);
	build_end(b);
	build_node(b, "pcie");
	build_cells(b, "#address-cells", 3);
	build_cells(b, "#size-cells", 2);
	build_cells(b, "#interrupt-cells", 1);
	build_cells(b, "interrupt-map-mask", 0x1800, 0, 0, 7);
	build_cells(b, "interrupt-map", 0, 0, 0, 1, 1, 0, 0, 0, 3, 4, 0x800, 0, 0, 1, 2, 77);
	build_end(b);
}

static void build_tree(struct fdt_builder *b)
{
	memset(b, 0, sizeof(*b));
	build_cell(b, 4); // a NOP before the root
	build_node(b, "");
	build_cells(b, "#address-cells", 2);
	build_cells(b, "#size-cells", 2);
	build_node(b, "aliases");
	build_string(b, "serial0", "/soc/serial@7e201000");
	build_string(b, "loop", "loop");
	build_end(b);
	build_node(b, "chosen");
	build_string(b, "stdout-path", "serial0:115200n8");
	build_cells(b, "linux,initrd-start", 0, 0x48000000);
	build_cells(b, "short", 0x1234);
	build_prop(b, "raw", "abc", 3);
	build_end(b);
	build_node(b, "memory@40000000");
	build_string(b, "device_type", "memory");
	build_cells(b, "reg", 0, 0x40000000, 1, 0, 2, 0, 0, 0x1000);
	build_end(b);
	build_cell(b, 4);
	build_soc(b);
	build_interrupt_controllers(b);
	build_end(b);
	build_finish(b);
}

static void open_tree(struct fdt *fdt)
{
	build_tree(&builder);
	EXPECT_EQ(fdt_open(fdt, builder.blob, builder.len), 0);
}

TEST(lib, fdt_finds_nodes)
{
	struct fdt fdt;

	open_tree(&fdt);
	int soc = fdt_find_path(&fdt, "/soc"), uart = fdt_find_path(&fdt, "/soc/serial@7e201000");

	EXPECT(soc > 0 && uart > soc);
	EXPECT(strcmp(fdt_node_name(&fdt, uart), "serial@7e201000") == 0);
	EXPECT_EQ(fdt_find_path(&fdt, "/soc/serial"), uart);
	EXPECT_EQ(fdt_find_path(&fdt, "/soc/serial@7e201000/"), uart);
	EXPECT_EQ(fdt_find_path(&fdt, "/"), fdt_root(&fdt));
	EXPECT_EQ(fdt_find_path(&fdt, "serial0"), uart);
	EXPECT_EQ(fdt_find_path(&fdt, "serial0:115200n8"), uart);
	EXPECT_EQ(fdt_stdout(&fdt), uart);
	EXPECT_EQ(fdt_find_path(&fdt, "loop"), -ENOENT); // an alias of an alias is none
	EXPECT_EQ(fdt_find_path(&fdt, "/soc/serial@7e20100"), -ENOENT);
	EXPECT_EQ(fdt_find_path(&fdt, "/so"), -ENOENT);
	EXPECT_EQ(fdt_find_path(&fdt, ""), -ENOENT);
	EXPECT_EQ(fdt_parent(&fdt, uart), soc);
	EXPECT_EQ(fdt_parent(&fdt, soc), fdt_root(&fdt));
	EXPECT_EQ(fdt_parent(&fdt, fdt_root(&fdt)), -ENOENT);
	EXPECT_EQ(fdt_find_child(&fdt, soc, "timer"), fdt_next_sibling(&fdt, uart));
	EXPECT_EQ(fdt_next_sibling(&fdt, fdt_root(&fdt)), -ENOENT);
	EXPECT_EQ(fdt_first_child(&fdt, uart), -ENOENT);
}

TEST(lib, fdt_walks_all_nodes)
{
	struct fdt fdt;
	int node, children = 0, nodes = 0;

	open_tree(&fdt);
	fdt_for_each_child(node, &fdt, fdt_root(&fdt))
		children++;
	EXPECT_EQ(children, 7);
	for (node = fdt_root(&fdt); node >= 0; node = fdt_next_node(&fdt, node))
		nodes++;
	EXPECT_EQ(node, -ENOENT);
	EXPECT_EQ(nodes, 10);
}

TEST(lib, fdt_matches_compatible_and_status)
{
	struct fdt fdt;

	open_tree(&fdt);
	int uart = fdt_find_compatible(&fdt, -1, "arm,primecell");
	int timer = fdt_find_compatible(&fdt, uart, "arm,timer");

	EXPECT_EQ(uart, fdt_find_path(&fdt, "/soc/serial"));
	EXPECT_EQ(fdt_find_compatible(&fdt, uart, "arm,pl011"), -ENOENT);
	EXPECT_EQ(fdt_find_compatible(&fdt, -1, "arm,pl01"), -ENOENT);
	EXPECT(fdt_is_enabled(&fdt, uart) && !fdt_is_enabled(&fdt, timer));
	EXPECT(fdt_is_enabled(&fdt, fdt_root(&fdt)));
	EXPECT_EQ(fdt_string_index(&fdt, uart, "reg-names", "bc"), 1);
	EXPECT_EQ(fdt_string_index(&fdt, uart, "reg-names", "b"), -ENOENT);
	EXPECT(!fdt_string_list_contains("ab", 2, "ab")); // no terminator
	EXPECT(fdt_string_list_contains("\0ab", 4, "ab"));
}

TEST(lib, fdt_reads_numbers_by_their_length)
{
	struct fdt fdt;
	uint32_t u32;
	uint64_t u64;

	open_tree(&fdt);
	int chosen = fdt_find_path(&fdt, "/chosen");

	EXPECT(fdt_u64(&fdt, chosen, "linux,initrd-start", &u64) == 0 && u64 == 0x48000000);
	EXPECT_EQ(fdt_u32(&fdt, chosen, "linux,initrd-start", &u32), -EINVAL);
	EXPECT_EQ(fdt_u64(&fdt, chosen, "short", &u64), -EINVAL);
	EXPECT(fdt_number(&fdt, chosen, "short", &u64) == 0 && u64 == 0x1234);
	EXPECT_EQ(fdt_number(&fdt, chosen, "stdout-path", &u64), -EINVAL);
	EXPECT_EQ(fdt_number(&fdt, chosen, "none", &u64), -ENOENT);
	EXPECT_EQ(fdt_u32_or(&fdt, chosen, "none", 5), 5);
	EXPECT(fdt_string(&fdt, chosen, "raw") == NULL); // it has no end
}

TEST(lib, fdt_translates_addresses)
{
	struct fdt fdt;
	paddr_t addr;
	uint64_t size;

	open_tree(&fdt);
	int memory = fdt_find_path(&fdt, "/memory"), uart = fdt_find_path(&fdt, "serial0");

	EXPECT(fdt_reg(&fdt, memory, 0, &addr, &size) == 0);
	EXPECT_EQ(addr, 0x40000000);
	EXPECT_EQ(size, 1ull << 32);
	EXPECT(fdt_reg(&fdt, memory, 1, &addr, &size) == 0 && addr == 2ull << 32);
	EXPECT_EQ(fdt_reg(&fdt, memory, 2, &addr, &size), -ENOENT);
	EXPECT(fdt_reg(&fdt, uart, 0, &addr, &size) == 0);
	EXPECT_EQ(addr, 0xfe201000);
	EXPECT_EQ(size, 0x200);
	EXPECT(fdt_reg(&fdt, uart, 1, &addr, &size) == 0 && addr == 0x4ff801000ull);
	EXPECT(fdt_reg_raw(&fdt, uart, 0, &addr, &size) == 0 && addr == 0x7e201000);
	int timer = fdt_find_path(&fdt, "/soc/timer");

	EXPECT_EQ(fdt_reg(&fdt, timer, 0, &addr, &size), -ENXIO); // before the bus's ranges
	EXPECT_EQ(fdt_reg(&fdt, timer, 1, &addr, &size), -ENXIO); // behind them
	EXPECT_EQ(fdt_reg(&fdt, fdt_find_path(&fdt, "/chosen"), 0, &addr, &size), -ENOENT);
	EXPECT_EQ(fdt_reg(&fdt, fdt_root(&fdt), 0, &addr, &size), -EINVAL);
}

TEST(lib, fdt_resolves_interrupts)
{
	struct fdt fdt;
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned n;
	int intc;

	open_tree(&fdt);
	int gic = fdt_find_path(&fdt, "/intc"), gpio = fdt_find_path(&fdt, "/gpio");
	int uart = fdt_find_path(&fdt, "serial0"), timer = fdt_find_path(&fdt, "/soc/timer");

	EXPECT_EQ(fdt_find_phandle(&fdt, 1), gic);
	EXPECT(fdt_interrupts(&fdt, uart, 1, cells, &n, &intc) == 0);
	EXPECT(n == 3 && intc == gic && cells[0] == 0 && cells[1] == 122 && cells[2] == 4);
	EXPECT_EQ(fdt_interrupts(&fdt, uart, 2, cells, &n, &intc), -ENOENT);
	EXPECT(fdt_interrupts(&fdt, timer, 1, cells, &n, &intc) == 0);
	EXPECT(n == 1 && intc == gpio && cells[0] == 99);
	EXPECT(fdt_interrupts(&fdt, timer, 2, cells, &n, &intc) == 0 && cells[1] == 14);
	EXPECT_EQ(fdt_interrupts(&fdt, timer, 3, cells, &n, &intc), -ENOENT);
	EXPECT_EQ(fdt_interrupts(&fdt, gic, 0, cells, &n, &intc), -ENOENT);
}

TEST(lib, fdt_maps_pci_interrupts)
{
	static const uint32_t slot0[] = {0x2000, 1, 2}, slot1[] = {0x800, 0, 0};
	static const uint32_t pin_a = 1, pin_b = 2;
	struct fdt fdt;
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned n;
	int intc;

	open_tree(&fdt);
	int pcie = fdt_find_path(&fdt, "/pcie");

	EXPECT(fdt_interrupt_map(&fdt, pcie, slot0, &pin_a, cells, &n, &intc) == 0);
	EXPECT(n == 3 && cells[1] == 3 && cells[2] == 4 && intc == fdt_find_phandle(&fdt, 1));
	EXPECT(fdt_interrupt_map(&fdt, pcie, slot1, &pin_a, cells, &n, &intc) == 0);
	EXPECT(n == 1 && cells[0] == 77 && intc == fdt_find_phandle(&fdt, 2));
	EXPECT_EQ(fdt_interrupt_map(&fdt, pcie, slot1, &pin_b, cells, &n, &intc), -ENOENT);
}

TEST(lib, fdt_lists_reservations)
{
	struct fdt fdt;
	paddr_t addr;
	uint64_t size;

	open_tree(&fdt);
	EXPECT(fdt_memreserve(&fdt, 0, &addr, &size) == 0 && addr == 0x1000 && size == 0x2000);
	EXPECT_EQ(fdt_memreserve(&fdt, 1, &addr, &size), -ENOENT);
}

// A copy of the tree that ends where the array ends, so that sanitizers see one byte too many.
static uint8_t arena[sizeof(((struct fdt_builder *)0)->blob)];

static uint8_t *copy_to_end(size_t len)
{
	uint8_t *p = arena + sizeof(arena) - len;

	memcpy(p, builder.blob, len);
	return p;
}

TEST(lib, fdt_refuses_every_truncation)
{
	struct fdt fdt;
	int accepted = 0;

	build_tree(&builder);
	EXPECT_EQ(fdt_open(&fdt, copy_to_end(builder.len), builder.len), 0);
	EXPECT_EQ(fdt_open(&fdt, copy_to_end(builder.len), builder.len - 1), -E2BIG);
	for (size_t len = 0; len < builder.len; len++) {
		uint8_t *blob = copy_to_end(len);

		accepted += fdt_open(&fdt, blob, len) == 0;
		if (len < 8)
			continue;
		put_cell(blob + 4, len); // the header lies along
		accepted += fdt_open(&fdt, blob, len) == 0;
	}
	EXPECT_EQ(accepted, 0);
}

TEST(lib, fdt_refuses_properties_that_reach_outside)
{
	// With the fourth, a sum that wraps would lead back to the NOP, round and round.
	static const uint32_t lengths[] = {9, 12, 0x7fffffff, 0xfffffff0, 0xffffffff};
	struct fdt fdt;

	for (size_t i = 0; i < array_len(lengths); i++) {
		memset(&builder, 0, sizeof(builder));
		build_node(&builder, "");
		build_cell(&builder, 4);
		build_cells(&builder, "p", 1);
		put_cell(builder.tree + 16, lengths[i]);
		build_end(&builder);
		build_finish(&builder);
		EXPECT_EQ(fdt_open(&fdt, builder.blob, builder.len), -EINVAL);
	}
}

TEST(lib, fdt_refuses_names_without_end)
{
	struct fdt fdt;

	build_tree(&builder);
	uint8_t *blob = copy_to_end(builder.len);

	blob[builder.len - 1] = 'x'; // the end of the strings block
	EXPECT_EQ(fdt_open(&fdt, blob, builder.len), -EINVAL);
	memset(&builder, 0, sizeof(builder));
	build_node(&builder, "");
	build_cells(&builder, "p", 1);
	put_cell(builder.tree + 16, 2); // its name would begin where the block ends
	build_end(&builder);
	build_finish(&builder);
	EXPECT_EQ(fdt_open(&fdt, builder.blob, builder.len), -EINVAL);
}

/** Ask everything of every node, by way of the functions that a kernel uses at boot. */
static size_t use_everything(const struct fdt *fdt)
{
	uint32_t cells[FDT_INTR_CELLS_MAX];
	static const uint32_t address[4], pin[FDT_INTR_CELLS_MAX] = {1};
	paddr_t addr;
	uint64_t size;
	unsigned n;
	int intc;
	size_t steps = 0;

	for (int node = fdt_root(fdt); node >= 0; node = fdt_next_node(fdt, node), steps++) {
		steps += fdt_reg(fdt, node, 0, &addr, &size) == 0;
		steps += fdt_interrupts(fdt, node, 1, cells, &n, &intc) == 0;
		steps += fdt_interrupt_map(fdt, node, address, pin, cells, &n, &intc) == 0;
		steps += fdt_is_enabled(fdt, node) + fdt_is_compatible(fdt, node, "arm,timer");
		steps += strlen(fdt_node_name(fdt, node));
	}
	steps += fdt_stdout(fdt) >= 0;
	return steps;
}

TEST(lib, fdt_survives_every_flipped_bit)
{
	struct fdt fdt;
	size_t accepted = 0, steps = 0;

	build_tree(&builder);
	uint8_t *blob = copy_to_end(builder.len);

	for (size_t bit = 0; bit < 8 * builder.len; bit++) {
		blob[bit / 8] ^= 1 << (bit % 8);
		if (fdt_open(&fdt, blob, builder.len) == 0) {
			accepted++;
			steps += use_everything(&fdt);
		}
		blob[bit / 8] ^= 1 << (bit % 8);
	}
	EXPECT(accepted > 0 && accepted < 8 * builder.len && steps > accepted);
}

TEST(lib, fdt_survives_a_change_after_opening)
{
	struct fdt fdt;
	size_t steps = 0;

	build_tree(&builder);
	uint8_t *blob = copy_to_end(builder.len);

	EXPECT_EQ(fdt_open(&fdt, blob, builder.len), 0);
	for (size_t byte = fdt.struct_off; byte < builder.len; byte++) {
		uint8_t old = blob[byte];

		blob[byte] = 0xff;
		steps += fdt_next_node(&fdt, fdt_root(&fdt)) >= 0;
		steps += fdt_find_path(&fdt, "serial0") >= 0;
		blob[byte] = old;
	}
	EXPECT(steps > 0);
}

TEST(lib, fdt_bounds_nesting)
{
	struct fdt fdt;

	for (int depth = FDT_DEPTH_MAX; depth <= FDT_DEPTH_MAX + 1; depth++) {
		memset(&builder, 0, sizeof(builder));
		for (int i = 0; i < depth; i++)
			build_node(&builder, "");
		for (int i = 0; i < depth; i++)
			build_end(&builder);
		build_finish(&builder);
		EXPECT_EQ(fdt_open(&fdt, builder.blob, builder.len),
			  depth <= FDT_DEPTH_MAX ? 0 : -EINVAL);
	}
}

TEST(lib, fdt_ends_circles_of_interrupt_parents)
{
	struct fdt fdt;
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned n;
	int intc;

	memset(&builder, 0, sizeof(builder));
	build_node(&builder, "");
	for (uint32_t i = 1; i <= 2; i++) {
		build_node(&builder, "n");
		build_cells(&builder, "phandle", i);
		build_cells(&builder, "interrupt-parent", 3 - i);
		build_cells(&builder, "interrupts", 1);
		build_end(&builder);
	}
	build_end(&builder);
	build_finish(&builder);
	EXPECT_EQ(fdt_open(&fdt, builder.blob, builder.len), 0);
	EXPECT_EQ(fdt_interrupts(&fdt, fdt_find_path(&fdt, "/n"), 0, cells, &n, &intc), -EINVAL);
}
