// SPDX-License-Identifier: MIT
// The PCI host bridge of a device tree (IEEE 1275 PCI binding, "pci-host-ecam-generic"). Firmware may have
// given addresses or not: they are given anew.
#include <drivers/pci.h>
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <uapi/errno.h>

#define SPACE_CODE(cells_hi) ((cells_hi) >> 24 & 3u)
#define SPACE_MEMORY_32 2
#define SPACE_MEMORY_64 3
#define RANGE_CELLS 7 // three of PCI, two of the CPU, two of size
#define BUS_BYTES MIB(1)
#define RESERVED_LOW 0x100000u // an address of 0 looks like none

static int bridge;

static uint64_t two_cells(const void *value, size_t index)
{
	return (uint64_t)fdt_cell(value, index) << 32 | fdt_cell(value, index + 1);
}

static struct pci_window *window_of(struct pci_host *host, uint32_t code)
{
	if (code == SPACE_MEMORY_32)
		return &host->low;
	return code == SPACE_MEMORY_64 ? &host->high : NULL;
}

static void read_ranges(struct pci_host *host)
{
	size_t len;
	const void *ranges = fdt_property(&hal_fdt, bridge, "ranges", &len);
	for (size_t at = 0; ranges && at + RANGE_CELLS <= len / sizeof(uint32_t); at += RANGE_CELLS) {
		struct pci_window *window = window_of(host, SPACE_CODE(fdt_cell(ranges, at)));
		struct pci_window found = {.pci = two_cells(ranges, at + 1), .cpu = two_cells(ranges, at + 3),
					   .size = two_cells(ranges, at + 5)};
		if (!window || window->size || found.pci + found.size < found.pci ||
		    found.cpu + found.size < found.cpu)
			continue;
		uint64_t skipped = found.pci < RESERVED_LOW ? RESERVED_LOW - found.pci : 0;
		if (skipped >= found.size)
			continue;
		found.pci += skipped;
		found.cpu += skipped;
		found.size -= skipped;
		*window = found;
	}
}

static err_t route(const struct pci_function *function, unsigned pin, uint32_t *irq,
		   enum hal_irq_trigger *trigger)
{
	uint32_t address[3] = {(uint32_t)function->address << 8, 0, 0}, spec = pin;
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned n;
	int intc;
	// Behind a bridge lines turn by device number; the buses here have none.
	if (function->address >> 8)
		return -ENODEV;
	err_t err = fdt_interrupt_map(&hal_fdt, bridge, address, &spec, cells, &n, &intc);
	return err ? -ENODEV : dt_irq_cells(cells, n, irq, trigger);
}

bool pci_host_find(struct pci_host *host)
{
	uint64_t size;
	bridge = -1;
	do {
		bridge = fdt_find_compatible(&hal_fdt, bridge, "pci-host-ecam-generic");
	} while (bridge >= 0 && !fdt_is_enabled(&hal_fdt, bridge));
	if (bridge < 0 || fdt_reg(&hal_fdt, bridge, 0, &host->ecam, &size) != 0 || size < BUS_BYTES)
		return false;
	host->bus_last = (uint8_t)(min(size / BUS_BYTES, (uint64_t)256) - 1);
	host->route = route;
	read_ranges(host);
	return true;
}
