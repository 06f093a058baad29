// SPDX-License-Identifier: MIT
// ACPI's tables of a PC, read once on the boot CPU: CPUs into bootinfo, chipset into pc_info.
// Without ACPI there is one CPU and the chipset that every PC has.
#include <arch/x86.h>
#include <drivers/pc.h>
#include <hal/bootinfo.h>
#include <hal/mmio.h>
#include <hal/mmu.h>

#include "pc.h"

#define RSDP_LEN_MIN 20
#define RSDP_LEN_MAX 36
#define BIOS_BASE 0xe0000
#define BIOS_SIZE 0x20000

struct pc_info pc_info;
struct acpi pc_acpi;

static const void *map_table(paddr_t addr, size_t len)
{
	return (const void *)hal_mmio_map(addr, len);
}

/** The root pointer: from the loader, else where a BIOS keeps it. */
static const void *find_rsdp(size_t *len)
{
	*len = RSDP_LEN_MAX;
	if (bootinfo.rsdp != 0) {
		const void *rsdp = map_table(bootinfo.rsdp, RSDP_LEN_MAX);
		if (rsdp)
			return rsdp;
		bootinfo_warn("ACPI: root pointer at 0x%llx is out of reach",
			      (unsigned long long)bootinfo.rsdp);
	}
	const void *bios = hal_direct(BIOS_BASE);
	const void *rsdp = acpi_scan_rsdp(bios, BIOS_SIZE);
	if (rsdp)
		bootinfo.rsdp = hal_direct_paddr(rsdp);
	return rsdp;
}

static unsigned listed_cpus;
static bool is_boot_cpu_listed;

static void add_cpu(const struct acpi_madt_entry *entry)
{
	if (!(entry->cpu.flags & ACPI_MADT_CPU_ENABLED))
		return;
	listed_cpus++;
	is_boot_cpu_listed |= entry->cpu.apic_id == bootinfo.cpus[0].hwid;
	bootinfo_add_cpu(entry->cpu.apic_id, 0);
}

/** What is said of CPUs cannot be, or not all of it. */
static void check_cpus(const struct acpi_madt *madt)
{
	if (madt->pos < madt->len)
		bootinfo_warn("ACPI: MADT entry at byte %zu is damaged: the rest is ignored",
			      madt->pos);
	if (listed_cpus == 0)
		bootinfo_warn("ACPI: the MADT lists no CPU: only the boot CPU is used");
	else if (!is_boot_cpu_listed)
		bootinfo_warn("ACPI: the MADT does not list the boot CPU, APIC id %u",
			      (unsigned)bootinfo.cpus[0].hwid);
	if (bootinfo.cpus_ignored > 0)
		bootinfo_warn("ACPI: %u CPUs are more than the %u that this kernel can use",
			      listed_cpus, CPUS_MAX);
}

static void add_ioapic(uint32_t id, uint32_t gsi_base, paddr_t addr)
{
	if (pc_info.ioapic_count == PC_IOAPICS_MAX) {
		bootinfo_warn("ACPI: more than %u I/O APICs: the one at 0x%llx is not used",
			      PC_IOAPICS_MAX, (unsigned long long)addr);
		return;
	}
	pc_info.ioapics[pc_info.ioapic_count].id = id;
	pc_info.ioapics[pc_info.ioapic_count].gsi_base = gsi_base;
	pc_info.ioapics[pc_info.ioapic_count].addr = addr;
	pc_info.ioapic_count++;
}

static void read_madt(void)
{
	struct acpi_madt madt;
	struct acpi_madt_entry entry;

	if (acpi_madt_open(&pc_acpi, &madt) != 0) {
		bootinfo_warn("ACPI: no usable MADT: only the boot CPU is used");
		return;
	}
	pc_info.lapic_addr = madt.lapic_addr;
	while (acpi_madt_next(&madt, &entry)) {
		switch (entry.type) {
		case ACPI_MADT_LAPIC:
		case ACPI_MADT_X2APIC:
			add_cpu(&entry);
			break;
		case ACPI_MADT_IOAPIC:
			add_ioapic(entry.ioapic.id, entry.ioapic.gsi_base, entry.ioapic.addr);
			break;
		case ACPI_MADT_OVERRIDE:
			if (entry.override.bus == 0 && entry.override.irq < PC_ISA_IRQS)
				pc_info.isa_gsi[entry.override.irq] = entry.override.gsi;
			break;
		}
	}
	check_cpus(&madt);
}

static void read_tables(void)
{
	size_t len;
	const void *rsdp = find_rsdp(&len);

	if (!rsdp) {
		bootinfo_warn("no ACPI: no root pointer from the loader or in the BIOS; one CPU");
		return;
	}
	err_t err = acpi_open(&pc_acpi, rsdp, len, map_table);
	if (err && len > RSDP_LEN_MIN)
		err = acpi_open(&pc_acpi, rsdp, RSDP_LEN_MIN, map_table);
	if (err) {
		bootinfo_warn("ACPI: root pointer at 0x%llx is bad (%d); one CPU",
			      (unsigned long long)bootinfo.rsdp, err);
		return;
	}
	pc_info.has_acpi = true;
	read_madt();
	pc_info.has_fadt = acpi_read_fadt(&pc_acpi, &pc_info.fadt) == 0;
	pc_info.has_s5 = pc_info.has_fadt && acpi_read_s5(&pc_acpi, &pc_info.fadt, &pc_info.s5_typ_a,
							  &pc_info.s5_typ_b) == 0;
	if (!pc_info.has_s5)
		bootinfo_warn("ACPI: %s: the machine cannot be switched off",
			      pc_info.has_fadt ? "no usable DSDT with \\_S5" : "no usable FADT");
	pc_info.has_hpet = acpi_read_hpet(&pc_acpi, &pc_info.hpet) == 0;
}

void pc_acpi_read(void)
{
	pc_info.lapic_addr = PC_LAPIC_ADDR;
	for (unsigned i = 0; i < PC_ISA_IRQS; i++)
		pc_info.isa_gsi[i] = i;
	read_tables();
	if (pc_info.ioapic_count == 0)
		add_ioapic(0, 0, PC_IOAPIC_ADDR);
}
