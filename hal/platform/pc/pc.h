// SPDX-License-Identifier: MIT
// Between the files of this folder.
#pragma once

/** Read ACPI's tables into bootinfo (CPUs) and pc_info (chipset). */
void pc_acpi_read(void);
