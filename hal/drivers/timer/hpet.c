// SPDX-License-Identifier: MIT
// The main counter of the HPET (IA-PC HPET specification 1.0a, 2.3).
#include <drivers/pc.h>
#include <drivers/pc_timer.h>
#include <hal/mmio.h>

#define REG_CAPABILITIES 0x00
#define REG_CONFIG 0x10
#define REG_COUNTER 0xf0
#define CAP_64BIT (1u << 13)
#define CONFIG_ENABLE 1u
#define CONFIG_LEGACY 2u
#define FEMTOSECONDS 1000000000000000ull
#define PERIOD_MAX_FS 100000000u // the specification's bound

static vaddr_t base;

static uint64_t read64(void)
{
	return hal_mmio_read64(base + REG_COUNTER);
}

static uint64_t read32(void)
{
	return hal_mmio_read32(base + REG_COUNTER);
}

static struct pc_counter counter = {.name = "hpet", .is_clock = true};

const struct pc_counter *hpet_init(void)
{
	if (!pc_info.has_hpet || pc_info.hpet.base.space != ACPI_SPACE_MEMORY)
		return NULL;
	base = hal_mmio_map(pc_info.hpet.base.addr, 0x400);
	if (base == 0)
		return NULL;
	uint64_t capabilities = hal_mmio_read64(base + REG_CAPABILITIES);
	uint32_t period_fs = (uint32_t)(capabilities >> 32);
	if (period_fs == 0 || period_fs > PERIOD_MAX_FS)
		return NULL;
	uint64_t config = hal_mmio_read64(base + REG_CONFIG);
	hal_mmio_write64(base + REG_CONFIG, (config & ~(uint64_t)CONFIG_LEGACY) | CONFIG_ENABLE);
	counter.hz = FEMTOSECONDS / period_fs;
	counter.mask = capabilities & CAP_64BIT ? UINT64_MAX : UINT32_MAX;
	counter.read = capabilities & CAP_64BIT ? read64 : read32;
	return &counter;
}
