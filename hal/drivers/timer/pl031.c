// SPDX-License-Identifier: MIT
// Arm PrimeCell PL031: one register that counts seconds since 1970.
#include <hal/clock.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <uapi/errno.h>

#define RTC_DR 0x00

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

DT_DRIVER(rtc, "arm,pl031", init);

uint64_t hal_rtc_read(void)
{
	if (!base)
		dt_probe(DT_CLASS_rtc);
	return base ? hal_mmio_read32(base + RTC_DR) : 0;
}
