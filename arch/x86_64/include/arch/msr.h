// SPDX-License-Identifier: MIT
// Registers that need an instruction of their own: model-specific, control and CPUID.
// Numbers: Intel SDM volume 4; bits: volume 3A, section 2.5.
#pragma once

#include <arch/layout.h>

#define X86_MSR_TSC 0x10
#define X86_MSR_APIC_BASE 0x1b
#define X86_MSR_PAT 0x277
#define X86_MSR_TSC_DEADLINE 0x6e0
#define X86_MSR_X2APIC 0x800
#define X86_MSR_EFER 0xc0000080
#define X86_MSR_STAR 0xc0000081
#define X86_MSR_LSTAR 0xc0000082
#define X86_MSR_CSTAR 0xc0000083
#define X86_MSR_FMASK 0xc0000084
#define X86_MSR_FS_BASE 0xc0000100
#define X86_MSR_GS_BASE 0xc0000101
#define X86_MSR_KERNEL_GS_BASE 0xc0000102

// As after reset, but write-combining in place of write-through in entry 1 (SDM 3A, 11.12.2).
#define X86_PAT X86_UL(0x0007040600070106)

#define X86_EFER_SCE (X86_UL(1) << 0)
#define X86_EFER_LME (X86_UL(1) << 8)
#define X86_EFER_NXE (X86_UL(1) << 11)

#define X86_CR0_PE (X86_UL(1) << 0)
#define X86_CR0_MP (X86_UL(1) << 1)
#define X86_CR0_EM (X86_UL(1) << 2)
#define X86_CR0_TS (X86_UL(1) << 3)
#define X86_CR0_ET (X86_UL(1) << 4)
#define X86_CR0_NE (X86_UL(1) << 5)
#define X86_CR0_WP (X86_UL(1) << 16)
#define X86_CR0_AM (X86_UL(1) << 18)
#define X86_CR0_PG (X86_UL(1) << 31)

#define X86_CR4_PAE (X86_UL(1) << 5)
#define X86_CR4_MCE (X86_UL(1) << 6)
#define X86_CR4_PGE (X86_UL(1) << 7)
#define X86_CR4_OSFXSR (X86_UL(1) << 9)
#define X86_CR4_OSXMMEXCPT (X86_UL(1) << 10)
#define X86_CR4_UMIP (X86_UL(1) << 11)
#define X86_CR4_OSXSAVE (X86_UL(1) << 18)
#define X86_CR4_SMEP (X86_UL(1) << 20)
#define X86_CR4_SMAP (X86_UL(1) << 21)

#ifndef __ASSEMBLY__
#include <lib/types.h>

static inline uint64_t x86_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;
	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (uint64_t)hi << 32 | lo;
}

static inline void x86_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr"
			 :
			 : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(msr)
			 : "memory");
}

#define X86_CR(n)                                                                                  \
	static inline uint64_t x86_read_cr##n(void)                                                \
	{                                                                                          \
		uint64_t value;                                                                    \
		__asm__ volatile("movq %%cr" #n ", %0" : "=r"(value) : : "memory");                \
		return value;                                                                      \
	}                                                                                          \
	static inline void x86_write_cr##n(uint64_t value)                                         \
	{                                                                                          \
		__asm__ volatile("movq %0, %%cr" #n : : "r"(value) : "memory");                    \
	}

X86_CR(0)
X86_CR(2)
X86_CR(3)
X86_CR(4)

struct x86_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct x86_cpuid x86_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct x86_cpuid r;
	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf));
	return r;
}

static inline uint64_t x86_rdtsc(void)
{
	uint32_t lo, hi;
	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (uint64_t)hi << 32 | lo;
}
#endif
