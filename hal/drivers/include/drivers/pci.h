// SPDX-License-Identifier: MIT
// What the platform says of its PCI host bridge, for the bus driver.
#pragma once

#include <hal/pci.h>

struct pci_window {
	paddr_t cpu;
	uint64_t pci, size; // size 0: none
};

struct pci_host {
	paddr_t ecam; // memory-mapped configuration of bus 0; 0: by ports 0xcf8 and 0xcfc
	uint8_t bus_last;
	/** Memory below and above 4 GiB as the bus sees it, free for BARs. Not used if firmware has_assigned. */
	struct pci_window low, high;
	bool has_assigned;
	/** Where line @pin (1 = INTA) of @function arrives. NULL: lines are not used. */
	err_t (*route)(const struct pci_function *function, unsigned pin, uint32_t *irq,
		       enum hal_irq_trigger *trigger);
};

/** Of the platform. False: there is no PCI. */
bool pci_host_find(struct pci_host *host);
