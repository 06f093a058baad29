// SPDX-License-Identifier: MIT
// The PCI host bridge of a PC: memory-mapped where ACPI's MCFG says so, else by ports. The BIOS has given
// the addresses. Lines would need AML's _PRT; messages need nobody.
#include <drivers/pc.h>
#include <drivers/pci.h>
#include <hal/mmio.h>

#define PORT_ADDRESS 0xcf8
#define ENABLE (1u << 31)

/** Whether the address port of a host bridge keeps what is written to it. */
static bool answers_at_ports(void)
{
	hal_port_write32(PORT_ADDRESS, ENABLE);
	return hal_port_read32(PORT_ADDRESS) == ENABLE;
}

bool pci_host_find(struct pci_host *host)
{
	struct acpi_mcfg mcfg;
	host->has_assigned = true;
	host->bus_last = 255;
	for (unsigned i = 0; pc_info.has_acpi && acpi_read_mcfg(&pc_acpi, i, &mcfg) == 0; i++) {
		if (mcfg.segment != 0 || mcfg.bus_first != 0)
			continue;
		host->ecam = mcfg.base;
		host->bus_last = mcfg.bus_last;
		return true;
	}
	return answers_at_ports();
}
