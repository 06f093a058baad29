// SPDX-License-Identifier: MIT
// Firmware that ends the machine's run. Both return where there is none, or where it refuses.
#pragma once

void psci_system_off(void);
void psci_system_reset(void);
