// SPDX-License-Identifier: MIT
// Ways into the kernel and out of it: SYSCALL, exceptions and interrupts, and the switch between
// threads. Interrupts are off in all of this file.
//
// GS: in user mode the program's base, in the kernel the CPU's area. SWAPGS exchanges them at each
// crossing. Entries that may hit between the crossing and SWAPGS (NMI, double fault, machine check)
// have stacks of their own and look at the base itself: the kernel's is negative, and programs
// cannot set a negative one.
#include <arch/layout.h>
#include <arch/msr.h>
#include <arch/offsets.h>

	.text

// CLAC where SMAP is used; else a NOP of the same length. x86_cpu_detect() rewrites each place that
// is listed in .smap_patches.
.macro CLAC_PATCHED
	.pushsection .smap_patches, "a"
	.quad 7771f
	.byte 0x0f, 0x01, 0xca
	.balign 16, 0
	.popsection
7771:	.byte 0x0f, 0x1f, 0x00
.endm

.macro POP_REGISTERS_IRET
	addq $8, %rsp			// vector
	popq %r11
	popq %rcx
	popq %rax
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r9
	popq %r8
	popq %r10
	popq %rdx
	popq %rsi
	popq %rdi
	addq $8, %rsp			// nr, or the error code
	iretq
.endm

// The fast path returned struct upcall_resume in RAX and RDX (x86 keeps the order of the stores).
.macro SWITCH_FRAME
	movq %rax, %rsp
	testq %rdx, %rdx
	jz 3f
	movl $0, (%rdx)
3:
.endm

// The system-call path. Its length is a bound of the project: each instruction counts. RIP and
// RFLAGS are in RCX and R11, FMASK has cleared IF, DF and AC. CS and SS are pushed so that the frame
// can also be left by IRET; the flag in CS's unused bits costs nothing.
	.globl x86_syscall_entry
	.balign 64
x86_syscall_entry:
	swapgs
	movq %rsp, %gs:GS_SCRATCH
	movq %gs:GS_RSP0, %rsp
	pushq $X86_USER_DS
	pushq %gs:GS_SCRATCH
	pushq %r11
	pushq $(X86_USER_CS | 0x10000)
	pushq %rcx
	pushq %rax
	pushq %rdi
	pushq %rsi
	pushq %rdx
	pushq %r10
	pushq %r8
	pushq %r9
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $TF_R15, %rsp		// rax rcx r11 vector: nothing to keep
	movq %rsp, %rdi
	cmpq $NR_IPC_CALL, %rax
	je 1f
	ja native_syscall
	call upcall_syscall
leave_syscall:
	testb $1, TF_CS+2(%rsp)
	jz restore_trapframe
restore_syscall:
	movq TF_R15(%rsp), %r15
	movq TF_R14(%rsp), %r14
	movq TF_R13(%rsp), %r13
	movq TF_R12(%rsp), %r12
	movq TF_RBP(%rsp), %rbp
	movq TF_RBX(%rsp), %rbx
	movq TF_R9(%rsp), %r9
	movq TF_R8(%rsp), %r8
	movq TF_R10(%rsp), %r10
	movq TF_RDX(%rsp), %rdx
	movq TF_RSI(%rsp), %rsi
	movq TF_RDI(%rsp), %rdi
	movq TF_RAX(%rsp), %rax
	movq TF_RIP(%rsp), %rcx		// canonical: see hal_tf_set_pc()
	movq TF_RFLAGS(%rsp), %r11
	movq TF_RSP(%rsp), %rsp
	swapgs
	sysretq
1:	call upcall_ipc_call
	SWITCH_FRAME
	testb $1, TF_CS+2(%rsp)
	jnz restore_syscall
	jmp restore_trapframe
native_syscall:
	cmpq $NR_IPC_REPLY_RECV, %rax
	je 2f
	cmpq $NR_IPC_SIGNAL, %rax
	je 4f
	cmpq $NR_IPC_SEND, %rax
	je 5f
	call upcall_native
	jmp leave_syscall
2:	call upcall_ipc_reply_recv
	SWITCH_FRAME
	testb $1, TF_CS+2(%rsp)
	jnz restore_syscall
	jmp restore_trapframe
4:	call upcall_ipc_signal
	SWITCH_FRAME
	testb $1, TF_CS+2(%rsp)
	jnz restore_syscall
	jmp restore_trapframe
5:	call upcall_ipc_send
	SWITCH_FRAME
	testb $1, TF_CS+2(%rsp)
	jnz restore_syscall

// Leave by IRET: the frame at RSP, of user or kernel mode.
restore_trapframe:
	testb $3, TF_CS(%rsp)
	jz 1f
	swapgs
1:	POP_REGISTERS_IRET

// 32-bit SYSCALL (AMD; Intel raises #UD): there is no 32-bit code segment to come from. CSTAR
// points here all the same.
	.globl x86_syscall_entry32
x86_syscall_entry32:
	movl $-38, %eax			// ENOSYS
	sysretl

// Everything below the error code. RDI is saved already and holds the vector.
.macro PUSH_REGISTERS
	pushq %rsi
	pushq %rdx
	pushq %r10
	pushq %r8
	pushq %r9
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rax
	pushq %rcx
	pushq %r11
	pushq %rdi
	cld
	CLAC_PATCHED
.endm

trap_common:
	PUSH_REGISTERS
	testb $3, TF_CS(%rsp)
	jz 1f
	swapgs
1:	movq %rsp, %rdi
	call x86_trap
	jmp restore_trapframe

trap_paranoid:
	PUSH_REGISTERS
	xorl %ebx, %ebx
	movl $X86_MSR_GS_BASE, %ecx
	rdmsr
	testl %edx, %edx
	js 1f
	swapgs
	incl %ebx
1:	movq %rsp, %rdi
	call x86_trap_paranoid
	testl %ebx, %ebx
	jz 2f
	swapgs
2:	POP_REGISTERS_IRET

// One stub of 16 bytes for each vector. The CPU pushes an error code for 8, 10-14, 17, 21, 29, 30.
	.globl x86_trap_stubs
	.balign 16
x86_trap_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21
	.elseif vector == 29 || vector == 30
	.else
	pushq $0
	.endif
	pushq %rdi
	movl $vector, %edi
	.if vector == 2 || vector == 8 || vector == 18
	jmp trap_paranoid
	.else
	jmp trap_common
	.endif
	.set vector, vector + 1
	.endr

// void hal_context_switch(struct hal_context *prev, struct hal_context *next, vaddr_t next_top)
	.globl hal_context_switch
	.balign 16
hal_context_switch:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, CTX_SP(%rdi)
load_context:
	movq %rdx, %r8
	movl CTX_FS_BASE(%rsi), %eax
	movl CTX_FS_BASE+4(%rsi), %edx
	movl $X86_MSR_FS_BASE, %ecx
	wrmsr
	// As in hal_context_swap_tls(): only two zeros need no write.
	movq CTX_GS_BASE(%rdi), %rax
	orq CTX_GS_BASE(%rsi), %rax
	jz 1f
	movl CTX_GS_BASE(%rsi), %eax
	movl CTX_GS_BASE+4(%rsi), %edx
	movl $X86_MSR_KERNEL_GS_BASE, %ecx
	wrmsr
1:	movq CTX_SP(%rsi), %rax
	testq %rax, %rax
	jz resume_user
	movq %rax, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
resume_user:
	leaq -TF_SIZE(%r8), %rsp
	xorl %ebp, %ebp
	movq %rsp, %rdi
	call upcall_user_resume
leave_kernel:
	testb $1, TF_CS+2(%rsp)
	jnz restore_syscall
	jmp restore_trapframe

// void hal_context_leave(struct hal_context *prev, struct hal_context *next, vaddr_t next_top)
	.globl hal_context_leave
	.balign 16
hal_context_leave:
	movq $0, CTX_SP(%rdi)
	jmp load_context

// First instructions of a kernel thread: hal_context_init_kernel() put them on its stack.
	.globl x86_thread_start
x86_thread_start:
	xorl %ebp, %ebp
	call upcall_thread_start
	movq %r13, %rdi
	call *%r12
	ud2

// void hal_context_call_on_stack(vaddr_t stack_top, void (*fn)(void *), void *arg)
	.globl hal_context_call_on_stack
hal_context_call_on_stack:
	movq %rdi, %rsp
	xorl %ebp, %ebp
	movq %rdx, %rdi
	call *%rsi
	ud2

// void hal_context_enter_user(struct trapframe *tf)
	.globl hal_context_enter_user
hal_context_enter_user:
	movq %rdi, %rsp
	jmp leave_kernel

// void hal_context_enter_other(struct trapframe *tf, _Atomic uint32_t *stack_left)
	.globl hal_context_enter_other
hal_context_enter_other:
	movq %rdi, %rsp
	movl $0, (%rsi)
	jmp leave_kernel

	.section .note.GNU-stack, "", @progbits
