// SPDX-License-Identifier: MIT
// ACPI tables (ACPI 6.5, chapter 5). All fields are little-endian and read byte by byte, since a
// table may stand at any address; field() yields 0 for what a short table does not have.
#include <lib/acpi.h>

#include <lib/string.h>
#include <uapi/errno.h>

enum { RSDP_BYTES_1 = 20, RSDP_BYTES_2 = 36 };

static uint64_t field(const uint8_t *table, size_t len, size_t offset, size_t bytes)
{
	uint64_t value = 0;

	if (bytes > len || offset > len - bytes)
		return 0;
	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)table[offset + i] << (8 * i);
	return value;
}

static bool checksum_is_good(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += p[i];
	return sum == 0;
}

/** Map the table at @addr whole and check its length, checksum and @signature. */
static err_t map_table(acpi_map_fn map, paddr_t addr, const char *signature, const uint8_t **table,
		       size_t *len)
{
	const uint8_t *p;

	if (addr == 0 || addr > UINT64_MAX - ACPI_TABLE_BYTES_MAX)
		return -EINVAL;
	p = map(addr, ACPI_HEADER_BYTES);
	if (!p)
		return -EFAULT;
	size_t bytes = field(p, ACPI_HEADER_BYTES, 4, 4);

	if (memcmp(p, signature, 4) != 0)
		return -ENOENT;
	if (bytes < ACPI_HEADER_BYTES || bytes > ACPI_TABLE_BYTES_MAX)
		return -EINVAL;
	p = map(addr, bytes);
	if (!p)
		return -EFAULT;
	if (!checksum_is_good(p, bytes))
		return -EINVAL;
	*table = p;
	*len = bytes;
	return 0;
}

static err_t open_root(struct acpi *acpi, paddr_t addr, const char *signature, unsigned entry_bytes)
{
	const uint8_t *table;
	size_t len;
	err_t err = map_table(acpi->map, addr, signature, &table, &len);

	if (err)
		return err == -EFAULT ? err : -EINVAL;
	acpi->entries = table + ACPI_HEADER_BYTES;
	acpi->entry_bytes = entry_bytes;
	acpi->count = min((len - ACPI_HEADER_BYTES) / entry_bytes, (size_t)ACPI_TABLES_MAX);
	return 0;
}

static bool has_xsdt(const uint8_t *rsdp, size_t len)
{
	size_t bytes = field(rsdp, len, 20, 4);

	return rsdp[15] >= 2 && bytes >= RSDP_BYTES_2 && bytes <= len &&
	       checksum_is_good(rsdp, bytes) && field(rsdp, len, 24, 8) != 0;
}

err_t acpi_open(struct acpi *acpi, const void *rsdp, size_t len, acpi_map_fn map)
{
	const uint8_t *p = rsdp;

	if (len < RSDP_BYTES_1 || memcmp(p, "RSD PTR ", 8) != 0 ||
	    !checksum_is_good(p, RSDP_BYTES_1))
		return -EINVAL;
	acpi->map = map;
	if (has_xsdt(p, len) && open_root(acpi, field(p, len, 24, 8), "XSDT", 8) == 0)
		return 0;
	return open_root(acpi, field(p, len, 16, 4), "RSDT", 4);
}

const void *acpi_scan_rsdp(const void *base, size_t len)
{
	const uint8_t *p = base;

	for (; len >= RSDP_BYTES_1; p += 16) {
		if (memcmp(p, "RSD PTR ", 8) == 0 && checksum_is_good(p, RSDP_BYTES_1))
			return p;
		if (len < 16 + RSDP_BYTES_1)
			break;
		len -= 16;
	}
	return NULL;
}

const void *acpi_find_table(const struct acpi *acpi, const char *signature, size_t *len)
{
	const uint8_t *table;

	for (unsigned i = 0; i < acpi->count; i++) {
		const uint8_t *entry = acpi->entries + (size_t)i * acpi->entry_bytes;
		paddr_t addr = field(entry, acpi->entry_bytes, 0, acpi->entry_bytes);

		if (map_table(acpi->map, addr, signature, &table, len) == 0)
			return table;
	}
	return NULL;
}

err_t acpi_madt_open(const struct acpi *acpi, struct acpi_madt *madt)
{
	struct acpi_madt_entry e;

	madt->table = acpi_find_table(acpi, "APIC", &madt->len);
	if (!madt->table)
		return -ENOENT;
	if (madt->len < 44)
		return -EINVAL;
	madt->lapic_addr = field(madt->table, madt->len, 36, 4);
	madt->flags = field(madt->table, madt->len, 40, 4);
	for (madt->pos = 44; acpi_madt_next(madt, &e);) {
		if (e.type == ACPI_MADT_LAPIC_ADDRESS)
			madt->lapic_addr = e.lapic_addr;
	}
	madt->pos = 44;
	return 0;
}

/** The least length of an entry of each type whose fields are read. */
static size_t madt_bytes(uint8_t type)
{
	switch (type) {
	case ACPI_MADT_LAPIC:
		return 8;
	case ACPI_MADT_IOAPIC:
		return 12;
	case ACPI_MADT_OVERRIDE:
		return 10;
	case ACPI_MADT_LAPIC_NMI:
		return 6;
	case ACPI_MADT_LAPIC_ADDRESS:
	case ACPI_MADT_X2APIC_NMI:
		return 12;
	case ACPI_MADT_X2APIC:
		return 16;
	default:
		return 2;
	}
}

static void madt_decode(const uint8_t *p, size_t len, struct acpi_madt_entry *e)
{
	switch (e->type) {
	case ACPI_MADT_LAPIC:
		e->cpu.uid = p[2];
		e->cpu.apic_id = p[3];
		e->cpu.flags = field(p, len, 4, 4);
		break;
	case ACPI_MADT_X2APIC:
		e->cpu.apic_id = field(p, len, 4, 4);
		e->cpu.flags = field(p, len, 8, 4);
		e->cpu.uid = field(p, len, 12, 4);
		break;
	case ACPI_MADT_IOAPIC:
		e->ioapic.id = p[2];
		e->ioapic.addr = field(p, len, 4, 4);
		e->ioapic.gsi_base = field(p, len, 8, 4);
		break;
	case ACPI_MADT_OVERRIDE:
		e->override.bus = p[2];
		e->override.irq = p[3];
		e->override.gsi = field(p, len, 4, 4);
		e->override.flags = field(p, len, 8, 2);
		break;
	case ACPI_MADT_LAPIC_NMI:
		e->nmi.uid = p[2] == 0xff ? UINT32_MAX : p[2];
		e->nmi.flags = field(p, len, 3, 2);
		e->nmi.lint = p[5];
		break;
	case ACPI_MADT_X2APIC_NMI:
		e->nmi.flags = field(p, len, 2, 2);
		e->nmi.uid = field(p, len, 4, 4);
		e->nmi.lint = p[8];
		break;
	case ACPI_MADT_LAPIC_ADDRESS:
		e->lapic_addr = field(p, len, 4, 8);
		break;
	}
}

bool acpi_madt_next(struct acpi_madt *madt, struct acpi_madt_entry *entry)
{
	const uint8_t *p = madt->table + madt->pos;
	size_t left = madt->len - madt->pos;

	if (left < 2 || p[1] > left || p[1] < madt_bytes(p[0]))
		return false;
	*entry = (struct acpi_madt_entry){.type = p[0]};
	madt_decode(p, p[1], entry);
	madt->pos += p[1];
	return true;
}

enum { SRAT_LAPIC = 0, SRAT_X2APIC = 2, SRAT_LAPIC_BYTES = 16, SRAT_X2APIC_BYTES = 24 };

err_t acpi_srat_open(const struct acpi *acpi, struct acpi_srat *srat)
{
	srat->table = acpi_find_table(acpi, "SRAT", &srat->len);
	srat->pos = 48;
	if (!srat->table)
		return -ENOENT;
	return srat->len < srat->pos ? -EINVAL : 0;
}

/** Whether the entry at @p is of a CPU that is there. */
static bool srat_decode(const uint8_t *p, size_t len, uint8_t revision, uint32_t *apic_id,
			uint32_t *domain)
{
	if (p[0] == SRAT_X2APIC) {
		*domain = field(p, len, 4, 4);
		*apic_id = field(p, len, 8, 4);
		return p[12] & 1;
	}
	*apic_id = p[3];
	*domain = p[2];
	if (revision >= 2) // before that those bytes were reserved
		*domain |= (uint32_t)field(p, len, 9, 3) << 8;
	return p[0] == SRAT_LAPIC && p[4] & 1;
}

bool acpi_srat_next(struct acpi_srat *srat, uint32_t *apic_id, uint32_t *domain)
{
	static const uint8_t least[] = {[SRAT_LAPIC] = SRAT_LAPIC_BYTES, [1] = 2, [SRAT_X2APIC] = SRAT_X2APIC_BYTES};
	for (;;) {
		const uint8_t *p = srat->table + srat->pos;
		size_t left = srat->len - srat->pos;

		if (left < 2 || p[1] > left || p[1] < (p[0] < array_len(least) ? least[p[0]] : 2))
			return false;
		srat->pos += p[1];
		if (p[0] < array_len(least) && p[0] != 1 &&
		    srat_decode(p, p[1], srat->table[8], apic_id, domain))
			return true;
	}
}

err_t acpi_slit_open(const struct acpi *acpi, struct acpi_slit *slit)
{
	size_t len;
	const uint8_t *t = acpi_find_table(acpi, "SLIT", &len);

	if (!t)
		return -ENOENT;
	uint64_t count = field(t, len, 36, 8);
	if (count == 0 || count > UINT16_MAX || len != 44 + count * count)
		return -EINVAL;
	*slit = (struct acpi_slit){.distances = t + 44, .count = count};
	return 0;
}

static struct acpi_gas read_gas(const uint8_t *table, size_t len, size_t offset)
{
	if (len < 12 || offset > len - 12)
		return (struct acpi_gas){0};
	return (struct acpi_gas){
		.space = table[offset],
		.bit_width = table[offset + 1],
		.bit_offset = table[offset + 2],
		.access_size = table[offset + 3],
		.addr = field(table, len, offset + 4, 8),
	};
}

err_t acpi_read_hpet(const struct acpi *acpi, struct acpi_hpet *hpet)
{
	size_t len;
	const uint8_t *t = acpi_find_table(acpi, "HPET", &len);

	if (!t)
		return -ENOENT;
	if (len < 56)
		return -EINVAL;
	hpet->base = read_gas(t, len, 40);
	hpet->number = t[52];
	hpet->min_tick = field(t, len, 53, 2);
	return hpet->base.addr ? 0 : -EINVAL;
}

/** A register given both as an I/O port at @port_at and, in newer tables, as a GAS at @gas_at. */
static struct acpi_gas read_pm_register(const uint8_t *t, size_t len, size_t port_at, size_t gas_at,
					uint8_t bit_width)
{
	struct acpi_gas gas = read_gas(t, len, gas_at);

	if (gas.addr)
		return gas;
	return (struct acpi_gas){
		.space = ACPI_SPACE_IO,
		.bit_width = bit_width,
		.addr = field(t, len, port_at, 4),
	};
}

static void read_pm_registers(const uint8_t *t, size_t len, struct acpi_fadt *f)
{
	f->pm1a_cnt = read_pm_register(t, len, 64, 172, 16);
	f->pm1b_cnt = read_pm_register(t, len, 68, 184, 16);
	if (field(t, len, 91, 1) >= 4) // PM_TMR_LEN: 0 when there is no timer
		f->pm_timer = read_pm_register(t, len, 76, 208, 32);
	f->is_pm_timer_32bit = f->flags & ACPI_FADT_TMR_VAL_EXT;
}

err_t acpi_read_fadt(const struct acpi *acpi, struct acpi_fadt *fadt)
{
	size_t len;
	const uint8_t *t = acpi_find_table(acpi, "FACP", &len);

	if (!t)
		return -ENOENT;
	*fadt = (struct acpi_fadt){
		.dsdt = field(t, len, 140, 8),
		.flags = field(t, len, 112, 4),
		.sci_int = field(t, len, 46, 2),
		.smi_cmd = field(t, len, 48, 4),
		.acpi_enable = field(t, len, 52, 1),
		.century = field(t, len, 108, 1),
		.boot_arch = field(t, len, 109, 2),
		.reset_reg = read_gas(t, len, 116),
		.reset_value = field(t, len, 128, 1),
		.sleep_control = read_gas(t, len, 244),
		.sleep_status = read_gas(t, len, 256),
	};
	if (!fadt->dsdt)
		fadt->dsdt = field(t, len, 40, 4);
	fadt->is_hw_reduced = fadt->flags & ACPI_FADT_HW_REDUCED;
	fadt->has_reset = (fadt->flags & ACPI_FADT_RESET_REG_SUP) && fadt->reset_reg.addr;
	if (!fadt->is_hw_reduced)
		read_pm_registers(t, len, fadt);
	return 0;
}

/** Decode one AML integer constant at @p; returns the bytes it takes, 0 when it is none. */
static size_t aml_integer(const uint8_t *p, size_t left, uint8_t *value)
{
	static const uint8_t prefixed_bytes[] = {[0x0a] = 1, [0x0b] = 2, [0x0c] = 4, [0x0e] = 8};

	if (left == 0)
		return 0;
	if (p[0] == 0x00 || p[0] == 0x01 || p[0] == 0xff) { // ZeroOp, OneOp, OnesOp
		*value = p[0];
		return 1;
	}
	size_t bytes = p[0] < array_len(prefixed_bytes) ? prefixed_bytes[p[0]] : 0;

	if (bytes == 0 || left < 1 + bytes)
		return 0;
	*value = p[1];
	return 1 + bytes;
}

/** Read the first two integers of the package at @p: PackageOp PkgLength NumElements values. */
static bool aml_package_pair(const uint8_t *p, size_t left, uint8_t *a, uint8_t *b)
{
	if (left < 2 || p[0] != 0x12)
		return false;
	size_t skip = 1 + 1 + (p[1] >> 6) + 1; // PkgLength says in its top bits how long it is

	if (left < skip || p[skip - 1] < 1)
		return false;
	size_t used = aml_integer(p + skip, left - skip, a);

	*b = 0;
	if (!used)
		return false;
	return p[skip - 1] < 2 || aml_integer(p + skip + used, left - skip - used, b);
}

/** Whether the name at @at is being defined: NameOp before it, perhaps with a root prefix. */
static bool aml_is_name_definition(const uint8_t *aml, size_t at)
{
	if (at >= 1 && aml[at - 1] == 0x08)
		return true;
	return at >= 2 && aml[at - 1] == '\\' && aml[at - 2] == 0x08;
}

err_t acpi_read_s5(const struct acpi *acpi, const struct acpi_fadt *fadt, uint8_t *typ_a,
		   uint8_t *typ_b)
{
	const uint8_t *aml;
	size_t len;
	err_t err = map_table(acpi->map, fadt->dsdt, "DSDT", &aml, &len);

	if (err)
		return err;
	for (size_t i = ACPI_HEADER_BYTES; i + 4 < len; i++) {
		if (memcmp(aml + i, "_S5_", 4) != 0 || !aml_is_name_definition(aml, i))
			continue;
		if (!aml_package_pair(aml + i + 4, len - i - 4, typ_a, typ_b))
			continue;
		*typ_a &= 7;
		*typ_b &= 7;
		return 0;
	}
	return -ENOENT;
}

err_t acpi_read_mcfg(const struct acpi *acpi, unsigned index, struct acpi_mcfg *mcfg)
{
	size_t len;
	const uint8_t *t = acpi_find_table(acpi, "MCFG", &len);

	if (!t || len < 44 || index >= (len - 44) / 16)
		return -ENOENT;
	size_t at = 44 + (size_t)index * 16;

	mcfg->base = field(t, len, at, 8);
	mcfg->segment = field(t, len, at + 8, 2);
	mcfg->bus_first = t[at + 10];
	mcfg->bus_last = t[at + 11];
	return mcfg->base && mcfg->bus_first <= mcfg->bus_last ? 0 : -EINVAL;
}
