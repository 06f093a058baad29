// SPDX-License-Identifier: MIT
// Ending it: power off, restart, and the emulator's exit status.
#pragma once

#include <lib/types.h>

noreturn_fn void hal_power_off(void);
noreturn_fn void hal_power_reboot(void);
/** Leave an emulator with a failing status where it offers a device for that (isa-debug-exit,
 *  semihosting, sifive_test); else halt. For panics and failed tests. */
noreturn_fn void hal_power_exit(unsigned status);
