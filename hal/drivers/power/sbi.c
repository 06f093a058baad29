// SPDX-License-Identifier: MIT
// Power by the SBI firmware: system reset, or the legacy shutdown of old ones.
#include <arch/sbi.h>
#include <drivers/sifive_test.h>
#include <hal/cpu.h>
#include <hal/power.h>

enum { RESET_SHUTDOWN, RESET_COLD_REBOOT };

noreturn_fn void hal_power_off(void)
{
	sbi_call(SBI_EXT_SRST, 0, RESET_SHUTDOWN, 0, 0);
	sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
	sifive_test_exit(0);
	hal_cpu_halt();
}

noreturn_fn void hal_power_reboot(void)
{
	sbi_call(SBI_EXT_SRST, 0, RESET_COLD_REBOOT, 0, 0);
	hal_power_off();
}

noreturn_fn void hal_power_exit(unsigned status)
{
	sifive_test_exit(status);
	hal_cpu_halt();
}
