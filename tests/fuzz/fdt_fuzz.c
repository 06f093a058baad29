// SPDX-License-Identifier: MIT
// Fuzz target: open any bytes as a device tree and ask every node everything.
#include <lib/fdt.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_node(const struct fdt *fdt, int node)
{
	static const uint32_t address[4], pin[FDT_INTR_CELLS_MAX] = {1};
	uint32_t cells[FDT_INTR_CELLS_MAX];
	uint64_t addr, bytes;
	unsigned n;
	int intc;

	for (unsigned i = 0; i < 3; i++) {
		(void)!fdt_reg(fdt, node, i, &addr, &bytes);
		(void)!fdt_interrupts(fdt, node, i, cells, &n, &intc);
	}
	(void)!fdt_interrupt_map(fdt, node, address, pin, cells, &n, &intc);
	fdt_is_enabled(fdt, node);
	fdt_is_compatible(fdt, node, "arm,pl011");
	fdt_node_name(fdt, node);
	(void)!fdt_number(fdt, node, "clock-frequency", &addr);
	fdt_next_sibling(fdt, node);
	if (fdt_first_child(fdt, node) >= 0 && fdt_parent(fdt, fdt_first_child(fdt, node)) != node)
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fdt fdt;
	uint64_t addr, bytes;

	if (fdt_open(&fdt, data, size))
		return 0;
	int nodes = 0;

	int node = fdt_root(&fdt);

	for (; node >= 0 && nodes < 200; node = fdt_next_node(&fdt, node)) {
		use_node(&fdt, node);
		nodes++;
	}
	for (unsigned i = 0; fdt_memreserve(&fdt, i, &addr, &bytes) == 0; i++)
		continue;
	fdt_stdout(&fdt);
	fdt_find_path(&fdt, "/cpus/cpu@0");
	fdt_find_phandle(&fdt, 1);
	return 0;
}
