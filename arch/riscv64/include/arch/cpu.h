// SPDX-License-Identifier: MIT
// The inline half of <hal/cpu.h>, and what the device tree says about the harts.
#pragma once

#include <arch/csr.h>
#include <lib/types.h>

/** Extensions that every enabled hart has. Valid from riscv_boot() on. */
struct riscv_features {
	bool has_fpu; // F and D
	bool has_sstc; // stimecmp, as far as the device tree knows
	uint8_t pt_levels; // of page tables: at most so many
	char isa[32]; // "rv64imafdch", as the device tree writes it
};

extern struct riscv_features riscv_features;

#define HAL_CPU_UNALIGNED 0

static inline void hal_cpu_relax(void)
{
	asm volatile(".4byte 0x0100000f" ::: "memory"); // pause (Zihintpause), a hint elsewhere
}

#define HAL_IDLE_POLLS 2

static inline void hal_cpu_yield(void)
{
	// PAUSE is nothing to an emulator; WFI makes way, and ends at once for an interrupt that this hart has
	// raised itself.
	csr_set(sip, 1 << IRQ_SOFT);
	asm volatile("wfi" ::: "memory");
	csr_set(sstatus, SSTATUS_SIE);
	csr_clear(sstatus, SSTATUS_SIE);
}

static inline void hal_cpu_wait(void)
{
	asm volatile("wfi" ::: "memory");
}

static inline uint64_t hal_cpu_counter(void)
{
	return csr_read(cycle);
}
