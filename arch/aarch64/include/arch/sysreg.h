// SPDX-License-Identifier: MIT
// System registers and barriers of AArch64, for arch/aarch64 and the GIC driver only.
#pragma once

#ifndef __ASSEMBLY__
#include <lib/types.h>

#define read_sysreg(name)                                                                          \
	({                                                                                         \
		uint64_t value_;                                                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(value_));                                 \
		value_;                                                                            \
	})
#define write_sysreg(name, value)                                                                  \
	__asm__ volatile("msr " #name ", %x0" : : "rZ"((uint64_t)(value)) : "memory")

static inline void isb(void)
{
	__asm__ volatile("isb" : : : "memory");
}

/** Bits [@shift, @shift+4) of an ID register. */
static inline unsigned id_field(uint64_t reg, unsigned shift)
{
	return (reg >> shift) & 0xf;
}
#endif

// MPIDR_EL1: the affinity fields, as the device tree and PSCI name a CPU.
#define MPIDR_AFFINITY 0xff00ffffff

// MAIR_EL1 and the index of each memory type in a page-table entry.
#define MAIR_NORMAL 0
#define MAIR_DEVICE 1
#define MAIR_UNCACHED 2
#define MAIR_VALUE 0x4404ff // 0: write-back, allocating; 1: Device-nGnRE; 2: Normal, non-cacheable

// SCTLR_EL1 (Arm ARM D19.2.118). RES1 in ARMv8.0: 11, 20, 22, 23, 28, 29. With the MMU off:
#define SCTLR_MMU_OFF 0x30d00800
// M C SA SA0 I; user may use DC ZVA, CTR_EL0, WFE and cache maintenance; no WFI, SETEND.
#define SCTLR_M (1 << 0)
#define SCTLR_C (1 << 2)
#define SCTLR_SA (1 << 3)
#define SCTLR_SA0 (1 << 4)
#define SCTLR_SED (1 << 8)
#define SCTLR_I (1 << 12)
#define SCTLR_DZE (1 << 14)
#define SCTLR_UCT (1 << 15)
#define SCTLR_NTWE (1 << 18)
#define SCTLR_SPAN (1 << 23)
#define SCTLR_UCI (1 << 26)
#define SCTLR_MMU_ON                                                                               \
	(SCTLR_MMU_OFF | SCTLR_M | SCTLR_C | SCTLR_SA | SCTLR_SA0 | SCTLR_SED | SCTLR_I |         \
	 SCTLR_DZE | SCTLR_UCT | SCTLR_NTWE | SCTLR_UCI)

// TCR_EL1: both halves 48 bits, 4 KiB, walks write-back inner shareable; top byte ignored in user
// addresses as on Linux; ASID from TTBR0. IPS and AS are added from ID_AA64MMFR0_EL1.
// T0SZ=16, IRGN0=ORGN0=write-back, SH0=inner, T1SZ=16, IRGN1, ORGN1, SH1 alike, TG1=4 KiB, TBI0.
#define TCR_BASE 0x20b5103510
#define TCR_IPS_SHIFT 32
#define TCR_AS_SHIFT 36

// CPACR_EL1.FPEN
#define CPACR_FPEN (3 << 20)

// SPSR / PSTATE
#define PSR_EL1H 5
#define PSR_MODE_MASK 0xf
#define PSR_DAIF 0x3c0
#define PSR_I 0x80

// ESR_EL1.EC
#define ESR_EC_SHIFT 26
#define EC_UNKNOWN 0x00
#define EC_WFX 0x01
#define EC_FP_ACCESS 0x07
#define EC_ILLEGAL_STATE 0x0e
#define EC_SVC64 0x15
#define EC_SYSREG 0x18
#define EC_PAC_FAIL 0x1c
#define EC_INSTR_ABORT_LOWER 0x20
#define EC_INSTR_ABORT_SAME 0x21
#define EC_PC_ALIGNMENT 0x22
#define EC_DATA_ABORT_LOWER 0x24
#define EC_DATA_ABORT_SAME 0x25
#define EC_SP_ALIGNMENT 0x26
#define EC_FP_EXCEPTION 0x2c
#define EC_SERROR 0x2f
#define EC_BREAKPOINT_LOWER 0x30
#define EC_STEP_LOWER 0x32
#define EC_WATCHPOINT_LOWER 0x34
#define EC_BRK 0x3c
