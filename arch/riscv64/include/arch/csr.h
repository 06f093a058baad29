// SPDX-License-Identifier: MIT
// Control and status registers of supervisor mode (RISC-V privileged manual 1.12), for C and assembly.
#pragma once

#define SSTATUS_SIE 0x2 // interrupts on
#define SSTATUS_SPIE 0x20
#define SSTATUS_SPP 0x100 // the trap came from supervisor mode
#define SSTATUS_FS_SHIFT 13
#define SSTATUS_FS 0x6000 // 0 off, 1 initial, 2 clean, 3 dirty
#define SSTATUS_FS_CLEAN 0x4000
#define SSTATUS_FS_DIRTY 0x6000
#define SSTATUS_VS 0x600
#define SSTATUS_SUM 0x40000 // user pages may be touched
#define SSTATUS_MXR 0x80000

#define SCAUSE_IRQ_BIT 63
#define CAUSE_INSN_MISALIGNED 0
#define CAUSE_INSN_ACCESS 1
#define CAUSE_ILLEGAL 2
#define CAUSE_BREAKPOINT 3
#define CAUSE_LOAD_MISALIGNED 4
#define CAUSE_LOAD_ACCESS 5
#define CAUSE_STORE_MISALIGNED 6
#define CAUSE_STORE_ACCESS 7
#define CAUSE_ECALL_USER 8
#define CAUSE_INSN_PAGE 12
#define CAUSE_LOAD_PAGE 13
#define CAUSE_STORE_PAGE 15
#define CAUSE_NONE 0x7f // in a trapframe: not a system call (any more)

#define IRQ_SOFT 1
#define IRQ_TIMER 5
#define IRQ_EXTERNAL 9

#define SATP_MODE_SHIFT 60
#define SATP_MODE_SV39 8 // Sv48 and Sv57 follow
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK 0xffff

#define CSR_STIMECMP 0x14d

#ifndef __ASSEMBLY__
#include <stdint.h>

#define CSR_STRING_(x) #x
#define CSR_STRING(x) CSR_STRING_(x)

/** Names and numbers both work: csr_read(sstatus), csr_write(CSR_STIMECMP, x). */
#define csr_read(csr)                                                                              \
	({                                                                                         \
		uint64_t csr_value_;                                                               \
		asm volatile("csrr %0, " CSR_STRING(csr) : "=r"(csr_value_)::"memory");            \
		csr_value_;                                                                        \
	})
#define csr_write(csr, value)                                                                      \
	asm volatile("csrw " CSR_STRING(csr) ", %0" ::"rK"((uint64_t)(value)) : "memory")
#define csr_set(csr, bits)                                                                         \
	asm volatile("csrs " CSR_STRING(csr) ", %0" ::"rK"((uint64_t)(bits)) : "memory")
#define csr_clear(csr, bits)                                                                       \
	asm volatile("csrc " CSR_STRING(csr) ", %0" ::"rK"((uint64_t)(bits)) : "memory")
/** Clear @bits and return the value before. */
#define csr_read_clear(csr, bits)                                                                  \
	({                                                                                         \
		uint64_t csr_value_;                                                               \
		asm volatile("csrrc %0, " CSR_STRING(csr) ", %1"                                   \
			     : "=r"(csr_value_)                                                    \
			     : "rK"((uint64_t)(bits))                                              \
			     : "memory");                                                          \
		csr_value_;                                                                        \
	})
#endif
