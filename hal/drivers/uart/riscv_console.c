// SPDX-License-Identifier: MIT
// Which console: console=hvc0 is the firmware's; else the device tree's stdout-path, else the first
// UART that has a driver, else the firmware's.
#include <drivers/ns16550.h>
#include <drivers/sbi_console.h>
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <uapi/errno.h>

const struct console_ops *hal_console;

static bool is_uart_found;

static err_t ns16550_probe(int node)
{
	paddr_t addr;
	uint64_t size;
	uint32_t irq;
	enum hal_irq_trigger trigger;
	uint32_t shift = fdt_u32_or(&hal_fdt, node, "reg-shift", 0);
	uint32_t width = fdt_u32_or(&hal_fdt, node, "reg-io-width", 1);
	uint32_t offset = fdt_u32_or(&hal_fdt, node, "reg-offset", 0);
	if (is_uart_found)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &addr, &size) != 0 || shift > 3 || offset > size ||
	    size - offset < 8ull << shift || (width != 1 && width != 2 && width != 4)) {
		bootinfo_warn("device tree: UART %s is malformed", fdt_node_name(&hal_fdt, node));
		return -EINVAL;
	}
	vaddr_t base = hal_mmio_map(addr + offset, size - offset);
	if (base == 0)
		return -ENOMEM;
	if (dt_irq(node, 0, &irq, &trigger) != 0)
		irq = NS16550_NO_IRQ;
	hal_console = ns16550_init_mmio(base, shift, width, irq);
	is_uart_found = true;
	return 0;
}

DT_DRIVER(uart, "ns16550a", ns16550_probe);
DT_DRIVER(uart, "ns16550", ns16550_probe);
DT_DRIVER(uart, "snps,dw-apb-uart", ns16550_probe);

void hal_console_init(void)
{
	const char *at = bootinfo.cmdline, *word, *last = NULL;
	while ((word = console_next_word(&at)))
		last = word;
	hal_console = sbi_console_init();
	if (!hal_fdt.blob || (hal_console && last && console_is_named(last, hal_console->name)))
		return;
	int node = fdt_stdout(&hal_fdt);
	if (node < 0 || dt_probe_node(DT_CLASS_uart, node) != 0)
		dt_probe(DT_CLASS_uart);
	if (last && !(hal_console && console_is_named(last, hal_console->name)))
		console_warn_missing(last);
}
