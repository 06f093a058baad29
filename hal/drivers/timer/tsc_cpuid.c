// SPDX-License-Identifier: MIT
// The TSC at the rate that CPUID tells: what remains to calibrate the local APIC's timer by on a machine
// with neither HPET nor PM timer, whose PIT stands still (hardware-reduced ACPI).
#include <arch/x86.h>
#include <drivers/pc_timer.h>

static uint64_t tsc_read(void)
{
	return x86_rdtsc();
}

static struct pc_counter counter = {.name = "cpuid", .mask = UINT64_MAX, .read = tsc_read};

const struct pc_counter *tsc_cpuid_init(void)
{
	uint32_t max_leaf = x86_cpuid(0, 0).eax;
	struct x86_cpuid ratio = {0}, nominal = {0};

	if (max_leaf >= 0x15)
		ratio = x86_cpuid(0x15, 0);
	if (max_leaf >= 0x16)
		nominal = x86_cpuid(0x16, 0);
	counter.hz = x86_tsc_hz(&ratio, &nominal);
	return counter.hz ? &counter : NULL;
}
