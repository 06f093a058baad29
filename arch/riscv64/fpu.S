// SPDX-License-Identifier: MIT
// Save and load the floating-point registers. The only file with such instructions.
#include <arch/csr.h>
#include <arch/offsets.h>
#include <arch/uaccess_asm.h>

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

// err_t riscv_fpu_store_user(struct riscv_fpu_state *to), and no record of extensions behind it
	.global	riscv_fpu_store_user
riscv_fpu_store_user:
	frcsr	t0
	open_user
store_user_first:
	all_registers fsd
	sw	t0, FPU_FCSR(a0)
	sd	zero, FPU_NO_RECORD(a0)
	sd	zero, FPU_NO_RECORD + 8(a0)
store_user_end:
	close_user
	li	a0, 0
	ret
	fixup	store_user_first, store_user_end, riscv_user_fault

// err_t riscv_fpu_load_user(const struct riscv_fpu_state *from)
	.global	riscv_fpu_load_user
riscv_fpu_load_user:
	open_user
load_user_first:
	lw	t0, FPU_FCSR(a0)
	all_registers fld
load_user_end:
	close_user
	fscsr	t0
	li	a0, 0
	ret
	fixup	load_user_first, load_user_end, riscv_user_fault
