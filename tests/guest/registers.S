// SPDX-License-Identifier: MIT
// void registers_spin(struct registers *r, uint64_t loops): load all registers from r (registers.h), do
// nothing @loops times, store all registers into r. What an interruption changed shows in r.

#define FP 256
#define FLAGS 768

	.text
	.globl registers_spin
	.type registers_spin, %function

#if defined(__x86_64__)
registers_spin:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	push %rdi
	mov %rsi, %rcx
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups FP + 16 * \n(%rdi), %xmm\n
	.endr
	pushq FLAGS(%rdi)
	mov 0(%rdi), %rax
	mov 8(%rdi), %rbx
	mov 16(%rdi), %rdx
	mov 24(%rdi), %rsi
	mov 32(%rdi), %rbp
	mov 40(%rdi), %r8
	mov 48(%rdi), %r9
	mov 56(%rdi), %r10
	mov 64(%rdi), %r11
	mov 72(%rdi), %r12
	mov 80(%rdi), %r13
	mov 88(%rdi), %r14
	mov 96(%rdi), %r15
	mov 104(%rdi), %rdi
	popfq
1:	loop 1b // changes no flags
	pushfq
	push %rdi
	mov 16(%rsp), %rdi
	mov %rax, 0(%rdi)
	mov %rbx, 8(%rdi)
	mov %rdx, 16(%rdi)
	mov %rsi, 24(%rdi)
	mov %rbp, 32(%rdi)
	mov %r8, 40(%rdi)
	mov %r9, 48(%rdi)
	mov %r10, 56(%rdi)
	mov %r11, 64(%rdi)
	mov %r12, 72(%rdi)
	mov %r13, 80(%rdi)
	mov %r14, 88(%rdi)
	mov %r15, 96(%rdi)
	popq 104(%rdi)
	popq FLAGS(%rdi)
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movups %xmm\n, FP + 16 * \n(%rdi)
	.endr
	pop %rdi
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	cld
	ret
#elif defined(__aarch64__)
registers_spin:
	stp x29, x30, [sp, #-160]!
	stp x19, x20, [sp, #16]
	stp x21, x22, [sp, #32]
	stp x23, x24, [sp, #48]
	stp x25, x26, [sp, #64]
	stp x27, x28, [sp, #80]
	stp d8, d9, [sp, #96]
	stp d10, d11, [sp, #112]
	stp d12, d13, [sp, #128]
	stp d14, d15, [sp, #144]
	ldr x2, [x0, #FLAGS]
	msr nzcv, x2
	add x2, x0, #FP
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ldr q\n, [x2, #16 * \n]
	.endr
	.irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	ldr x\n, [x0, #8 * \n]
	.endr
1:	sub x1, x1, #1
	cbnz x1, 1b // neither changes the flags
	.irp n, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	str x\n, [x0, #8 * \n]
	.endr
	mrs x2, nzcv
	str x2, [x0, #FLAGS]
	add x2, x0, #FP
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	str q\n, [x2, #16 * \n]
	.endr
	ldp x19, x20, [sp, #16]
	ldp x21, x22, [sp, #32]
	ldp x23, x24, [sp, #48]
	ldp x25, x26, [sp, #64]
	ldp x27, x28, [sp, #80]
	ldp d8, d9, [sp, #96]
	ldp d10, d11, [sp, #112]
	ldp d12, d13, [sp, #128]
	ldp d14, d15, [sp, #144]
	ldp x29, x30, [sp], #160
	ret
#elif defined(__riscv)
	.macro callee_saved op, fop
	\op s0, 0(sp)
	\op s1, 8(sp)
	\op s2, 16(sp)
	\op s3, 24(sp)
	\op s4, 32(sp)
	\op s5, 40(sp)
	\op s6, 48(sp)
	\op s7, 56(sp)
	\op s8, 64(sp)
	\op s9, 72(sp)
	\op s10, 80(sp)
	\op s11, 88(sp)
	\op ra, 96(sp)
	\fop fs0, 104(sp)
	\fop fs1, 112(sp)
	\fop fs2, 120(sp)
	\fop fs3, 128(sp)
	\fop fs4, 136(sp)
	\fop fs5, 144(sp)
	\fop fs6, 152(sp)
	\fop fs7, 160(sp)
	\fop fs8, 168(sp)
	\fop fs9, 176(sp)
	\fop fs10, 184(sp)
	\fop fs11, 192(sp)
	.endm
registers_spin:
	addi sp, sp, -208
	callee_saved sd, fsd
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fld f\n, FP + 16 * \n(a0)
	.endr
	.irp n, 1, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld x\n, 8 * \n(a0)
	.endr
1:	addi a1, a1, -1
	bnez a1, 1b
	.irp n, 1, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	sd x\n, 8 * \n(a0)
	.endr
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	fsd f\n, FP + 16 * \n(a0)
	.endr
	callee_saved ld, fld
	addi sp, sp, 208
	ret
#endif
	.size registers_spin, . - registers_spin
	.section .note.GNU-stack, "", %progbits
