// SPDX-License-Identifier: MIT
// The 16550 UART, polled for output and by interrupt for input. PC16550D data sheet, section 8.
// The one instance is written by the boot CPU before upcall_boot(); afterwards its state is only
// read, and callers (the log, the terminal) keep two writers apart.
#include <drivers/ns16550.h>

#include <hal/cpu.h>
#include <hal/mmio.h>

enum {
	REG_DATA, // divisor low when LCR_DLAB
	REG_IER, // divisor high when LCR_DLAB
	REG_FCR, // read: IIR
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCRATCH,
};

// Data, and errors of the line: the mini UART gives no interrupt of data without the second
// (elinux.org, "BCM2835 datasheet errata", AUX_MU_IER_REG).
#define IER_RECEIVE 0x05
#define FCR_ENABLE_CLEAR 0x87 // interrupt at 8 of 16 bytes, or when no more come for a while
#define LCR_8N1 0x03
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b // OUT2 connects the interrupt line on PCs
#define LSR_DATA 0x01
#define LSR_TX_EMPTY 0x20
#define IIR_FIFO 0xc0
#define FIFO_BYTES 16
// Far longer than 16 bytes take at 9600 baud; a UART that died must not hold a panic up, nor each byte of
// a boot log that it is not even clocked for (a Raspberry Pi without enable_uart=1).
#define TX_POLLS_MAX 1000000u

static struct {
	vaddr_t base; // address or port
	bool is_port;
	unsigned reg_shift;
	unsigned io_width;
	size_t burst; // bytes that an empty transmitter takes
	unsigned tx_polls; // how long to wait for it
	uint32_t irq;
} uart;

static uint8_t uart_read(unsigned reg)
{
	if (uart.is_port)
		return hal_port_read8((uint16_t)(uart.base + reg));
	vaddr_t at = uart.base + ((vaddr_t)reg << uart.reg_shift);
	if (uart.io_width == 4)
		return (uint8_t)hal_mmio_read32(at);
	if (uart.io_width == 2)
		return (uint8_t)hal_mmio_read16(at);
	return hal_mmio_read8(at);
}

static void uart_write(unsigned reg, uint8_t value)
{
	if (uart.is_port) {
		hal_port_write8((uint16_t)(uart.base + reg), value);
		return;
	}
	vaddr_t at = uart.base + ((vaddr_t)reg << uart.reg_shift);
	if (uart.io_width == 4)
		hal_mmio_write32(at, value);
	else if (uart.io_width == 2)
		hal_mmio_write16(at, value);
	else
		hal_mmio_write8(at, value);
}

/** Wait for the transmitter; after it failed once, only look. */
static void wait_until_empty(void)
{
	unsigned polls = uart.tx_polls;
	for (uart.tx_polls = TX_POLLS_MAX; !(uart_read(REG_LSR) & LSR_TX_EMPTY); hal_cpu_relax()) {
		if (--polls == 0) {
			uart.tx_polls = 1;
			return;
		}
	}
}

static void ns16550_write(const char *text, size_t len)
{
	while (len > 0) {
		wait_until_empty();
		// Empty means that the whole FIFO is.
		size_t burst = min(len, uart.burst);
		for (size_t i = 0; i < burst; i++)
			uart_write(REG_DATA, (uint8_t)text[i]);
		text += burst;
		len -= burst;
	}
}

static int ns16550_read(void)
{
	if (!(uart_read(REG_LSR) & LSR_DATA))
		return -1;
	return uart_read(REG_DATA);
}

static uint32_t ns16550_input_irq(void)
{
	return uart.irq;
}

static void ns16550_enable_input(void)
{
	if (uart.irq != NS16550_NO_IRQ)
		uart_write(REG_IER, IER_RECEIVE);
}

static struct console_ops ops = {
	.name = "ttyS0",
	.write = ns16550_write,
	.read = ns16550_read,
	.input_irq = ns16550_input_irq,
	.enable_input = ns16550_enable_input,
};

static void init_line(void)
{
	uart_write(REG_IER, 0);
	uart_write(REG_LCR, LCR_8N1);
	uart_write(REG_FCR, FCR_ENABLE_CLEAR);
	uart.burst = (uart_read(REG_FCR) & IIR_FIFO) == IIR_FIFO ? FIFO_BYTES : 1;
	uart.tx_polls = TX_POLLS_MAX;
	uart_write(REG_MCR, MCR_DTR_RTS_OUT2);
}

const struct console_ops *ns16550_init_mmio(vaddr_t base, unsigned reg_shift, unsigned reg_io_width,
					    uint32_t irq)
{
	uart.base = base;
	uart.is_port = false;
	uart.reg_shift = reg_shift;
	uart.io_width = reg_io_width;
	uart.irq = irq;
	init_line();
	return &ops;
}

void ns16550_set_burst(size_t bytes)
{
	uart.burst = bytes;
}

static void set_divisor(uint16_t divisor)
{
	uart_write(REG_LCR, LCR_8N1 | LCR_DLAB);
	uart_write(REG_DATA, divisor & 0xff);
	uart_write(REG_IER, divisor >> 8);
	uart_write(REG_LCR, LCR_8N1);
}

const struct console_ops *ns16550_init_port(uint16_t port, const char *name, uint32_t irq)
{
	uart.base = port;
	uart.is_port = true;
	uart.irq = irq;
	// Where nothing is, the bus reads as ones and keeps nothing.
	uart_write(REG_SCRATCH, 0x5a);
	if (uart_read(REG_SCRATCH) != 0x5a)
		return NULL;
	set_divisor(1); // of 115200 baud
	init_line();
	ops.name = name;
	return &ops;
}

void ns16550_set_irq(uint32_t irq)
{
	uart.irq = irq;
}
