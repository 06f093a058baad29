// SPDX-License-Identifier: MIT
// Between the files of this folder.
#pragma once

/** Read ACPI's tables into bootinfo (CPUs) and pc_info (chipset). */
void pc_acpi_read(void);
/** Where the CPUs stand, once they are listed (topology.c). */
void pc_topology_read(void);
/** The interrupt controllers are known: the serial console's interrupt gets its global number. */
void pc_console_route(void);
