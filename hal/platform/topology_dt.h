// SPDX-License-Identifier: MIT
// Inside hal/platform: where the device tree says that CPUs stand.
#pragma once

/** Read it and finish bootinfo's topology. After the CPUs are listed. */
void dt_topology_read(void);
