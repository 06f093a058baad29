// SPDX-License-Identifier: MIT
// The PCI bus driver: looks for functions once, gives addresses to their BARs where firmware has not, and
// sets their interrupts up.
#include <drivers/pci.h>

#include <hal/mmio.h>
#include <kernel/lock.h>
#include <kernel/log.h>
#include <mm/slab.h>
#include <uapi/errno.h>

#define ECAM_BUS_BYTES MIB(1)
#define ECAM_FUNCTION_BYTES 0x1000u
#define PORT_ADDRESS 0xcf8
#define PORT_DATA 0xcfc
#define BUSES_MAX 256
#define DEVICES_PER_BUS 32
#define FUNCTIONS_PER_DEVICE 8

#define REG_ID 0x00
#define REG_COMMAND 0x04
#define COMMAND_PORTS 1u
#define COMMAND_MEMORY 2u
#define COMMAND_MASTER 4u
#define COMMAND_NO_LINE (1u << 10)
#define REG_STATUS 0x06
#define STATUS_LINE 0x08u
#define STATUS_CAPABILITIES 0x10u
#define REG_CLASS 0x08 // revision in the low byte
#define REG_HEADER 0x0e
#define HEADER_TYPE 0x7fu
#define HEADER_MANY_FUNCTIONS 0x80u
#define TYPE_BRIDGE 1
#define REG_BAR(n) (0x10u + 4 * (n))
#define BAR_PORT 1u
#define BAR_64BIT 4u
#define BAR_TYPE 6u
#define REG_SECONDARY_BUS 0x19
#define REG_CAPABILITIES 0x34
#define REG_PIN 0x3d
#define NOBODY 0xffffffffu
#define CAPABILITIES_MAX 48 // as many as fit: a list that goes on is a ring

#define CAPABILITY_MSI 0x05
#define MSI_CONTROL 2
#define MSI_ENABLE 1u
#define MSI_COUNT 0x70u
#define MSI_64BIT 0x80u
#define CAPABILITY_MSIX 0x11
#define MSIX_TABLE 4
#define MSIX_ENABLE 0x8000u
#define MSIX_MASK_ALL 0x4000u
#define MSIX_BAR 7u

static struct pci_host host;
static vaddr_t ecam_of_bus[BUSES_MAX]; // 0: not mapped yet
static struct spinlock port_lock = SPINLOCK_INIT; // address and data port belong together
static struct pci_function *functions, **functions_end = &functions;
static bool has_looked;
static unsigned function_count;

/** The register in memory; 0: out of reach. */
static vaddr_t register_at(uint16_t address, unsigned offset)
{
	unsigned bus = address >> 8;
	if (!ecam_of_bus[bus])
		ecam_of_bus[bus] = hal_mmio_map(host.ecam + bus * ECAM_BUS_BYTES, ECAM_BUS_BYTES);
	if (!ecam_of_bus[bus])
		return 0;
	return ecam_of_bus[bus] + (address & 0xffu) * ECAM_FUNCTION_BYTES + offset;
}

static uint32_t port_select(uint16_t address, unsigned offset)
{
	hal_port_write32(PORT_ADDRESS, 1u << 31 | (uint32_t)address << 8 | (offset & 0xfcu));
	return PORT_DATA + (offset & 3);
}

static uint32_t port_read(uint16_t address, unsigned offset, unsigned width)
{
	irqflags_t flags = spin_lock_irqsave(&port_lock);
	uint16_t port = (uint16_t)port_select(address, offset);
	uint32_t value = width == 1   ? hal_port_read8(port)
			 : width == 2 ? hal_port_read16(port)
				      : hal_port_read32(port);
	spin_unlock_irqrestore(&port_lock, flags);
	return value;
}

static void port_write(uint16_t address, unsigned offset, unsigned width, uint32_t value)
{
	irqflags_t flags = spin_lock_irqsave(&port_lock);
	uint16_t port = (uint16_t)port_select(address, offset);
	if (width == 1)
		hal_port_write8(port, (uint8_t)value);
	else if (width == 2)
		hal_port_write16(port, (uint16_t)value);
	else
		hal_port_write32(port, value);
	spin_unlock_irqrestore(&port_lock, flags);
}

static uint32_t config_read(uint16_t address, unsigned offset, unsigned width)
{
	if (!host.ecam)
		return offset < 0x100 ? port_read(address, offset, width) : NOBODY;
	vaddr_t at = register_at(address, offset);
	if (!at)
		return NOBODY;
	return width == 1 ? hal_mmio_read8(at) : width == 2 ? hal_mmio_read16(at) : hal_mmio_read32(at);
}

static void config_write(uint16_t address, unsigned offset, unsigned width, uint32_t value)
{
	if (!host.ecam) {
		if (offset < 0x100)
			port_write(address, offset, width, value);
		return;
	}
	vaddr_t at = register_at(address, offset);
	if (!at)
		return;
	if (width == 1)
		hal_mmio_write8(at, (uint8_t)value);
	else if (width == 2)
		hal_mmio_write16(at, (uint16_t)value);
	else
		hal_mmio_write32(at, value);
}

uint32_t hal_pci_read(const struct pci_function *function, unsigned offset, unsigned width)
{
	return config_read(function->address, offset, width);
}

void hal_pci_write(const struct pci_function *function, unsigned offset, unsigned width, uint32_t value)
{
	config_write(function->address, offset, width, value);
}

static void change_command(const struct pci_function *function, uint32_t clear, uint32_t set)
{
	uint32_t command = hal_pci_read(function, REG_COMMAND, 2);
	hal_pci_write(function, REG_COMMAND, 2, (command & ~clear) | set);
}

/** Only this file changes functions. */
static _Atomic uint32_t *enabled_flag(const struct pci_function *function)
{
	return &((struct pci_function *)(uintptr_t)function)->is_enabled;
}

err_t hal_pci_enable(const struct pci_function *function)
{
	if (exchange_acq_rel(enabled_flag(function), 1))
		return -EBUSY;
	change_command(function, 0, COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_LINE);
	return 0;
}

void hal_pci_disable(const struct pci_function *function)
{
	change_command(function, COMMAND_MASTER, COMMAND_NO_LINE);
	store_release(enabled_flag(function), 0);
}

bool hal_pci_line_is_up(const struct pci_function *function)
{
	return hal_pci_read(function, REG_STATUS, 2) & STATUS_LINE;
}

void hal_pci_mask_line(const struct pci_function *function)
{
	change_command(function, 0, COMMAND_NO_LINE);
}

void hal_pci_unmask_line(const struct pci_function *function)
{
	change_command(function, COMMAND_NO_LINE, 0);
}

unsigned hal_pci_capability(const struct pci_function *function, uint8_t id, unsigned after)
{
	if (!(hal_pci_read(function, REG_STATUS, 2) & STATUS_CAPABILITIES))
		return 0;
	unsigned at = after ? after + 1 : REG_CAPABILITIES;
	for (unsigned i = 0; i < CAPABILITIES_MAX; i++) {
		at = hal_pci_read(function, at, 1) & 0xfc;
		if (at < 0x40)
			return 0;
		if (hal_pci_read(function, at, 1) == id)
			return at;
		at++;
	}
	return 0;
}

/** Room of @size bytes, aligned to it, out of the window; 0: there is none. */
static uint64_t take_room(struct pci_window *window, uint64_t size)
{
	uint64_t start = align_up(window->pci, size);
	uint64_t skipped = start - window->pci;
	if (!window->size || start < window->pci || skipped > window->size ||
	    window->size - skipped < size)
		return 0;
	window->cpu += skipped + size;
	window->pci = start + size;
	window->size -= skipped + size;
	return start;
}

/** Write ones, read what sticks. The function's decoding is off meanwhile. */
static uint64_t measure_bar(const struct pci_function *function, unsigned n, bool is_64bit, uint64_t *old)
{
	uint32_t low = hal_pci_read(function, REG_BAR(n), 4), high = 0;
	uint32_t flags = low & BAR_PORT ? 3 : 15;
	hal_pci_write(function, REG_BAR(n), 4, NOBODY);
	uint64_t mask = hal_pci_read(function, REG_BAR(n), 4) & ~flags;
	hal_pci_write(function, REG_BAR(n), 4, low);
	if (is_64bit) {
		high = hal_pci_read(function, REG_BAR(n + 1), 4);
		hal_pci_write(function, REG_BAR(n + 1), 4, NOBODY);
		mask |= (uint64_t)hal_pci_read(function, REG_BAR(n + 1), 4) << 32;
		hal_pci_write(function, REG_BAR(n + 1), 4, high);
	} else if (mask) {
		mask |= low & BAR_PORT && !(mask >> 16) ? 0xffffffffffff0000u : 0xffffffff00000000u;
	}
	*old = (uint64_t)high << 32 | (low & ~flags);
	return mask ? -mask : 0;
}

/** Give BAR @n an address of ours. Ports stay without: nothing here needs them. */
static void assign_bar(struct pci_function *function, unsigned n, bool is_64bit, uint64_t size)
{
	struct pci_bar *bar = &function->bars[n];
	struct pci_window *window = &host.low;
	uint64_t offset = window->cpu - window->pci;
	uint64_t at = take_room(window, size);
	if (!at && is_64bit) {
		window = &host.high;
		offset = window->cpu - window->pci;
		at = take_room(window, size);
	}
	if (!at) {
		log_warn("pci: %02x:%02x.%x: no room for BAR %u of 0x%llx bytes", function->address >> 8,
			 function->address >> 3 & 31u, function->address & 7u, n,
			 (unsigned long long)size);
		return;
	}
	hal_pci_write(function, REG_BAR(n), 4, (uint32_t)at);
	if (is_64bit)
		hal_pci_write(function, REG_BAR(n + 1), 4, (uint32_t)(at >> 32));
	bar->base = at + offset;
	bar->size = size;
}

/** Returns how many registers the BAR takes. */
static unsigned read_bar(struct pci_function *function, unsigned n)
{
	uint32_t low = hal_pci_read(function, REG_BAR(n), 4);
	bool is_port = low & BAR_PORT;
	bool is_64bit = !is_port && (low & BAR_TYPE) == BAR_64BIT && n + 1 < PCI_BARS;
	uint64_t old, size = measure_bar(function, n, is_64bit, &old);
	function->bars[n].is_port = is_port;
	if (size && host.has_assigned && old) {
		function->bars[n].base = old;
		function->bars[n].size = size;
	} else if (size && !host.has_assigned && !is_port) {
		assign_bar(function, n, is_64bit, size);
	}
	return is_64bit ? 2 : 1;
}

static void read_bars(struct pci_function *function)
{
	uint32_t command = hal_pci_read(function, REG_COMMAND, 2);
	change_command(function, COMMAND_PORTS | COMMAND_MEMORY, 0);
	for (unsigned n = 0; n < PCI_BARS;)
		n += read_bar(function, n);
	// A device that firmware left running (its screen, a UART) goes on.
	hal_pci_write(function, REG_COMMAND, 2, command);
}

static void add_function(uint16_t address, uint32_t id)
{
	struct pci_function *function = kzalloc(sizeof(*function));
	if (!function) {
		log_warn("pci: no memory for a function");
		return;
	}
	function->address = address;
	function->vendor = (uint16_t)id;
	function->device = (uint16_t)(id >> 16);
	function->class = config_read(address, REG_CLASS, 4) >> 8;
	if (!(config_read(address, REG_HEADER, 1) & HEADER_TYPE))
		read_bars(function);
	*functions_end = function;
	functions_end = &function->next;
	function_count++;
}

static void look_at_bus(unsigned bus);

/** Returns the header type, NOBODY if nobody is there. */
static uint32_t look_at_function(uint16_t address)
{
	uint32_t id = config_read(address, REG_ID, 4);
	if (id == NOBODY || !(uint16_t)id || (uint16_t)id == 0xffff)
		return NOBODY;
	uint32_t header = config_read(address, REG_HEADER, 1);
	add_function(address, id);
	if ((header & HEADER_TYPE) == TYPE_BRIDGE) {
		unsigned secondary = config_read(address, REG_SECONDARY_BUS, 1);
		// Numbers grow downward, so that no ring of bridges can be walked for ever.
		if (secondary > address >> 8 && secondary <= host.bus_last)
			look_at_bus(secondary);
	}
	return header;
}

static void look_at_bus(unsigned bus)
{
	for (unsigned device = 0; device < DEVICES_PER_BUS; device++) {
		uint16_t address = (uint16_t)(bus << 8 | device << 3);
		uint32_t header = look_at_function(address);
		if (header == NOBODY || !(header & HEADER_MANY_FUNCTIONS))
			continue;
		for (unsigned n = 1; n < FUNCTIONS_PER_DEVICE; n++)
			(void)look_at_function((uint16_t)(address + n));
	}
}

const struct pci_function *hal_pci_first(void)
{
	if (!has_looked && pci_host_find(&host)) {
		look_at_bus(0);
		log_info("pci: %u functions", function_count);
	}
	has_looked = true;
	return functions;
}

static void enable_msi(const struct pci_function *function, unsigned at, uint64_t address, uint32_t data)
{
	uint32_t control = hal_pci_read(function, at + MSI_CONTROL, 2);
	hal_pci_write(function, at + 4, 4, (uint32_t)address);
	if (control & MSI_64BIT)
		hal_pci_write(function, at + 8, 4, (uint32_t)(address >> 32));
	hal_pci_write(function, at + (control & MSI_64BIT ? 12 : 8), 2, data);
	hal_pci_write(function, at + MSI_CONTROL, 2, (control & ~MSI_COUNT) | MSI_ENABLE);
}

/** Entry 0 of the table; the others stay masked, as after reset. */
static err_t enable_msix(const struct pci_function *function, unsigned at, uint64_t address, uint32_t data)
{
	uint32_t where = hal_pci_read(function, at + MSIX_TABLE, 4);
	if ((where & MSIX_BAR) >= PCI_BARS)
		return -ENODEV;
	const struct pci_bar *bar = &function->bars[where & MSIX_BAR];
	uint32_t offset = where & ~MSIX_BAR;
	if (bar->is_port || bar->size < 16 || offset > bar->size - 16)
		return -ENODEV;
	vaddr_t entry = hal_mmio_map(bar->base + offset, 16);
	if (!entry)
		return -ENOMEM;
	change_command(function, 0, COMMAND_MEMORY);
	uint32_t control = hal_pci_read(function, at + 2, 2);
	hal_pci_write(function, at + 2, 2, control | MSIX_ENABLE | MSIX_MASK_ALL);
	hal_mmio_write32(entry, (uint32_t)address);
	hal_mmio_write32(entry + 4, (uint32_t)(address >> 32));
	hal_mmio_write32(entry + 8, data);
	hal_mmio_write32(entry + 12, 0);
	hal_pci_write(function, at + 2, 2, (control | MSIX_ENABLE) & ~MSIX_MASK_ALL);
	return 0;
}

static err_t message_irq(const struct pci_function *function, uint32_t *irq)
{
	unsigned msix = hal_pci_capability(function, CAPABILITY_MSIX, 0);
	unsigned msi = hal_pci_capability(function, CAPABILITY_MSI, 0);
	uint64_t address;
	uint32_t data;
	if (!hal_irqchip->take_message || (!msi && !msix))
		return -ENODEV;
	err_t err = hal_irqchip->take_message(irq, &address, &data);
	if (err)
		return err;
	if (msix)
		return enable_msix(function, msix, address, data);
	enable_msi(function, msi, address, data);
	return 0;
}

err_t hal_pci_irq(const struct pci_function *function, uint32_t *irq, enum hal_irq_trigger *trigger)
{
	*trigger = HAL_IRQ_EDGE_RISING;
	err_t err = message_irq(function, irq);
	uint32_t pin = hal_pci_read(function, REG_PIN, 1);
	if (err != -ENODEV || !host.route || pin < 1 || pin > 4)
		return err;
	return host.route(function, pin, irq, trigger);
}
