// SPDX-License-Identifier: MIT
// BCM2835 to BCM2711 power management: a watchdog that resets in some 150 microseconds. The
// firmware reads the "partition" in RSTS after the reset: 63 means halt.
#include <drivers/bcm2835_pm.h>

#include <hal/cpu.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <uapi/errno.h>

#define PM_RSTC 0x1c
#define PM_RSTS 0x20
#define PM_WDOG 0x24
#define PM_PASSWORD 0x5a000000u
#define PM_RSTC_MASK 0x30u
#define PM_RSTC_FULL_RESET 0x20u
#define PM_RSTS_HALT 0x555u
#define WDOG_TICKS 10

static vaddr_t base;

static err_t init(int node)
{
	paddr_t pa;
	uint64_t size;
	if (base)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &pa, &size) != 0)
		return -EINVAL;
	base = hal_mmio_map(pa, 0x1000);
	return base ? 0 : -ENOMEM;
}

DT_DRIVER(power, "brcm,bcm2835-pm", init);
DT_DRIVER(power, "brcm,bcm2835-pm-wdt", init);

void bcm2835_pm_reset(void)
{
	if (!base)
		return;
	hal_mmio_write32(base + PM_WDOG, PM_PASSWORD | WDOG_TICKS);
	uint32_t rstc = hal_mmio_read32(base + PM_RSTC) & ~PM_RSTC_MASK;
	hal_mmio_write32(base + PM_RSTC, PM_PASSWORD | rstc | PM_RSTC_FULL_RESET);
	hal_cpu_halt();
}

void bcm2835_pm_off(void)
{
	if (!base)
		return;
	uint32_t rsts = hal_mmio_read32(base + PM_RSTS);
	hal_mmio_write32(base + PM_RSTS, PM_PASSWORD | rsts | PM_RSTS_HALT);
	bcm2835_pm_reset();
}
