// SPDX-License-Identifier: MIT
// The RTC of the goldfish platform, which QEMU's virt machine has: nanoseconds since 1970.
#include <hal/clock.h>
#include <hal/dt.h>
#include <hal/mmio.h>
#include <uapi/errno.h>

#define TIME_LOW 0 // reading it latches TIME_HIGH
#define TIME_HIGH 4
#define RTC_SIZE 8

static vaddr_t base;

static err_t goldfish_init(int node)
{
	paddr_t addr;
	uint64_t size;
	if (base)
		return -EBUSY;
	if (fdt_reg(&hal_fdt, node, 0, &addr, &size) != 0 || size < RTC_SIZE)
		return -EINVAL;
	base = hal_mmio_map(addr, RTC_SIZE);
	return base ? 0 : -ENOMEM;
}

DT_DRIVER(rtc, "google,goldfish-rtc", goldfish_init);

uint64_t hal_rtc_read(void)
{
	if (!base && dt_probe(DT_CLASS_rtc) == 0)
		return 0;
	uint64_t low = hal_mmio_read32(base + TIME_LOW);
	uint64_t high = hal_mmio_read32(base + TIME_HIGH);
	return (high << 32 | low) / NSEC_PER_SEC;
}
