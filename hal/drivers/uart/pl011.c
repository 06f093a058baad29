// SPDX-License-Identifier: MIT
// Arm PrimeCell PL011 (DDI 0183G), polled for output and by interrupt for input. Speed and pins stay
// as firmware set them. One instance: the console, written by the boot CPU before upcall_boot().
#include <drivers/pl011.h>

#include <hal/cpu.h>
#include <hal/mmio.h>

#define UART_DR 0x00
#define UART_FR 0x18
#define UART_LCR_H 0x2c
#define UART_CR 0x30
#define UART_IFLS 0x34
#define UART_IMSC 0x38
#define UART_ICR 0x44

#define FR_RX_EMPTY (1 << 4)
#define FR_TX_FULL (1 << 5)
#define LCR_FIFO_8BITS (1 << 4 | 3 << 5)
#define CR_ENABLE (1 << 0 | 1 << 8 | 1 << 9) // UART, transmit, receive
#define IFLS_RX_1_8 0
#define INT_RX (1 << 4)
#define INT_RX_TIMEOUT (1 << 6)
// Longer than a byte takes at 9600 baud. A UART that died, or whose peer holds it up for ever (CTS), must
// not hold a panic up, nor each byte of the log.
#define TX_POLLS_MAX 1000000u

static vaddr_t base;
static uint32_t irq;
static unsigned tx_polls = TX_POLLS_MAX;

/** Wait for room in the transmitter; after it failed once, only look. */
static void wait_for_room(void)
{
	unsigned polls = tx_polls;
	for (tx_polls = TX_POLLS_MAX; hal_mmio_read32(base + UART_FR) & FR_TX_FULL; hal_cpu_relax()) {
		if (--polls == 0) {
			tx_polls = 1;
			return;
		}
	}
}

static void pl011_write(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		wait_for_room();
		hal_mmio_write32(base + UART_DR, (uint8_t)text[i]);
	}
}

static int pl011_read(void)
{
	if (hal_mmio_read32(base + UART_FR) & FR_RX_EMPTY)
		return -1;
	return hal_mmio_read32(base + UART_DR) & 0xff;
}

static uint32_t pl011_input_irq(void)
{
	return irq;
}

static void pl011_enable_input(void)
{
	if (irq == UINT32_MAX)
		return;
	hal_mmio_write32(base + UART_ICR, 0x7ff);
	hal_mmio_write32(base + UART_IMSC, INT_RX | INT_RX_TIMEOUT);
}

static const struct console_ops ops = {
	.name = "ttyAMA0",
	.write = pl011_write,
	.read = pl011_read,
	.input_irq = pl011_input_irq,
	.enable_input = pl011_enable_input,
};

const struct console_ops *pl011_init(vaddr_t base_, uint32_t irq_)
{
	base = base_;
	irq = irq_;
	hal_mmio_write32(base + UART_IMSC, 0);
	// The line control register may be written only while the UART is off.
	uint32_t control = hal_mmio_read32(base + UART_CR);
	hal_mmio_write32(base + UART_CR, 0);
	hal_mmio_write32(base + UART_LCR_H, LCR_FIFO_8BITS);
	hal_mmio_write32(base + UART_IFLS, IFLS_RX_1_8);
	hal_mmio_write32(base + UART_CR, control | CR_ENABLE);
	return &ops;
}
