// SPDX-License-Identifier: MIT
// What ACPI says of a PC's chipset, read once before upcall_boot() by hal/platform/pc/acpi.c; the
// drivers of interrupt controllers, timers and power take it from here. Read-only afterwards.
#pragma once

#include <lib/acpi.h>

#define PC_IOAPICS_MAX 8
#define PC_ISA_IRQS 16
#define PC_LAPIC_ADDR 0xfee00000u // where it is unless firmware says otherwise
#define PC_IOAPIC_ADDR 0xfec00000u

struct pc_info {
	bool has_acpi;
	paddr_t lapic_addr;
	unsigned ioapic_count;
	struct {
		uint32_t id;
		uint32_t gsi_base;
		paddr_t addr;
	} ioapics[PC_IOAPICS_MAX];
	uint32_t isa_gsi[PC_ISA_IRQS]; // ISA interrupt to global number
	bool has_fadt;
	struct acpi_fadt fadt;
	bool has_s5;
	uint8_t s5_typ_a, s5_typ_b;
	bool has_hpet;
	struct acpi_hpet hpet;
};

extern struct pc_info pc_info;

/** The tables themselves, for drivers above; its map function works at any time. */
extern struct acpi pc_acpi;

/** A register that ACPI describes. Memory is mapped at the first access (@mapped keeps it). */
uint32_t pc_gas_read(const struct acpi_gas *gas, vaddr_t *mapped);
void pc_gas_write(const struct acpi_gas *gas, vaddr_t *mapped, uint32_t value);

/** Turn the legacy 8259s off. */
void i8259_mask_all(void);
/** Find and program the I/O APICs. */
void ioapic_init(void);
/** Map the local APICs and turn this CPU's on. */
void lapic_init(void);
void lapic_init_cpu(void);
