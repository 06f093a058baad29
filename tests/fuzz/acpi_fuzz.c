// SPDX-License-Identifier: MIT
// Fuzz target: the input is physical memory from address 0 on, with an RSDP at its start. The first
// checksums are put right, so that inputs get past them.
#include <lib/acpi.h>
#include <lib/string.h>

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t *memory;
static size_t memory_len;
static volatile uint8_t end; // so that it is read

static uint64_t load(size_t at, size_t bytes)
{
	uint64_t value = 0;

	for (size_t i = 0; i < bytes; i++)
		value |= (uint64_t)memory[at + i] << (8 * i);
	return value;
}

static void seal(size_t at, size_t len, size_t where)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += memory[at + i];
	memory[at + where] -= sum;
}

static const void *map(paddr_t addr, size_t len)
{
	if (len > memory_len || addr > memory_len - len)
		return NULL;
	if (len >= ACPI_HEADER_BYTES && load(addr + 4, 4) == len)
		seal(addr, len, 9);
	return memory + addr;
}

static void read_tables(const struct acpi *acpi)
{
	struct acpi_madt madt;
	struct acpi_madt_entry e;
	struct acpi_fadt fadt;
	struct acpi_hpet hpet;
	struct acpi_mcfg mcfg;
	struct acpi_srat srat;
	struct acpi_slit slit;
	uint32_t apic_id, domain;
	uint8_t a, b;

	if (acpi_madt_open(acpi, &madt) == 0) {
		while (acpi_madt_next(&madt, &e))
			continue;
	}
	if (acpi_read_fadt(acpi, &fadt) == 0)
		(void)!acpi_read_s5(acpi, &fadt, &a, &b);
	if (acpi_srat_open(acpi, &srat) == 0) {
		while (acpi_srat_next(&srat, &apic_id, &domain))
			continue;
	}
	if (acpi_slit_open(acpi, &slit) == 0)
		end = slit.distances[(size_t)slit.count * slit.count - 1];
	(void)!acpi_read_hpet(acpi, &hpet);
	for (unsigned i = 0; acpi_read_mcfg(acpi, i, &mcfg) == 0; i++)
		continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct acpi acpi;

	if (size < 36)
		return 0;
	memory = malloc(size);
	memory_len = size;
	memcpy(memory, data, size);
	memcpy(memory, "RSD PTR ", 8);
	seal(0, 20, 8);
	seal(0, 36, 32);
	acpi_scan_rsdp(memory, size);
	if (acpi_open(&acpi, memory, 36, map) == 0)
		read_tables(&acpi);
	free(memory);
	return 0;
}
