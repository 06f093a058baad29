// SPDX-License-Identifier: MIT
// x87, SSE and AVX state by XSAVE, or by FXSAVE where that is all there is. CR0.TS makes the first
// instruction of a thread trap.
#pragma once

#include <arch/msr.h>

/** XCR0 as this kernel uses it; 0: no XSAVE. */
extern uint64_t x86_fpu_xcr0;

static inline void hal_fpu_save(void *state)
{
	if (x86_fpu_xcr0)
		__asm__ volatile("xsave64 (%0)"
				 :
				 : "r"(state), "a"((uint32_t)x86_fpu_xcr0), "d"(0)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" : : "r"(state) : "memory");
}

static inline void hal_fpu_restore(const void *state)
{
	__asm__ volatile("clts" : : : "memory");
	if (x86_fpu_xcr0)
		__asm__ volatile("xrstor64 (%0)"
				 :
				 : "r"(state), "a"((uint32_t)x86_fpu_xcr0), "d"(0)
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" : : "r"(state) : "memory");
}

#define HAL_FPU_STATE_MAX 832 // x87, SSE, AVX
static inline void hal_fpu_switch(void *prev, const void *next)
{
	if (x86_fpu_xcr0)
		__asm__ volatile("xsave64 (%0)\n\txrstor64 (%1)"
				 :
				 : "r"(prev), "r"(next), "a"((uint32_t)x86_fpu_xcr0), "d"(0)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)\n\tfxrstor64 (%1)" : : "r"(prev), "r"(next) : "memory");
}

static inline void hal_fpu_disable(void)
{
	x86_write_cr0(x86_read_cr0() | X86_CR0_TS);
}
