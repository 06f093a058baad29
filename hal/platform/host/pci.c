// SPDX-License-Identifier: MIT
// The laboratory has no buses.
#include <hal/pci.h>

#include <uapi/errno.h>

const struct pci_function *hal_pci_first(void)
{
	return NULL;
}

uint32_t hal_pci_read(const struct pci_function *function, unsigned offset, unsigned width)
{
	(void)function, (void)offset, (void)width;
	return UINT32_MAX;
}

void hal_pci_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
	(void)function, (void)offset, (void)width, (void)value;
}

unsigned hal_pci_capability(const struct pci_function *function, uint8_t id, unsigned after)
{
	(void)function, (void)id, (void)after;
	return 0;
}

err_t hal_pci_enable(const struct pci_function *function)
{
	(void)function;
	return -ENODEV;
}

void hal_pci_disable(const struct pci_function *function)
{
	(void)function;
}

err_t hal_pci_irq(const struct pci_function *function, uint32_t *irq, enum hal_irq_trigger *trigger)
{
	(void)function, (void)irq, (void)trigger;
	return -ENODEV;
}

bool hal_pci_line_is_up(const struct pci_function *function)
{
	(void)function;
	return false;
}

void hal_pci_mask_line(const struct pci_function *function)
{
	(void)function;
}

void hal_pci_unmask_line(const struct pci_function *function)
{
	(void)function;
}
