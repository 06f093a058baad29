// SPDX-License-Identifier: MIT
// Between head.S, entry.S and the C files of this folder, and with the drivers of interrupt
// controller, timer and firmware, which are found from the device tree.
#pragma once

#include <hal/pte.h>
#include <lib/types.h>

struct trapframe;

/** Physical address of _image_start. */
extern paddr_t arch_image_base;
/** Exception level at which firmware entered the kernel: 1 or 2. */
extern unsigned arch_boot_el;
/** PSTATE.PAN exists: uaccess.S switches it. */
extern uint32_t arch_has_pan;

// Page tables of boot (head.S fills them; .pgtables) and the final kernel root.
extern pte_t arch_idmap_root[], arch_boot_root[], arch_boot_direct[], arch_empty_root[];
extern pte_t arch_kernel_root[];

/** Add normal memory [@base, @end), widened to whole GiB, to the boot map's direct map. */
bool arch_boot_map_normal(paddr_t base, paddr_t end);
/** Keep [@base, @base+@size) readable in the final map too, although it is not RAM. */
bool arch_map_firmware(paddr_t base, uint64_t size);
/** TTBR0 without user space; the image's address and the boot map for the functions above. */
void arch_mmu_init(void);

/** Fill this CPU's per-CPU head. */
void arch_percpu_init_boot(void);
/** What every CPU does as soon as it runs C: vectors are set, debugging is off. */
void arch_cpu_init_early(void);

// entry.S and head.S
extern char arch_vectors[], arch_secondary_entry[], arch_semihosting_hlt[];
/** Run at its physical address: TTBR1 = @root after an empty one and a TLB flush. */
void arch_replace_ttbr1(paddr_t root);

/** The root interrupt controller (gic.c): take what is pending. In an interrupt, @tf interrupted. */
void arch_handle_irq(struct trapframe *tf);
/** INTID of the virtual timer (armv8_timer.c); 0 before it is known. */
extern uint32_t arch_timer_irq;

/** PSCI (psci.c): start a CPU at @entry. -ENODEV when the machine has no PSCI. */
err_t arch_psci_cpu_on(uint64_t hwid, paddr_t entry, uint64_t context);
/** Whether this machine's PSCI takes CPUs off; the running one, which comes back only if that fails;
 *  whether the one of @hwid is off. */
bool arch_psci_can_stop(void);
void arch_psci_cpu_off(void);
bool arch_psci_is_off(uint64_t hwid);

/** Write cached data back and forget it, for a device that uses memory beside the caches. */
void arch_cache_flush(const void *addr, size_t len);

/** Semihosting call; -1 where nobody answers it. */
int64_t arch_semihosting(uint64_t operation, const void *argument);
