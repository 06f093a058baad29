// SPDX-License-Identifier: MIT
// If these fail, a PC comes up with one CPU, no timer or no way to power off, or firmware's
// mistakes lead the kernel outside its tables.
#include <lib/acpi.h>
#include <lib/string.h>
#include <lib/test.h>

#include <uapi/errno.h>

#define BASE 0x7fe0000ull // physical address of memory[0]
#define RSDP 0x000
#define RSDT 0x051 // unaligned, as on microvm
#define XSDT 0x106
#define MADT 0x203
#define FADT 0x300
#define HPET 0x431
#define MCFG 0x482
#define DSDT 0x4d3
#define SRAT 0x52b
#define SLIT 0x5a5

static uint8_t memory[0x600];

enum { SRAT_BYTES = 48 + 16 + 16 + 24 + 3, SLIT_BYTES = 44 + 4 };

static const void *map(paddr_t addr, size_t len)
{
	if (addr < BASE || len > sizeof(memory) || addr - BASE > sizeof(memory) - len)
		return NULL;
	return memory + (addr - BASE);
}

static void put(size_t at, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		memory[at + i] = value >> (8 * i);
}

/** Make the bytes [@at, @at + @len) sum to zero through the one at @at + @where. */
static void seal(size_t at, size_t len, size_t where)
{
	uint8_t sum = 0;

	memory[at + where] = 0;
	for (size_t i = 0; i < len; i++)
		sum += memory[at + i];
	memory[at + where] = -sum;
}

static void finish_table(size_t at, const char *signature, size_t len)
{
	memcpy(memory + at, signature, 4);
	put(at + 4, len, 4);
	seal(at, len, 9);
}

static void put_rsdp(uint8_t revision, paddr_t rsdt, paddr_t xsdt)
{
	memset(memory + RSDP, 0, 36);
	memcpy(memory + RSDP, "RSD PTR ", 8);
	put(RSDP + 15, revision, 1);
	put(RSDP + 16, rsdt, 4);
	seal(RSDP, 20, 8);
	put(RSDP + 20, 36, 4);
	put(RSDP + 24, xsdt, 8);
	seal(RSDP, 36, 32);
}

static void put_madt(void)
{
	static const uint8_t entries[] = {
		0, 8, 1, 2, 1, 0, 0, 0, // LAPIC uid 1 id 2 enabled
		1, 12, 3, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0, // I/O APIC 3 at 0xfec00000, GSI 24
		2, 10, 0, 0, 2, 0, 0, 0, 13, 0, // IRQ 0 is GSI 2, flags 13
		4, 6, 0xff, 5, 0, 1, // NMI of all CPUs at LINT1
		200, 3, 9, // unknown
		5, 12, 0, 0, 0, 0, 0xe0, 0xfe, 1, 0, 0, 0, // LAPIC at 0x1_fee00000
		9, 16, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, // x2APIC id 256 uid 7
	};

	memset(memory + MADT, 0, 44);
	put(MADT + 36, 0xfee00000, 4);
	put(MADT + 40, 1, 4);
	memcpy(memory + MADT + 44, entries, sizeof(entries));
	finish_table(MADT, "APIC", 44 + sizeof(entries));
}

static void put_fadt(void)
{
	put(FADT + 40, BASE + DSDT, 4);
	put(FADT + 46, 9, 2);
	put(FADT + 64, 0x604, 4);
	put(FADT + 76, 0x608, 4);
	put(FADT + 91, 4, 1);
	put(FADT + 108, 0x32, 1);
	put(FADT + 112, ACPI_FADT_TMR_VAL_EXT | ACPI_FADT_RESET_REG_SUP, 4);
	put(FADT + 116, ACPI_SPACE_IO | 8 << 8, 4);
	put(FADT + 120, 0xcf9, 8);
	put(FADT + 128, 6, 1);
	finish_table(FADT, "FACP", 276);
}

static void put_dsdt(void)
{
	static const uint8_t aml[] = {
		'_', 'S', '5', '_', 0x12, // a mention, no definition
		0x08, '_', 'S', '5', '_', 0x12, 0x06, 0x04, 0x01, 0x0a, 0x05, 0x00, 0x00,
	};

	memcpy(memory + DSDT + 36, aml, sizeof(aml));
	finish_table(DSDT, "DSDT", 36 + sizeof(aml));
}

static void put_rest(void)
{
	put(HPET + 40, 64 << 8, 4);
	put(HPET + 44, 0xfed00000, 8);
	put(HPET + 53, 100, 2);
	finish_table(HPET, "HPET", 56);
	put(MCFG + 44, 0xb0000000, 8);
	put(MCFG + 55, 255, 1);
	finish_table(MCFG, "MCFG", 60);
}

static void put_nodes(void)
{
	static const uint8_t entries[] = {
		0, 16, 7, 2, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, // APIC id 2 in domain 0x107
		0, 16, 9, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // one that is not there
		200, 3, 0, // unknown
		2, 24, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, // 256 in domain 1
	};

	memset(memory + SRAT, 0, 48);
	put(SRAT + 8, 3, 1);
	memcpy(memory + SRAT + 48, entries, sizeof(entries));
	finish_table(SRAT, "SRAT", SRAT_BYTES);
	put(SLIT + 36, 2, 8);
	put(SLIT + 44, 0x0a1f140a, 4); // 10 20 / 31 10
	finish_table(SLIT, "SLIT", SLIT_BYTES);
}

static void build_tables(void)
{
	static const uint16_t tables[] = {MADT, FADT, HPET, MCFG, SRAT, SLIT};

	memset(memory, 0, sizeof(memory));
	put_madt();
	put_fadt();
	put_dsdt();
	put_rest();
	put_nodes();
	for (size_t i = 0; i < array_len(tables); i++) {
		put(RSDT + 36 + 4 * i, BASE + tables[i], 4);
		put(XSDT + 36 + 8 * i, BASE + tables[i], 8);
	}
	finish_table(RSDT, "RSDT", 36 + 4 * array_len(tables));
	finish_table(XSDT, "XSDT", 36 + 8 * array_len(tables));
	put_rsdp(2, BASE + RSDT, BASE + XSDT);
}

static err_t open_tables(struct acpi *acpi)
{
	return acpi_open(acpi, memory + RSDP, 36, map);
}

TEST(lib, acpi_opens_both_kinds_of_root)
{
	struct acpi acpi;

	build_tables();
	EXPECT(open_tables(&acpi) == 0 && acpi.entry_bytes == 8 && acpi.count == 6);
	EXPECT(acpi_open(&acpi, memory, 20, map) == 0 && acpi.entry_bytes == 4); // an old copy
	put_rsdp(0, BASE + RSDT, 0);
	EXPECT(open_tables(&acpi) == 0 && acpi.entry_bytes == 4 && acpi.count == 6);
	put_rsdp(2, 0, BASE + XSDT);
	EXPECT_EQ(open_tables(&acpi), 0);
	put_rsdp(2, BASE + RSDT, 1ull << 40); // a root that cannot be mapped: take the other
	EXPECT(open_tables(&acpi) == 0 && acpi.entry_bytes == 4);
	put_rsdp(2, 0, UINT64_MAX - 10);
	EXPECT_EQ(open_tables(&acpi), -EINVAL);
	put_rsdp(0, 0x1000, 0);
	EXPECT_EQ(open_tables(&acpi), -EFAULT);
	memory[RSDP + 8]++;
	EXPECT_EQ(open_tables(&acpi), -EINVAL);
	EXPECT_EQ(acpi_open(&acpi, memory, 19, map), -EINVAL);
}

TEST(lib, acpi_scans_for_the_rsdp)
{
	static uint8_t area[256];

	build_tables();
	memset(area, 0, sizeof(area));
	EXPECT(acpi_scan_rsdp(area, sizeof(area)) == NULL);
	memcpy(area + 64, "RSD PTR ", 8); // a wrong checksum
	memcpy(area + 224, memory, 20);
	EXPECT(acpi_scan_rsdp(area, sizeof(area)) == area + 224);
	EXPECT(acpi_scan_rsdp(area, 243) == NULL);
	EXPECT(acpi_scan_rsdp(area, 0) == NULL && acpi_scan_rsdp(area, 19) == NULL);
}

TEST(lib, acpi_decodes_the_madt)
{
	struct acpi acpi;
	struct acpi_madt madt;
	struct acpi_madt_entry e;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	EXPECT_EQ(acpi_madt_open(&acpi, &madt), 0);
	EXPECT_EQ(madt.lapic_addr, 0x1fee00000ull);
	EXPECT_EQ(madt.flags, 1);
	EXPECT(acpi_madt_next(&madt, &e) && e.type == ACPI_MADT_LAPIC);
	EXPECT(e.cpu.uid == 1 && e.cpu.apic_id == 2 && e.cpu.flags == ACPI_MADT_CPU_ENABLED);
	EXPECT(acpi_madt_next(&madt, &e) && e.type == ACPI_MADT_IOAPIC);
	EXPECT(e.ioapic.id == 3 && e.ioapic.addr == 0xfec00000 && e.ioapic.gsi_base == 24);
	EXPECT(acpi_madt_next(&madt, &e) && e.type == ACPI_MADT_OVERRIDE);
	EXPECT(e.override.irq == 0 && e.override.gsi == 2 && e.override.flags == 13);
	EXPECT(ACPI_INTI_POLARITY(13) == 1 && ACPI_INTI_TRIGGER(13) == 3);
	EXPECT(acpi_madt_next(&madt, &e) && e.type == ACPI_MADT_LAPIC_NMI);
	EXPECT(e.nmi.uid == UINT32_MAX && e.nmi.flags == 5 && e.nmi.lint == 1);
	EXPECT(acpi_madt_next(&madt, &e) && e.type == 200);
	EXPECT(acpi_madt_next(&madt, &e) && e.lapic_addr == 0x1fee00000ull);
	EXPECT(acpi_madt_next(&madt, &e) && e.type == ACPI_MADT_X2APIC);
	EXPECT(e.cpu.apic_id == 256 && e.cpu.uid == 7 && e.cpu.flags == 1);
	EXPECT(!acpi_madt_next(&madt, &e));
}

TEST(lib, acpi_stops_at_lying_madt_entries)
{
	static const uint8_t lies[] = {0, 1, 7, 40, 255};
	struct acpi acpi;
	struct acpi_madt madt;
	struct acpi_madt_entry e;

	for (size_t i = 0; i < array_len(lies); i++) {
		build_tables();
		memory[MADT + 45] = lies[i]; // the first entry's length
		put(MADT + 4, 44 + 8, 4);
		seal(MADT, 44 + 8, 9);
		EXPECT_EQ(open_tables(&acpi), 0);
		EXPECT_EQ(acpi_madt_open(&acpi, &madt), 0);
		EXPECT(!acpi_madt_next(&madt, &e));
	}
}

TEST(lib, acpi_reads_the_fadt)
{
	struct acpi acpi;
	struct acpi_fadt f;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	EXPECT_EQ(acpi_read_fadt(&acpi, &f), 0);
	EXPECT_EQ(f.dsdt, BASE + DSDT);
	EXPECT(f.sci_int == 9 && f.century == 0x32);
	EXPECT(f.has_reset && f.reset_reg.addr == 0xcf9 && f.reset_value == 6);
	EXPECT(f.pm_timer.space == ACPI_SPACE_IO && f.pm_timer.addr == 0x608);
	EXPECT(f.is_pm_timer_32bit);
	EXPECT(f.pm1a_cnt.addr == 0x604 && f.pm1b_cnt.addr == 0);
	put(FADT + 172, ACPI_SPACE_MEMORY | 16 << 8, 4); // a GAS overrules the port
	put(FADT + 176, 0x123456789a, 8);
	put(FADT + 140, 0x2000000000, 8);
	seal(FADT, 276, 9);
	EXPECT_EQ(acpi_read_fadt(&acpi, &f), 0);
	EXPECT(f.pm1a_cnt.space == ACPI_SPACE_MEMORY && f.pm1a_cnt.addr == 0x123456789a);
	EXPECT_EQ(f.dsdt, 0x2000000000);
}

TEST(lib, acpi_takes_a_short_or_hardware_reduced_fadt)
{
	struct acpi acpi;
	struct acpi_fadt f;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	put(FADT + 112, ACPI_FADT_HW_REDUCED | ACPI_FADT_RESET_REG_SUP, 4);
	put(FADT + 248, 0xfea00200, 8);
	seal(FADT, 276, 9);
	EXPECT_EQ(acpi_read_fadt(&acpi, &f), 0);
	EXPECT(f.is_hw_reduced && f.pm_timer.addr == 0 && f.pm1a_cnt.addr == 0);
	EXPECT_EQ(f.sleep_control.addr, 0xfea00200);
	finish_table(FADT, "FACP", 116); // ACPI 1.0: no reset register
	EXPECT_EQ(acpi_read_fadt(&acpi, &f), 0);
	EXPECT(!f.has_reset && f.sleep_control.addr == 0 && f.dsdt == BASE + DSDT);
	finish_table(FADT, "FACP", 36);
	EXPECT(acpi_read_fadt(&acpi, &f) == 0 && f.dsdt == 0);
}

TEST(lib, acpi_finds_s5)
{
	struct acpi acpi;
	struct acpi_fadt f;
	uint8_t a = 9, b = 9;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	EXPECT_EQ(acpi_read_fadt(&acpi, &f), 0);
	EXPECT_EQ(acpi_read_s5(&acpi, &f, &a, &b), 0);
	EXPECT(a == 1 && b == 5);
	for (size_t len = 36; len < 36 + 16; len++) { // the package is cut short
		finish_table(DSDT, "DSDT", len);
		EXPECT_EQ(acpi_read_s5(&acpi, &f, &a, &b), -ENOENT);
	}
	f.dsdt = 0;
	EXPECT_EQ(acpi_read_s5(&acpi, &f, &a, &b), -EINVAL);
}

TEST(lib, acpi_reads_hpet_and_mcfg)
{
	struct acpi acpi;
	struct acpi_hpet hpet;
	struct acpi_mcfg mcfg;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	EXPECT_EQ(acpi_read_hpet(&acpi, &hpet), 0);
	EXPECT(hpet.base.addr == 0xfed00000 && hpet.min_tick == 100);
	EXPECT_EQ(acpi_read_mcfg(&acpi, 0, &mcfg), 0);
	EXPECT(mcfg.base == 0xb0000000 && mcfg.bus_first == 0 && mcfg.bus_last == 255);
	EXPECT_EQ(acpi_read_mcfg(&acpi, 1, &mcfg), -ENOENT);
	EXPECT_EQ(acpi_read_mcfg(&acpi, UINT_MAX, &mcfg), -ENOENT);
	finish_table(HPET, "HPET", 55);
	EXPECT_EQ(acpi_read_hpet(&acpi, &hpet), -EINVAL);
	memory[MCFG + 44]++; // the checksum no longer fits: no such table
	EXPECT_EQ(acpi_read_mcfg(&acpi, 0, &mcfg), -ENOENT);
}

TEST(lib, acpi_tells_cpus_of_the_srat)
{
	struct acpi acpi;
	struct acpi_srat srat;
	uint32_t apic_id, domain;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	EXPECT_EQ(acpi_srat_open(&acpi, &srat), 0);
	EXPECT(acpi_srat_next(&srat, &apic_id, &domain) && apic_id == 2 && domain == 0x107);
	EXPECT(acpi_srat_next(&srat, &apic_id, &domain) && apic_id == 256 && domain == 1);
	EXPECT(!acpi_srat_next(&srat, &apic_id, &domain) && srat.pos == srat.len);
	put(SRAT + 8, 1, 1); // a table of the first revision has domains of 8 bits
	seal(SRAT, SRAT_BYTES, 9);
	EXPECT_EQ(acpi_srat_open(&acpi, &srat), 0);
	EXPECT(acpi_srat_next(&srat, &apic_id, &domain) && domain == 7);
}

TEST(lib, acpi_stops_at_lying_srat_entries)
{
	static const uint8_t lies[] = {0, 1, 15, 255};
	struct acpi acpi;
	struct acpi_srat srat;
	uint32_t apic_id, domain;

	for (size_t i = 0; i < array_len(lies); i++) {
		build_tables();
		memory[SRAT + 49] = lies[i]; // the first entry's length
		seal(SRAT, SRAT_BYTES, 9);
		EXPECT_EQ(open_tables(&acpi), 0);
		EXPECT_EQ(acpi_srat_open(&acpi, &srat), 0);
		EXPECT(!acpi_srat_next(&srat, &apic_id, &domain) && srat.pos < srat.len);
	}
	finish_table(SRAT, "SRAT", 47);
	EXPECT_EQ(acpi_srat_open(&acpi, &srat), -EINVAL);
}

TEST(lib, acpi_reads_the_slit)
{
	static const uint64_t lies[] = {0, 1, 3, 1ull << 32, UINT64_MAX, 65536};
	struct acpi acpi;
	struct acpi_slit slit;

	build_tables();
	EXPECT_EQ(open_tables(&acpi), 0);
	EXPECT_EQ(acpi_slit_open(&acpi, &slit), 0);
	EXPECT(slit.count == 2 && slit.distances[1] == 20 && slit.distances[2] == 31);
	for (size_t i = 0; i < array_len(lies); i++) {
		put(SLIT + 36, lies[i], 8);
		seal(SLIT, SLIT_BYTES, 9);
		EXPECT_EQ(acpi_slit_open(&acpi, &slit), -EINVAL);
	}
	memory[SLIT]++;
	EXPECT_EQ(acpi_slit_open(&acpi, &slit), -ENOENT);
}

static size_t use_nodes(const struct acpi *acpi)
{
	struct acpi_srat srat;
	struct acpi_slit slit;
	uint32_t apic_id, domain;
	size_t found = 0;

	if (acpi_srat_open(acpi, &srat) == 0) {
		while (acpi_srat_next(&srat, &apic_id, &domain))
			found++;
	}
	return found + (acpi_slit_open(acpi, &slit) == 0 && slit.distances[slit.count * slit.count - 1]);
}

static size_t use_everything(void)
{
	struct acpi acpi;
	struct acpi_madt madt;
	struct acpi_madt_entry e;
	struct acpi_fadt f;
	struct acpi_hpet hpet;
	struct acpi_mcfg mcfg;
	uint8_t a, b;
	size_t found = 0;

	if (open_tables(&acpi))
		return 0;
	if (acpi_madt_open(&acpi, &madt) == 0) {
		while (acpi_madt_next(&madt, &e))
			found++;
	}
	if (acpi_read_fadt(&acpi, &f) == 0)
		found += acpi_read_s5(&acpi, &f, &a, &b) == 0;
	found += acpi_read_hpet(&acpi, &hpet) == 0;
	found += acpi_read_mcfg(&acpi, 0, &mcfg) == 0;
	return found + use_nodes(&acpi);
}

TEST(lib, acpi_survives_every_length)
{
	static const uint16_t tables[] = {RSDT, XSDT, MADT, FADT, HPET, MCFG, DSDT, SRAT, SLIT};
	size_t found = 0;

	for (size_t t = 0; t < array_len(tables); t++) {
		for (size_t len = 0; len <= sizeof(memory) - tables[t]; len++) {
			build_tables();
			put(tables[t] + 4, len, 4);
			if (len >= 10)
				seal(tables[t], len, 9);
			found += use_everything();
		}
	}
	EXPECT(found > 0);
}

TEST(lib, acpi_survives_every_sealed_byte)
{
	size_t found = 0;

	for (size_t i = MADT + 36; i < SLIT + SLIT_BYTES; i++) {
		build_tables();
		memory[i] ^= 0xff;
		seal(MADT, 111, 9);
		seal(FADT, 276, 9);
		seal(HPET, 56, 9);
		seal(MCFG, 60, 9);
		seal(DSDT, 54, 9);
		seal(SRAT, SRAT_BYTES, 9);
		seal(SLIT, SLIT_BYTES, 9);
		found += use_everything();
	}
	EXPECT(found > 0);
}
