// SPDX-License-Identifier: MIT
// Which console: console=ttyAMA0 is the first PL011, console=ttyS0 the first 16550; else the device
// tree's stdout-path, else the first UART that has a driver. A Raspberry Pi's screen shows the log, and is a
// terminal that nobody types at: console=tty1 asks for what is there anyhow.
#include <drivers/bcm2835_fb.h>
#include <drivers/ns16550.h>
#include <drivers/pl011.h>
#include <drivers/screen.h>
#include <hal/bootinfo.h>
#include <hal/console.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <uapi/errno.h>

const struct console_ops *hal_console;

struct uart {
	vaddr_t base;
	uint32_t irq; // UINT32_MAX: none
};

static bool takes_pl011 = true, takes_ns16550 = true;

static err_t map_uart(int node, struct uart *uart)
{
	paddr_t addr;
	uint64_t size;
	enum hal_irq_trigger trigger;
	uint32_t offset = fdt_u32_or(&hal_fdt, node, "reg-offset", 0);
	if (hal_console)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &addr, &size) != 0 || offset >= size) {
		bootinfo_warn("device tree: UART %s is malformed", fdt_node_name(&hal_fdt, node));
		return -EINVAL;
	}
	uart->base = hal_mmio_map(addr + offset, size - offset);
	if (!uart->base)
		return -ENOMEM;
	if (dt_irq(node, 0, &uart->irq, &trigger) != 0)
		uart->irq = UINT32_MAX;
	return 0;
}

static err_t pl011_probe(int node)
{
	struct uart uart;
	err_t err = takes_pl011 ? map_uart(node, &uart) : -EBUSY;
	if (!err)
		hal_console = pl011_init(uart.base, uart.irq);
	return err;
}

static err_t ns16550_probe_with(int node, uint32_t shift, uint32_t width)
{
	struct uart uart;
	shift = fdt_u32_or(&hal_fdt, node, "reg-shift", shift);
	width = fdt_u32_or(&hal_fdt, node, "reg-io-width", width);
	if (shift > 3 || (width != 1 && width != 2 && width != 4))
		return -EINVAL;
	err_t err = takes_ns16550 ? map_uart(node, &uart) : -EBUSY;
	if (!err)
		hal_console = ns16550_init_mmio(uart.base, shift, width, uart.irq);
	return err;
}

static err_t ns16550_probe(int node)
{
	return ns16550_probe_with(node, 0, 1);
}

/** The Raspberry Pi's mini UART: a 16550 in 32-bit registers, which its node does not say, whose "empty"
 *  means that one more byte fits (BCM2711 ARM peripherals, 2.2.2, AUX_MU_LSR_REG). */
static err_t bcm2835_aux_probe(int node)
{
	err_t err = ns16550_probe_with(node, 2, 4);
	if (!err)
		ns16550_set_burst(1);
	return err;
}

DT_DRIVER(uart, "arm,pl011", pl011_probe);
DT_DRIVER(uart, "ns16550a", ns16550_probe);
DT_DRIVER(uart, "ns16550", ns16550_probe);
DT_DRIVER(uart, "snps,dw-apb-uart", ns16550_probe);
DT_DRIVER(uart, "brcm,bcm2835-aux-uart", bcm2835_aux_probe);

static void choose_uart(const char *name)
{
	takes_pl011 = !name || console_is_named(name, "ttyAMA0");
	takes_ns16550 = !name || console_is_named(name, "ttyS0");
	int node = name ? -1 : fdt_stdout(&hal_fdt);
	if (node < 0 || dt_probe_node(DT_CLASS_uart, node) != 0)
		dt_probe(DT_CLASS_uart);
}

void hal_console_init(void)
{
	const char *at = bootinfo.cmdline, *word, *last = NULL;
	while ((word = console_next_word(&at))) {
		if (!console_is_named(word, "tty0") && !console_is_named(word, "tty1"))
			last = word;
	}
	if (last)
		choose_uart(last);
	if (!hal_console)
		choose_uart(NULL);
	if (last && !(hal_console && console_is_named(last, hal_console->name)))
		console_warn_missing(last);
	bcm2835_fb_init();
	hal_console_other = screen_init(NULL, NULL);
	hal_console_other_has_log = hal_console_other != NULL;
}
