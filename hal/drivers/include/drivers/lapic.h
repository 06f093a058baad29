// SPDX-License-Identifier: MIT
// Registers of this CPU's local APIC, for its timer and the I/O APIC.
#pragma once

#include <lib/types.h>

#define LAPIC_LVT_MASKED (1u << 16)
#define LAPIC_LVT_TIMER 0x320
#define LAPIC_TIMER_INITIAL 0x380
#define LAPIC_TIMER_CURRENT 0x390
#define LAPIC_TIMER_DIVIDE 0x3e0

/** By the number of the memory-mapped form; x2APIC's follow from it. */
uint32_t lapic_read(uint32_t reg);
void lapic_write(uint32_t reg, uint32_t value);
bool lapic_is_x2apic(void);
