// SPDX-License-Identifier: MIT
// The only floating-point instructions of the kernel: the register file to and from memory, the
// kernel's or, in the two functions of signal frames, the user's.
#include <arch/offsets.h>
#include <arch/uaccess_asm.h>

	.arch	armv8-a+fp+simd

.macro all_registers op
	\op	q0, q1, [x0, #32 * 0]
	\op	q2, q3, [x0, #32 * 1]
	\op	q4, q5, [x0, #32 * 2]
	\op	q6, q7, [x0, #32 * 3]
	\op	q8, q9, [x0, #32 * 4]
	\op	q10, q11, [x0, #32 * 5]
	\op	q12, q13, [x0, #32 * 6]
	\op	q14, q15, [x0, #32 * 7]
	\op	q16, q17, [x0, #32 * 8]
	\op	q18, q19, [x0, #32 * 9]
	\op	q20, q21, [x0, #32 * 10]
	\op	q22, q23, [x0, #32 * 11]
	\op	q24, q25, [x0, #32 * 12]
	\op	q26, q27, [x0, #32 * 13]
	\op	q28, q29, [x0, #32 * 14]
	\op	q30, q31, [x0, #32 * 15]
.endm

	.text
	.globl arch_fpu_store
arch_fpu_store:
	all_registers stp
	mrs	x1, fpsr
	mrs	x2, fpcr
	add	x0, x0, #512
	stp	w1, w2, [x0]
	ret

	.globl arch_fpu_load
arch_fpu_load:
	all_registers ldp
	add	x0, x0, #512
	ldp	w1, w2, [x0]
	msr	fpsr, x1
	msr	fpcr, x2
	ret

// err_t arch_fpu_store_user(record, head): Linux's struct fpsimd_context, and the record that ends
// the list behind it.
	.globl arch_fpu_store_user
arch_fpu_store_user:
	mrs	x2, fpsr
	mrs	x3, fpcr
	bfi	x2, x3, #32, #32
	user_open
.Lstore_first:
	stp	x1, x2, [x0], #16
	all_registers stp
	add	x0, x0, #512
	stp	xzr, xzr, [x0]
.Lstore_last:
	user_close
	mov	w0, wzr
	ret
	on_fault .Lstore_first, .Lstore_last, arch_user_fault

// err_t arch_fpu_load_user(record)
	.globl arch_fpu_load_user
arch_fpu_load_user:
	user_open
.Lload_first:
	ldp	w1, w2, [x0, #8]
	add	x0, x0, #16
	all_registers ldp
.Lload_last:
	user_close
	msr	fpsr, x1
	msr	fpcr, x2
	mov	w0, wzr
	ret
	on_fault .Lload_first, .Lload_last, arch_user_fault

	.section .note.GNU-stack, "", %progbits
