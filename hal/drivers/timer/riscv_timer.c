// SPDX-License-Identifier: MIT
// The time CSR, its frequency from the device tree, and the timer: stimecmp (Sstc) or SBI TIME.
#include <arch/cpu.h>
#include <arch/sbi.h>
#include <hal/clock.h>
#include <hal/dt.h>
#include <kernel/panic.h>

bool riscv_use_stimecmp;

static uint64_t clock_hz;

/** uaccess.S: read the CSR; false = there is none. */
bool riscv_read_stimecmp(uint64_t *value);

void riscv_sbi_set_timer(uint64_t ticks)
{
	sbi_call(SBI_EXT_TIME, 0, ticks, 0, 0);
}

uint64_t hal_clock_hz(void)
{
	return clock_hz;
}

const char *hal_clock_name(void)
{
	return riscv_use_stimecmp ? "rdtime, sstc" : "rdtime, sbi";
}

/** In /cpus, or in each of its nodes. */
static uint64_t read_timebase(void)
{
	uint64_t hz;
	int cpus = fdt_find_path(&hal_fdt, "/cpus");
	if (cpus < 0)
		return 0;
	if (fdt_number(&hal_fdt, cpus, "timebase-frequency", &hz) == 0)
		return hz;
	int node;
	fdt_for_each_child(node, &hal_fdt, cpus) {
		if (fdt_number(&hal_fdt, node, "timebase-frequency", &hz) == 0)
			return hz;
	}
	return 0;
}

void hal_clock_init(void)
{
	clock_hz = hal_fdt.blob ? read_timebase() : 0;
	if (clock_hz == 0)
		panic("no clock: the device tree has no timebase-frequency in /cpus");
	// The device tree may promise what the firmware has not opened: reading it tells.
	uint64_t value;
	riscv_use_stimecmp = riscv_features.has_sstc && riscv_read_stimecmp(&value);
	if (!riscv_use_stimecmp && !sbi_has(SBI_EXT_TIME))
		panic("no timer: neither Sstc in the device tree nor TIME in the SBI firmware");
}

void hal_timer_init_cpu(void)
{
	hal_timer_set(UINT64_MAX);
	csr_set(sie, 1 << IRQ_TIMER);
}
