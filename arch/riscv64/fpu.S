// SPDX-License-Identifier: MIT
// Save and load the floating-point registers. The only file with such instructions.
#include <arch/offsets.h>

.macro	all_registers op
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op	f\n, (\n * 8)(a0)
	.endr
.endm

	.text
// void riscv_fpu_save(struct riscv_fpu_state *state)
	.global	riscv_fpu_save
riscv_fpu_save:
	all_registers fsd
	frcsr	t0
	sw	t0, FPU_FCSR(a0)
	ret

// void riscv_fpu_restore(const struct riscv_fpu_state *state)
	.global	riscv_fpu_restore
riscv_fpu_restore:
	lw	t0, FPU_FCSR(a0)
	all_registers fld
	fscsr	t0
	ret
