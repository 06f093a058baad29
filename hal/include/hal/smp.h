// SPDX-License-Identifier: MIT
// Starting other CPUs and interrupting them. The handshake is portable (kernel/smp.c).
#pragma once

#include <lib/types.h>

/** Ask firmware or hardware to start @cpu (dense number; bootinfo has its hardware id). It will
 *  call upcall_secondary(@cpu) on the stack that ends at @stack_top, with its per-CPU area set, the
 *  kernel root active and interrupts off. Returns at once: 0 = asked. */
must_check err_t hal_smp_start_cpu(cpuid_t cpu, vaddr_t stack_top);

/** Why @cpu, which was asked to start, went off again without a call: it cannot be used beside the others.
 *  NULL: it did not. */
const char *hal_smp_refusal(cpuid_t cpu);

/** Write @entry into @word, which a CPU polls with its caches off (device tree, enable-method spin-table), where
 *  it sees it; to wake it is the port's. -ENOMEM: no RAM, and no address is left to map it at. */
must_check err_t hal_spin_table_release(paddr_t word, paddr_t entry);

/** Whether @cpu can be taken off and started again: 0, -EBUSY (x86: the boot CPU), -ENOTSUP. */
must_check err_t hal_smp_can_stop(cpuid_t cpu);
/** This CPU takes itself off: by firmware, or it waits in a pen. Interrupts off, nothing of the kernel
 *  needs it. hal_smp_start_cpu() brings it back. */
noreturn_fn void hal_smp_stop_self(void);
/** @cpu, which has called hal_smp_stop_self(), does not use its stack any more. Any other CPU. */
bool hal_smp_is_stopped(cpuid_t cpu);

/** Interrupt @cpu; it calls upcall_ipi(). Any context. Everything written before is seen there. */
void hal_ipi_send(cpuid_t cpu);
/** Stop @cpu even with its interrupts off, if the hardware can (NMI, FIQ): it calls
 *  upcall_panic_stop(). False: only a plain IPI was possible, and was sent. */
bool hal_ipi_send_stop(cpuid_t cpu);
