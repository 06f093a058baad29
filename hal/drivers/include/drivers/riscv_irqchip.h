// SPDX-License-Identifier: MIT
// What the interrupt controllers of RISC-V have in common: which hart an entry of the device tree's
// interrupts-extended means.
#pragma once

#include <lib/types.h>

/** The CPU whose supervisor external interrupt entry @index of @node's interrupts-extended is. False:
 *  there is no such entry. @cpu is bootinfo.cpu_count where the entry is another interrupt (machine
 *  mode's) or belongs to a hart that is not used. */
bool riscv_irqchip_parent(int node, unsigned index, cpuid_t *cpu);
