// SPDX-License-Identifier: MIT
// Arm's generic timer: the virtual counter and timer of each CPU, found from the device tree.
#include <arch/boot.h>
#include <arch/sysreg.h>
#include <hal/clock.h>
#include <hal/dt.h>
#include <hal/irqchip.h>
#include <kernel/panic.h>
#include <uapi/errno.h>

#define VIRTUAL_TIMER 2 // index in `interrupts`: secure, non-secure, virtual, hypervisor

uint32_t arch_timer_irq;
static uint64_t frequency;

static err_t init(int node)
{
	uint32_t cells[FDT_INTR_CELLS_MAX];
	unsigned count;
	int controller;
	int index = fdt_string_index(&hal_fdt, node, "interrupt-names", "virt");
	if (index < 0)
		index = VIRTUAL_TIMER;
	if (fdt_interrupts(&hal_fdt, node, (unsigned)index, cells, &count, &controller) != 0 ||
	    count < 2 || cells[0] != 1 || cells[1] >= 16)
		return -EINVAL;
	frequency = fdt_u32_or(&hal_fdt, node, "clock-frequency", 0);
	if (frequency == 0)
		frequency = read_sysreg(cntfrq_el0) & UINT32_MAX;
	arch_timer_irq = 16 + cells[1];
	return 0;
}

DT_DRIVER(timer, "arm,armv8-timer", init);
DT_DRIVER(timer, "arm,armv7-timer", init);

void hal_clock_init(void)
{
	if (dt_probe(DT_CLASS_timer) == 0)
		panic("no timer: the device tree has no usable node compatible with arm,armv8-timer");
	if (frequency == 0)
		panic("no timer: CNTFRQ_EL0 is 0 and /timer has no clock-frequency");
}

uint64_t hal_clock_hz(void)
{
	return frequency;
}

const char *hal_clock_name(void)
{
	return "arch_timer";
}

void hal_timer_init_cpu(void)
{
	hal_timer_set(UINT64_MAX);
	hal_irqchip->unmask(arch_timer_irq);
}
