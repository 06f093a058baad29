// SPDX-License-Identifier: MIT
// The ACPI power-management timer: 24 or 32 bits at 3.579545 MHz (ACPI 6.5, 4.8.3.3).
#include <drivers/pc.h>
#include <drivers/pc_timer.h>

static vaddr_t mapped;

static uint64_t pmtimer_read(void)
{
	return pc_gas_read(&pc_info.fadt.pm_timer, &mapped);
}

static struct pc_counter counter = {
	.name = "pm timer",
	.hz = 3579545,
	.is_clock = true,
	.read = pmtimer_read,
};

const struct pc_counter *pmtimer_init(void)
{
	if (!pc_info.has_fadt || pc_info.fadt.pm_timer.addr == 0)
		return NULL;
	counter.mask = pc_info.fadt.is_pm_timer_32bit ? 0xffffffffu : 0xffffffu;
	// A register that does not count is no timer; it takes 280 ns a step, one access about 1 µs.
	uint64_t first = pmtimer_read();
	for (unsigned i = 0; i < 1000; i++) {
		if (pmtimer_read() != first)
			return &counter;
	}
	return NULL;
}
