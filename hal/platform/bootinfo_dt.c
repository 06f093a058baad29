// SPDX-License-Identifier: MIT
// bootinfo from the well-known nodes of the boot device tree. The tree comes from firmware: what is
// malformed or contradicts itself is left out and warned about, in one line each.
#include <hal/bootinfo.h>
#include <hal/dt.h>
#include <lib/string.h>
#include <uapi/errno.h>

#include "topology_dt.h"

struct fdt hal_fdt;

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

static void add_ram(paddr_t base, uint64_t size)
{
	// Firmware may say the same range twice (QEMU's Raspberry Pi); what overlaps it in part contradicts.
	for (unsigned i = 0; i < bootinfo.ram_count; i++) {
		const struct boot_range *known = &bootinfo.ram[i];
		bool is_same = base == known->base && size == known->size;
		bool is_overlap = base - known->base < known->size || known->base - base < size;
		if (is_overlap && !is_same && size) {
			bootinfo_warn("device tree: RAM at 0x%llx overlaps RAM at 0x%llx: joined",
				      (unsigned long long)base, (unsigned long long)known->base);
			break;
		}
	}
	bootinfo_add_ram(base, size);
}

static void read_memory(void)
{
	int node;
	fdt_for_each_child(node, &hal_fdt, fdt_root(&hal_fdt)) {
		if (has_device_type(node, "memory") && fdt_is_enabled(&hal_fdt, node))
			add_reg(node, add_ram);
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
		size_t len;
		// Firmware's own memory: reading ahead there may already be an error of the bus.
		bool is_unmapped = fdt_property(&hal_fdt, node, "no-map", &len);
		if (fdt_is_enabled(&hal_fdt, node))
			add_reg(node, is_unmapped ? bootinfo_remove_ram : bootinfo_reserve);
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

/** Returns whether it is the CPU that runs this. */
static bool read_cpu(int node)
{
	uint64_t hwid, size;
	if (fdt_reg_raw(&hal_fdt, node, 0, &hwid, &size) != 0) {
		bootinfo_warn("device tree: bad reg in /cpus/%s", fdt_node_name(&hal_fdt, node));
		return false;
	}
	// SiFive's monitor cores cannot run a kernel.
	const char *mmu = fdt_string(&hal_fdt, node, "mmu-type");
	if (mmu && strcmp(mmu, "riscv,none") == 0)
		return false;
	paddr_t release_addr;
	if (fdt_number(&hal_fdt, node, "cpu-release-addr", &release_addr) != 0)
		release_addr = 0;
	bootinfo_add_cpu(hwid, release_addr);
	return hwid == bootinfo.cpus[0].hwid;
}

static void read_cpus(void)
{
	int parent = fdt_find_path(&hal_fdt, "/cpus");
	if (parent < 0) {
		bootinfo_warn("device tree: no /cpus: one CPU is used");
		return;
	}
	int node;
	bool is_listed = false;
	fdt_for_each_child(node, &hal_fdt, parent) {
		if (has_device_type(node, "cpu") && fdt_is_enabled(&hal_fdt, node))
			is_listed |= read_cpu(node);
	}
	if (!is_listed)
		bootinfo_warn("device tree: /cpus does not list the CPU that boots (id 0x%llx): %u more used",
			      (unsigned long long)bootinfo.cpus[0].hwid, bootinfo.cpu_count - 1);
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
	dt_topology_read();
	return 0;
}
