// SPDX-License-Identifier: MIT
// Structure offsets for assembler files: compiled to assembly, read by cmake/offsets.py.
#include <arch/smp_slot.h>
#include <hal/context.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>
#include <uapi/errno.h>

#define OFFSET(name, value) __asm__ volatile("\n->" #name " %0" : : "i"(value))

void offsets(void);

void offsets(void)
{
	OFFSET(TF_SP, offsetof(struct trapframe, sp));
	OFFSET(TF_PC, offsetof(struct trapframe, pc));
	OFFSET(TF_X0_IN, offsetof(struct trapframe, x0_in));
	OFFSET(TF_SIZE, sizeof(struct trapframe));

	OFFSET(CONTEXT_SP, offsetof(struct hal_context, sp));

	OFFSET(PERCPU_SCRATCH, offsetof(struct hal_percpu, scratch));
	OFFSET(PERCPU_EMERGENCY_SP, offsetof(struct hal_percpu, arch[ARCH_PERCPU_EMERGENCY_SP]));

	OFFSET(FAULT_RESULT, -EFAULT);

	OFFSET(SLOT_HWID, offsetof(struct arch_smp_slot, hwid));
	OFFSET(SLOT_STACK_TOP, offsetof(struct arch_smp_slot, stack_top));
	OFFSET(SLOT_PERCPU, offsetof(struct arch_smp_slot, percpu));
	OFFSET(SLOT_SIZE, sizeof(struct arch_smp_slot));
}
