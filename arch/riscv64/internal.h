// SPDX-License-Identifier: MIT
// What the files of this backend share: assembly, boot and trap code.
#pragma once

#include <hal/pte.h>
#include <lib/types.h>

struct trapframe;

/** head.S. */
extern char _head[];
extern pte_t riscv_boot_root[];
extern char riscv_secondary_start[];
noreturn_fn void riscv_boot(uint64_t hartid, paddr_t fdt, paddr_t image);
noreturn_fn void riscv_secondary(void);

/** entry.S. */
extern char riscv_trap_entry[], riscv_kernel_thread_start[];
void riscv_trap_user(struct trapframe *tf);
void riscv_trap_kernel(struct trapframe *tf);

/** hal_smp_start_cpu() has been called: other harts may run. */
extern bool riscv_has_started_others;
/** This CPU was told to stop by hal_ipi_send_stop(): of the software interrupt's handler. */
bool riscv_is_stop_asked(void);

/** Boot: levels of page tables, the kernel's root, satp, ASID width. The boot table is active; the command
 *  line and riscv_features are known. */
void riscv_mmu_init(void);
#define RISCV_LEVELS_MIN 3 // Sv39, which every hart with an MMU has
#define RISCV_LEVELS_MAX 5
/** 3 for "sv39", and so on; 0 for another @word, which ends at a blank. */
unsigned riscv_paging_levels(const char *word);
/** Boot: fill riscv_features from the device tree's CPU nodes. */
void riscv_read_features(void);
/** Give the area at @area its head; it then counts as @cpu's. */
void riscv_percpu_init(cpuid_t cpu, void *area);
/** A page fault of the kernel at @va in the upper half, that the kernel's own table allows: the
 *  active root lacked a newer entry, or the hart remembered an invalid one. Mends it. */
bool riscv_mmu_mend(vaddr_t va, unsigned prot);
