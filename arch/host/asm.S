// SPDX-License-Identifier: MIT
// Stack switches of the laboratory: the System V x86_64 ABI's callee-saved registers.

	.text

	.globl	host_asm_switch
	.type	host_asm_switch, @function
host_asm_switch: // (save, sp)
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
.Lpop:
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	host_asm_switch, . - host_asm_switch

	.globl	host_asm_resume
	.type	host_asm_resume, @function
host_asm_resume: // (sp)
	movq	%rdi, %rsp
	jmp	.Lpop
	.size	host_asm_resume, . - host_asm_resume

	.globl	host_asm_call
	.type	host_asm_call, @function
host_asm_call: // (top, fn, arg)
	movq	%rdi, %rsp
	movq	%rdx, %rdi
	xorl	%ebp, %ebp
	call	*%rsi
	ud2
	.size	host_asm_call, . - host_asm_call

	.globl	host_asm_enter
	.type	host_asm_enter, @function
host_asm_enter: // (save, top, fn, arg)
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	movq	%rcx, %rdi
	xorl	%ebp, %ebp
	call	*%rdx
	ud2
	.size	host_asm_enter, . - host_asm_enter

	// First code on a stack made by host_context_frame(): function in r12, argument in r13.
	.globl	host_asm_first
	.type	host_asm_first, @function
host_asm_first:
	movq	%r13, %rdi
	xorl	%ebp, %ebp
	call	*%r12
	ud2
	.size	host_asm_first, . - host_asm_first

	// What the final kernel map takes for the image's sections: a page each.
	.bss
	.balign	4096
	.globl	_image_start, _text_start, _text_end, _rodata_start, _rodata_end, _data_start
	.globl	_data_end, _image_end
_image_start:
_text_start:
	.skip	4096
_text_end:
_rodata_start:
	.skip	4096
_rodata_end:
_data_start:
	.skip	4096
_data_end:
_image_end:

	.section .note.GNU-stack, "", @progbits
