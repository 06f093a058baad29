// SPDX-License-Identifier: MIT
// The boot device tree: the match between nodes and drivers, and what drivers ask of it.
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <lib/string.h>
#include <uapi/errno.h>

extern const struct dt_driver _dt_drivers_start[], _dt_drivers_end[];

static size_t rng_seed_taken;

static err_t try_drivers(enum dt_class class, int node, const char *compatible)
{
	for (const struct dt_driver *driver = _dt_drivers_start; driver < _dt_drivers_end; driver++) {
		if (driver->class != class || strcmp(driver->compatible, compatible) != 0)
			continue;
		if (driver->init(node) == 0)
			return 0;
	}
	return -ENODEV;
}

err_t dt_probe_node(enum dt_class class, int node)
{
	size_t len;
	const char *list = fdt_property(&hal_fdt, node, "compatible", &len);
	if (!list)
		return -ENODEV;
	for (size_t at = 0; at < len;) {
		size_t text_len = strnlen(list + at, len - at);
		if (text_len == len - at)
			break; // not terminated
		if (try_drivers(class, node, list + at) == 0)
			return 0;
		at += text_len + 1;
	}
	return -ENODEV;
}

unsigned dt_probe(enum dt_class class)
{
	unsigned taken = 0;
	for (int node = fdt_root(&hal_fdt); node >= 0; node = fdt_next_node(&hal_fdt, node)) {
		if (fdt_is_enabled(&hal_fdt, node) && dt_probe_node(class, node) == 0)
			taken++;
	}
	return taken;
}

size_t dt_take_rng_seed(void *buf, size_t len)
{
	int chosen = fdt_find_path(&hal_fdt, "/chosen");
	size_t have;
	const uint8_t *seed = chosen < 0 ? NULL : fdt_property(&hal_fdt, chosen, "rng-seed", &have);
	if (!seed || rng_seed_taken >= have)
		return 0;
	size_t n = min(len, have - rng_seed_taken);
	memcpy(buf, seed + rng_seed_taken, n);
	rng_seed_taken += n;
	return n;
}

static enum hal_irq_trigger trigger_of(uint32_t flags)
{
	switch (flags & 0xf) {
	case 1:
		return HAL_IRQ_EDGE_RISING;
	case 2:
		return HAL_IRQ_EDGE_FALLING;
	case 8:
		return HAL_IRQ_LEVEL_LOW;
	default:
		return HAL_IRQ_LEVEL_HIGH;
	}
}

err_t dt_irq_cells(const uint32_t *cells, unsigned n, uint32_t *irq, enum hal_irq_trigger *trigger)
{
	switch (n) {
	case 1: // PLIC
		*irq = cells[0];
		*trigger = HAL_IRQ_LEVEL_HIGH;
		return 0;
	case 2: // APLIC: source, flags
		*irq = cells[0];
		*trigger = trigger_of(cells[1]);
		return 0;
	case 3: // GIC: type (0 shared, 1 private), number, flags
		if (cells[0] > 1 || cells[1] > 1019)
			return -EINVAL;
		*irq = cells[1] + (cells[0] == 0 ? 32 : 16);
		*trigger = trigger_of(cells[2]);
		return 0;
	default:
		return -EINVAL;
	}
}

err_t dt_irq(int node, unsigned index, uint32_t *irq, enum hal_irq_trigger *trigger)
{
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned n;
	int intc;
	err_t err = fdt_interrupts(&hal_fdt, node, index, cells, &n, &intc);
	return err ? err : dt_irq_cells(cells, n, irq, trigger);
}
