// SPDX-License-Identifier: MIT
// Size, contents and set-up of the floating-point state. Standard XSAVE form, not compacted: its
// first 512 bytes are what Linux's signal frames show.
#include <hal/fpu.h>

#include <arch/x86.h>
#include <lib/string.h>

#define XCR0_X87 0x1u
#define XCR0_SSE 0x2u
#define XCR0_AVX 0x4u
#define FXSAVE_SIZE 512
#define FXSAVE_MXCSR 24
#define FCW_DEFAULT 0x37f
#define MXCSR_DEFAULT 0x1f80

uint64_t x86_fpu_xcr0;
static size_t state_size = FXSAVE_SIZE;

static void write_xcr0(uint64_t value)
{
	__asm__ volatile("xsetbv" : : "a"((uint32_t)value), "d"(0), "c"(0));
}

void x86_fpu_init_cpu(void)
{
	if (!x86_features.xsave)
		return;
	uint64_t xcr0 = x86_cpuid(0xd, 0).eax & (XCR0_X87 | XCR0_SSE | XCR0_AVX);
	write_xcr0(xcr0);
	// EBX is the size for what XCR0 has now.
	state_size = align_up((size_t)x86_cpuid(0xd, 0).ebx, 64);
	x86_fpu_xcr0 = xcr0;
}

size_t hal_fpu_state_size(void)
{
	return state_size;
}

void hal_fpu_init_state(void *state)
{
	uint16_t fcw = FCW_DEFAULT;
	uint32_t mxcsr = MXCSR_DEFAULT;

	memset(state, 0, state_size);
	memcpy(state, &fcw, sizeof(fcw));
	memcpy((char *)state + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
}
