// SPDX-License-Identifier: MIT
// Reader for the ACPI tables that a kernel needs before it has drivers (ACPI 6.5). No interpreter:
// the only thing taken from AML is the _S5 package. Tables may stand at any alignment and are
// believed in nothing: lengths and checksums are checked before a field is read.
#pragma once

#include <lib/types.h>

#define ACPI_HEADER_BYTES 36
#define ACPI_TABLE_BYTES_MAX MIB(16)
#define ACPI_TABLES_MAX 256

/** Make @len bytes at physical @addr readable; NULL when that cannot be. The mapping stays. */
typedef const void *(*acpi_map_fn)(paddr_t addr, size_t len);

struct acpi {
	acpi_map_fn map;
	const uint8_t *entries; // of the RSDT or XSDT
	unsigned count;
	unsigned entry_bytes; // 4 or 8
};

/** Check the RSDP at @rsdp (@len readable bytes, 20 or more) and find the RSDT or XSDT.
 *  Returns 0, -EINVAL (checksum, length, signature), -EFAULT (@map refused). */
err_t acpi_open(struct acpi *acpi, const void *rsdp, size_t len, acpi_map_fn map) must_check;

/** Search [@base, @base + @len) for an RSDP, at every 16 bytes; NULL when there is none. */
const void *acpi_scan_rsdp(const void *base, size_t len);

/** The table with @signature ("APIC"), header included, checksum good; *@len its length. NULL. */
const void *acpi_find_table(const struct acpi *acpi, const char *signature, size_t *len);

enum acpi_madt_type {
	ACPI_MADT_LAPIC = 0,
	ACPI_MADT_IOAPIC = 1,
	ACPI_MADT_OVERRIDE = 2,
	ACPI_MADT_NMI_SOURCE = 3,
	ACPI_MADT_LAPIC_NMI = 4,
	ACPI_MADT_LAPIC_ADDRESS = 5,
	ACPI_MADT_X2APIC = 9,
	ACPI_MADT_X2APIC_NMI = 10,
};

#define ACPI_MADT_CPU_ENABLED 1u
#define ACPI_MADT_CPU_ONLINE_CAPABLE 2u
// Interrupt flags of overrides and NMI entries (MPS INTI): polarity and trigger mode.
#define ACPI_INTI_POLARITY(flags) ((flags)&3u) // 0 bus default, 1 active high, 3 active low
#define ACPI_INTI_TRIGGER(flags) (((flags) >> 2) & 3u) // 0 bus default, 1 edge, 3 level

// One MADT entry, decoded; `type` says which member holds. Types not listed have only `type`.
struct acpi_madt_entry {
	uint8_t type;
	union {
		struct {
			uint32_t apic_id;
			uint32_t uid;
			uint32_t flags;
		} cpu; // LAPIC, X2APIC
		struct {
			uint8_t id;
			uint32_t gsi_base;
			paddr_t addr;
		} ioapic;
		struct {
			uint8_t bus;
			uint8_t irq;
			uint16_t flags;
			uint32_t gsi;
		} override;
		struct {
			uint32_t uid; // of a CPU, or all ones
			uint16_t flags;
			uint8_t lint;
		} nmi; // LAPIC_NMI, X2APIC_NMI
		paddr_t lapic_addr;
	};
};

struct acpi_madt {
	const uint8_t *table;
	size_t len;
	size_t pos;
	paddr_t lapic_addr; // with a type 5 entry already applied
	uint32_t flags; // bit 0: there are legacy 8259s as well
};

/** Open the MADT for iteration. -ENOENT, -EINVAL. */
err_t acpi_madt_open(const struct acpi *acpi, struct acpi_madt *madt) must_check;

/** The next entry; false at the end or at the first entry whose length lies. */
bool acpi_madt_next(struct acpi_madt *madt, struct acpi_madt_entry *entry);

struct acpi_srat {
	const uint8_t *table;
	size_t len;
	size_t pos;
};
/** Open the SRAT for iteration over the CPUs that are enabled and their proximity domains. -ENOENT, -EINVAL. */
err_t acpi_srat_open(const struct acpi *acpi, struct acpi_srat *srat) must_check;
/** The next CPU; false at the end or (pos < len) at the first entry whose length lies. */
bool acpi_srat_next(struct acpi_srat *srat, uint32_t *apic_id, uint32_t *domain);

struct acpi_slit {
	const uint8_t *distances; // count rows, from one domain to each
	uint32_t count;
};
/** -ENOENT; -EINVAL: its length is not that of so many domains. */
err_t acpi_slit_open(const struct acpi *acpi, struct acpi_slit *slit) must_check;

// Generic address structure.
enum { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_IO = 1, ACPI_SPACE_PCI_CONFIG = 2 };
struct acpi_gas {
	uint8_t space;
	uint8_t bit_width;
	uint8_t bit_offset;
	uint8_t access_size;
	uint64_t addr; // 0: the register is absent
};

struct acpi_hpet {
	struct acpi_gas base;
	uint16_t min_tick;
	uint8_t number;
};
err_t acpi_read_hpet(const struct acpi *acpi, struct acpi_hpet *hpet) must_check;

#define ACPI_FADT_TMR_VAL_EXT (1u << 8)
#define ACPI_FADT_RESET_REG_SUP (1u << 10)
#define ACPI_FADT_HW_REDUCED (1u << 20)

// Registers absent from a short or hardware-reduced table have addr 0.
struct acpi_fadt {
	paddr_t dsdt;
	uint32_t flags;
	uint32_t smi_cmd;
	uint16_t sci_int;
	uint16_t boot_arch; // IAPC_BOOT_ARCH
	uint8_t acpi_enable;
	uint8_t century; // CMOS index, 0 = none
	uint8_t reset_value;
	bool is_hw_reduced;
	bool has_reset;
	bool is_pm_timer_32bit;
	struct acpi_gas pm_timer;
	struct acpi_gas pm1a_cnt;
	struct acpi_gas pm1b_cnt;
	struct acpi_gas reset_reg;
	struct acpi_gas sleep_control;
	struct acpi_gas sleep_status;
};
err_t acpi_read_fadt(const struct acpi *acpi, struct acpi_fadt *fadt) must_check;

/** The SLP_TYP values of S5 (soft off) out of the DSDT's \_S5. -ENOENT: not found. */
err_t acpi_read_s5(const struct acpi *acpi, const struct acpi_fadt *fadt, uint8_t *typ_a,
		   uint8_t *typ_b) must_check;

struct acpi_mcfg {
	paddr_t base; // of bus 0
	uint16_t segment;
	uint8_t bus_first;
	uint8_t bus_last;
};
/** Entry @index of the MCFG (memory-mapped PCI configuration). -ENOENT past the end. */
err_t acpi_read_mcfg(const struct acpi *acpi, unsigned index, struct acpi_mcfg *mcfg) must_check;
