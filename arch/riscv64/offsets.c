// SPDX-License-Identifier: MIT
// Structure offsets for assembly: compiled to text and made into <arch/offsets.h>.
#include <arch/fpu.h>
#include <hal/context.h>
#include <hal/percpu.h>
#include <hal/trapframe.h>

#define DEFINE(name, value) asm volatile("\n->" #name " %0" : : "i"(value))
#define TF(name, field) DEFINE(TF_##name, offsetof(struct trapframe, field))
#define PERCPU(name, field) DEFINE(PERCPU_##name, offsetof(struct hal_percpu, field))

void offsets(void);

void offsets(void)
{
	TF(PC, pc);
	TF(RA, ra);
	TF(SP, sp);
	TF(GP, gp);
	TF(TP, tp);
	TF(S, s);
	TF(ARGS, args);
	TF(A7, a7);
	TF(T3, t3);
	TF(T4, t4);
	TF(T5, t5);
	TF(T6, t6);
	TF(CAUSE, cause);
	TF(ORIG_A0, orig_a0);
	TF(PERCPU, percpu);
	TF(STATUS, status);
	DEFINE(TF_SIZE, sizeof(struct trapframe));
	PERCPU(ENTRY_SP, entry_sp);
	PERCPU(SCRATCH0, scratch[0]);
	PERCPU(SCRATCH1, scratch[1]);
	PERCPU(SATP, arch[RISCV_PERCPU_SATP]);
	PERCPU(EMERGENCY, arch[RISCV_PERCPU_EMERGENCY]);
	DEFINE(CONTEXT_SP, offsetof(struct hal_context, sp));
	DEFINE(FPU_FCSR, offsetof(struct riscv_fpu_state, fcsr));
	DEFINE(FPU_NO_RECORD, RISCV_FPU_NO_RECORD);
}
