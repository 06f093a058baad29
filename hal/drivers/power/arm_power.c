// SPDX-License-Identifier: MIT
// The end of a run on AArch64: whatever the machine has for it, in order of preference.
#include <arch/boot.h>
#include <drivers/bcm2835_pm.h>
#include <drivers/psci.h>
#include <hal/cpu.h>
#include <hal/power.h>

#define SYS_EXIT_EXTENDED 0x20
#define ADP_STOPPED_APPLICATION_EXIT 0x20026

noreturn_fn void hal_power_off(void)
{
	psci_system_off();
	bcm2835_pm_off();
	hal_cpu_halt();
}

noreturn_fn void hal_power_reboot(void)
{
	psci_system_reset();
	bcm2835_pm_reset();
	hal_cpu_halt();
}

noreturn_fn void hal_power_exit(unsigned status)
{
	// Returns when no emulator or debugger listens.
	const uint64_t block[2] = {ADP_STOPPED_APPLICATION_EXIT, status};
	arch_semihosting(SYS_EXIT_EXTENDED, block);
	hal_cpu_halt();
}
