// SPDX-License-Identifier: MIT
// PCI: the functions on the buses behind the host bridge that firmware describes, their registers and
// interrupts. Found once, at the first question; afterwards read-only. (PCI Local Bus 3.0, PCI Express 5.0)
#pragma once

#include <hal/atomic.h>
#include <hal/irqchip.h>
#include <lib/types.h>

#define PCI_BARS 6

struct pci_bar {
	paddr_t base; // as the CPU sees it
	uint64_t size; // 0: there is none, or it has no address
	bool is_port;
};

struct pci_function {
	uint16_t address; // bus << 8 | device << 3 | function
	uint16_t vendor, device;
	uint32_t class; // class << 16 | subclass << 8 | interface
	struct pci_bar bars[PCI_BARS];
	_Atomic uint32_t is_enabled; // somebody drives it
	struct pci_function *next;
};

/** The first function, then by ->next, in order of address; NULL: there are none. Not from interrupts. */
const struct pci_function *hal_pci_first(void);

/** Configuration space: @width 1, 2 or 4 bytes at @offset, naturally aligned. All ones: not there. */
uint32_t hal_pci_read(const struct pci_function *function, unsigned offset, unsigned width);
void hal_pci_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value);

/** Offset of the first capability @id behind @after (0: of all); 0: there is none. */
unsigned hal_pci_capability(const struct pci_function *function, uint8_t id, unsigned after);

/** Let the device answer at its memory BARs and reach memory itself; its line stays masked. -EBUSY: somebody
 *  has enabled it already, and drives it. */
must_check err_t hal_pci_enable(const struct pci_function *function);
/** It may reach memory and interrupt no more, and be enabled again. */
void hal_pci_disable(const struct pci_function *function);

/** The one interrupt of the function, for irq_connect(): a message where device and controller know them,
 *  else its line. -ENODEV: neither; -ENOSPC: no messages left. Once for each function. */
must_check err_t hal_pci_irq(const struct pci_function *function, uint32_t *irq,
			     enum hal_irq_trigger *trigger);
/** Whether the function wants to interrupt by its line, masked or not; and may it? Any context; calls for a
 *  function one at a time. */
bool hal_pci_line_is_up(const struct pci_function *function);
void hal_pci_mask_line(const struct pci_function *function);
void hal_pci_unmask_line(const struct pci_function *function);
