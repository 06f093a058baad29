// SPDX-License-Identifier: MIT
// ACPI's generic addresses, in memory or at ports, 8 to 32 bits wide.
#include <drivers/pc.h>
#include <hal/mmio.h>

/** Bytes of one access: the size given, else what holds the register. */
static unsigned access_bytes(const struct acpi_gas *gas)
{
	if (gas->access_size >= 1 && gas->access_size <= 3)
		return 1u << (gas->access_size - 1);
	return gas->bit_width <= 8 ? 1 : gas->bit_width <= 16 ? 2 : 4;
}

static vaddr_t gas_address(const struct acpi_gas *gas, vaddr_t *mapped)
{
	if (*mapped == 0)
		*mapped = hal_mmio_map(gas->addr, sizeof(uint32_t));
	return *mapped;
}

uint32_t pc_gas_read(const struct acpi_gas *gas, vaddr_t *mapped)
{
	unsigned bytes = access_bytes(gas);

	if (gas->space == ACPI_SPACE_IO) {
		uint16_t port = (uint16_t)gas->addr;
		return bytes == 1 ? hal_port_read8(port) :
		       bytes == 2 ? hal_port_read16(port) :
				    hal_port_read32(port);
	}
	vaddr_t at = gas->space == ACPI_SPACE_MEMORY ? gas_address(gas, mapped) : 0;
	if (at == 0)
		return 0;
	return bytes == 1 ? hal_mmio_read8(at) :
	       bytes == 2 ? hal_mmio_read16(at) :
			    hal_mmio_read32(at);
}

void pc_gas_write(const struct acpi_gas *gas, vaddr_t *mapped, uint32_t value)
{
	unsigned bytes = access_bytes(gas);

	if (gas->space == ACPI_SPACE_IO) {
		uint16_t port = (uint16_t)gas->addr;
		if (bytes == 1)
			hal_port_write8(port, (uint8_t)value);
		else if (bytes == 2)
			hal_port_write16(port, (uint16_t)value);
		else
			hal_port_write32(port, value);
		return;
	}
	vaddr_t at = gas->space == ACPI_SPACE_MEMORY ? gas_address(gas, mapped) : 0;
	if (at == 0)
		return;
	if (bytes == 1)
		hal_mmio_write8(at, (uint8_t)value);
	else if (bytes == 2)
		hal_mmio_write16(at, (uint16_t)value);
	else
		hal_mmio_write32(at, value);
}
