// SPDX-License-Identifier: MIT
// The incoming message-signalled interrupt controllers, one per hart, between the APLIC driver and
// the hart.
#pragma once

#include <lib/types.h>

/** Read the device tree node @node: the interrupt files of supervisor mode. -EINVAL: malformed, or of
 *  another mode. */
must_check err_t imsic_init(int node);
/** Interrupt identities from 1 to this can be used. */
uint32_t imsic_id_count(void);
/** How an APLIC names @cpu's file in its target registers; false: it has none. */
bool imsic_hart_index(cpuid_t cpu, uint32_t *index);
/** This CPU takes identities 1 to @ids from now on; takes none any more. */
void imsic_init_cpu(uint32_t ids);
void imsic_leave_cpu(void);
/** Claim what is pending here and call upcall_irq() for each identity. */
void imsic_handle(void);
