// SPDX-License-Identifier: MIT
// The boot device tree: bootinfo from its well-known nodes, and the match between nodes and drivers.
// The tree comes from firmware: what is malformed is left out and warned about.
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <lib/string.h>
#include <uapi/errno.h>

struct fdt hal_fdt;

extern const struct dt_driver _dt_drivers_start[], _dt_drivers_end[];

static size_t rng_seed_taken;

static bool has_device_type(int node, const char *type)
{
	const char *value = fdt_string(&hal_fdt, node, "device_type");
	return value && strcmp(value, type) == 0;
}

/** Give every range of @node's `reg` to @add. */
static void add_reg(int node, void (*add)(paddr_t base, uint64_t size))
{
	for (unsigned i = 0;; i++) {
		paddr_t base;
		uint64_t size;
		err_t err = fdt_reg(&hal_fdt, node, i, &base, &size);
		if (err == -ENOENT)
			return;
		if (err) {
			bootinfo_warn("device tree: bad reg in node %s",
				      fdt_node_name(&hal_fdt, node));
			return;
		}
		add(base, size);
	}
}

static void read_memory(void)
{
	int node;
	fdt_for_each_child(node, &hal_fdt, fdt_root(&hal_fdt)) {
		if (has_device_type(node, "memory") && fdt_is_enabled(&hal_fdt, node))
			add_reg(node, bootinfo_add_ram);
	}
	bootinfo_finish();
	if (bootinfo.ram_count == 0)
		bootinfo_warn("device tree: no usable node with device_type = \"memory\"");
}

static void read_reserved(void)
{
	for (unsigned i = 0;; i++) {
		paddr_t base;
		uint64_t size;
		if (fdt_memreserve(&hal_fdt, i, &base, &size) != 0)
			break;
		bootinfo_reserve(base, size);
	}
	int parent = fdt_find_path(&hal_fdt, "/reserved-memory");
	if (parent < 0)
		return;
	int node;
	fdt_for_each_child(node, &hal_fdt, parent) {
		if (fdt_is_enabled(&hal_fdt, node))
			add_reg(node, bootinfo_reserve);
	}
}

static void read_initrd(int chosen)
{
	uint64_t start, end;
	err_t start_err = fdt_number(&hal_fdt, chosen, "linux,initrd-start", &start);
	err_t end_err = fdt_number(&hal_fdt, chosen, "linux,initrd-end", &end);
	if (start_err == -ENOENT && end_err == -ENOENT)
		return;
	if (start_err || end_err)
		bootinfo_warn("device tree: /chosen/linux,initrd-start or -end is malformed");
	else
		bootinfo_set_initrd(start, end);
}

static void read_chosen(void)
{
	int chosen = fdt_find_path(&hal_fdt, "/chosen");
	if (chosen < 0)
		return;
	const char *bootargs = fdt_string(&hal_fdt, chosen, "bootargs");
	if (bootargs)
		bootinfo_set_cmdline(bootargs);
	read_initrd(chosen);
}

static void read_cpu(int node)
{
	uint64_t hwid, size;
	if (fdt_reg_raw(&hal_fdt, node, 0, &hwid, &size) != 0) {
		bootinfo_warn("device tree: bad reg in /cpus/%s", fdt_node_name(&hal_fdt, node));
		return;
	}
	// SiFive's monitor cores cannot run a kernel.
	const char *mmu = fdt_string(&hal_fdt, node, "mmu-type");
	if (mmu && strcmp(mmu, "riscv,none") == 0)
		return;
	paddr_t release_addr;
	if (fdt_number(&hal_fdt, node, "cpu-release-addr", &release_addr) != 0)
		release_addr = 0;
	bootinfo_add_cpu(hwid, release_addr);
}

static void read_cpus(void)
{
	int parent = fdt_find_path(&hal_fdt, "/cpus");
	if (parent < 0) {
		bootinfo_warn("device tree: no /cpus: one CPU is used");
		return;
	}
	int node;
	fdt_for_each_child(node, &hal_fdt, parent) {
		if (has_device_type(node, "cpu") && fdt_is_enabled(&hal_fdt, node))
			read_cpu(node);
	}
}

static const char *machine_name(void)
{
	const char *name = fdt_string(&hal_fdt, fdt_root(&hal_fdt), "model");
	if (!name)
		name = fdt_string(&hal_fdt, fdt_root(&hal_fdt), "compatible");
	return name ? name : "";
}

err_t dt_fill_bootinfo(const void *fdt_virt, paddr_t fdt_phys, uint64_t boot_hwid)
{
	bootinfo_set_boot_cpu(boot_hwid);
	bootinfo.loader = "device tree";
	bootinfo.machine = "";
	uint32_t size = fdt_total_size(fdt_virt);
	if (size == 0 || fdt_open(&hal_fdt, fdt_virt, size) != 0) {
		bootinfo_warn("no valid device tree at 0x%llx", (unsigned long long)fdt_phys);
		return -EINVAL;
	}
	bootinfo.fdt = fdt_phys;
	bootinfo.machine = machine_name();
	bootinfo_reserve(fdt_phys, size);
	read_memory();
	read_reserved();
	read_chosen();
	read_cpus();
	return 0;
}

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
