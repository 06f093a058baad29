// SPDX-License-Identifier: MIT
// The unit tests of all rooms, run in the kernel by tests=FILTER (ARCH-test images).
#include <hal/console.h>
#include <hal/power.h>
#include <kernel/log.h>
#include <kernel/main.h>
#include <kernel/param.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <lib/test.h>

#if CONFIG_TESTS
void test_print(const char *text)
{
	console_write(hal_console, text, strlen(text));
}

void selftest_thread(void *unused)
{
	(void)unused;
	int failed = test_run_all(param_get("tests"));
	if (failed)
		hal_power_exit(1);
	hal_power_off();
}
#else
void selftest_thread(void *unused)
{
	(void)unused;
	log_error("tests: this image has none, boot the one of preset ARCH-test");
	hal_power_exit(1);
}
#endif
