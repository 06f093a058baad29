// SPDX-License-Identifier: MIT
// Channel 0 of the 8254, read by latching: for calibration where there is nothing better (QEMU's
// microvm has neither channel 2 nor its gate at port 0x61). It wraps after 55 ms.
#include <drivers/pc_timer.h>
#include <hal/mmio.h>

enum { PIT_CHANNEL0 = 0x40, PIT_COMMAND = 0x43 };
#define COMMAND_RATE 0x34 // channel 0, low then high byte, mode 2
#define COMMAND_LATCH 0x00

static uint64_t pit_read(void)
{
	hal_port_write8(PIT_COMMAND, COMMAND_LATCH);
	uint32_t low = hal_port_read8(PIT_CHANNEL0);
	uint32_t high = hal_port_read8(PIT_CHANNEL0);
	return 0xffff - (high << 8 | low); // it counts down
}

static const struct pc_counter counter = {
	.name = "pit",
	.hz = 1193182,
	.mask = 0xffff,
	.read = pit_read,
};

const struct pc_counter *pit_init(void)
{
	hal_port_write8(PIT_COMMAND, COMMAND_RATE);
	hal_port_write8(PIT_CHANNEL0, 0); // 65536
	hal_port_write8(PIT_CHANNEL0, 0);
	uint64_t first = pit_read();
	for (unsigned i = 0; i < 1000; i++) {
		if (pit_read() != first)
			return &counter;
	}
	return NULL;
}
