// SPDX-License-Identifier: MIT
// The Raspberry Pi's power management block: its watchdog is the only reset there.
#pragma once

/** Both return where the machine has no such device. */
void bcm2835_pm_off(void);
void bcm2835_pm_reset(void);
