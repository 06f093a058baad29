// SPDX-License-Identifier: MIT
// Exceptions. From user mode SP_EL1 is the top of current's kernel stack, because every return to user
// mode leaves it there; the frame is saved straight into its place below. The frame of a user
// thread is complete, so that the IPC fast path may hand this CPU to another thread by returning
// that one's frame.
#include <arch/offsets.h>
#include <arch/sysreg.h>
#include <uapi/ipc.h>

.macro save_registers
	stp	x0, x1, [sp, #16 * 0]
	save_others
.endm

// The same, making room for the frame on the way.
.macro push_registers
	stp	x0, x1, [sp, #-TF_SIZE]!
	save_others
.endm

.macro save_others
	stp	x2, x3, [sp, #16 * 1]
	stp	x4, x5, [sp, #16 * 2]
	stp	x6, x7, [sp, #16 * 3]
	stp	x8, x9, [sp, #16 * 4]
	stp	x10, x11, [sp, #16 * 5]
	stp	x12, x13, [sp, #16 * 6]
	stp	x14, x15, [sp, #16 * 7]
	stp	x16, x17, [sp, #16 * 8]
	stp	x18, x19, [sp, #16 * 9]
	stp	x20, x21, [sp, #16 * 10]
	stp	x22, x23, [sp, #16 * 11]
	stp	x24, x25, [sp, #16 * 12]
	stp	x26, x27, [sp, #16 * 13]
	stp	x28, x29, [sp, #16 * 14]
.endm

// All but x30, whose neighbour differs, and the frame is gone.
.macro pop_registers
	ldp	x2, x3, [sp, #16 * 1]
	ldp	x4, x5, [sp, #16 * 2]
	ldp	x6, x7, [sp, #16 * 3]
	ldp	x8, x9, [sp, #16 * 4]
	ldp	x10, x11, [sp, #16 * 5]
	ldp	x12, x13, [sp, #16 * 6]
	ldp	x14, x15, [sp, #16 * 7]
	ldp	x16, x17, [sp, #16 * 8]
	ldp	x18, x19, [sp, #16 * 9]
	ldp	x20, x21, [sp, #16 * 10]
	ldp	x22, x23, [sp, #16 * 11]
	ldp	x24, x25, [sp, #16 * 12]
	ldp	x26, x27, [sp, #16 * 13]
	ldp	x28, x29, [sp, #16 * 14]
	ldp	x0, x1, [sp], #TF_SIZE
.endm

// Rest of a frame of user mode; \esr is its last word.
.macro save_user_state esr
	mrs	x21, sp_el0
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	stp	x30, x21, [sp, #TF_SP - 8]
	stp	x22, x23, [sp, #TF_PC]
	stp	x0, \esr, [sp, #TF_X0_IN]
.endm

// Back to user mode: sp is the frame at the top of current's kernel stack, interrupts are off.
// Written out where it is used: a branch less on each way.
.macro return_to_user
	ldp	x22, x23, [sp, #TF_PC]
	ldp	x30, x21, [sp, #TF_SP - 8]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	msr	sp_el0, x21
	pop_registers
	eret
.endm

// The same with struct upcall_resume in x0 and x1.
.macro return_frame
	mov	sp, x0
	cbz	x1, .Lreturn\@
	stlr	wzr, [x1]
.Lreturn\@:
	return_to_user
.endm

.macro vector_user handler
	.balign	128
	push_registers
	b	\handler
.endm

.macro vector_kernel handler
	.balign	128
	sub	sp, sp, #TF_SIZE
	b	\handler
.endm

// Nothing runs on SP_EL0 in EL1, and nothing in AArch32: whatever comes here is fatal.
.macro vector_fatal
	.balign	128
	msr	spsel, #1
	sub	sp, sp, #TF_SIZE
	b	kernel_fatal
.endm

	.section .vectors, "ax"
	.balign	2048
	.globl arch_vectors
arch_vectors:
	vector_fatal
	vector_fatal
	vector_fatal
	vector_fatal
	vector_kernel kernel_sync
	vector_kernel kernel_irq
	vector_kernel kernel_fatal
	vector_kernel kernel_serror

	// System call or other exception of user mode: the whole path as far as it fits.
	.balign	128
	push_registers
	mrs	x24, esr_el1
	save_user_state x24
	lsr	x25, x24, #ESR_EC_SHIFT
	cmp	x25, #EC_SVC64
	b.ne	user_exception
	subs	x9, x8, #IPC_CALL
	b.eq	user_ipc_call
	b.lo	user_syscall
	cmp	x9, #(IPC_REPLY_RECV - IPC_CALL)
	b.eq	user_ipc_reply_recv
	b	user_native

	vector_user user_irq
	vector_user user_fatal
	vector_user user_serror
	vector_fatal
	vector_fatal
	vector_fatal
	vector_fatal

	.text
user_syscall:
	mov	x6, sp
	mov	x7, x8
	bl	upcall_syscall_args
	return_to_user

user_native:
	cmp	x9, #(IPC_SIGNAL - IPC_CALL)
	b.eq	user_ipc_signal
	cmp	x9, #(IPC_SEND - IPC_CALL)
	b.eq	user_ipc_send
	mov	x0, sp
	bl	upcall_native
	return_to_user

user_ipc_call:
	mov	x0, sp
	bl	upcall_ipc_call
	return_frame

user_ipc_reply_recv:
	mov	x0, sp
	bl	upcall_ipc_reply_recv
	return_frame

user_ipc_signal:
	mov	x0, sp
	bl	upcall_ipc_signal
	return_frame

user_ipc_send:
	mov	x0, sp
	bl	upcall_ipc_send
	return_frame

user_exception:
	mov	x0, sp
	bl	arch_trap_user
	return_to_user

user_irq:
	save_user_state xzr
	mov	x0, sp
	bl	arch_trap_irq
restore_user:
	return_to_user

user_serror:
	mrs	x24, esr_el1
	save_user_state x24
	mov	x0, sp
	bl	arch_trap_serror

user_fatal:
	mrs	x24, esr_el1
	save_user_state x24
	mov	x0, sp
	bl	arch_trap_fatal

	.globl hal_context_enter_user
hal_context_enter_user:
	mov	sp, x0
	b	restore_user

	.globl hal_context_enter_other
hal_context_enter_other:
	mov	sp, x0
	stlr	wzr, [x1]
	b	restore_user

// From kernel mode. First of all: is there stack for the frame? A guard page below the stack makes an
// overflow fault, and the fault would end here again and again. TPIDRRO_EL0 is the one place for a
// register that needs no memory; user mode can read it, so it is cleared at once.
.macro save_kernel_frame esr_reg
	msr	tpidrro_el0, x0
	mov	x0, sp
	at	s1e1w, x0
	isb
	mrs	x0, par_el1
	tbnz	x0, #0, stack_overflow
	mrs	x0, tpidrro_el0
	msr	tpidrro_el0, xzr
	save_registers
	add	x21, sp, #TF_SIZE
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	.ifc	\esr_reg, x24
	mrs	x24, esr_el1
	.endif
	stp	x30, x21, [sp, #TF_SP - 8]
	stp	x22, x23, [sp, #TF_PC]
	stp	x0, \esr_reg, [sp, #TF_X0_IN]
	mov	x0, sp
.endm

kernel_sync:
	save_kernel_frame x24
	bl	arch_trap_kernel
	b	restore_kernel

kernel_irq:
	save_kernel_frame xzr
	bl	arch_trap_irq
restore_kernel:
	ldp	x22, x23, [sp, #TF_PC]
	ldr	x30, [sp, #TF_SP - 8]
	msr	elr_el1, x22
	msr	spsr_el1, x23
	pop_registers
	eret

kernel_serror:
	save_kernel_frame x24
	bl	arch_trap_serror

kernel_fatal:
	save_kernel_frame x24
	bl	arch_trap_fatal

// x0 is in TPIDRRO_EL0. Build the frame on this CPU's emergency stack.
stack_overflow:
	mrs	x0, tpidr_el1
	str	x1, [x0, #PERCPU_SCRATCH]
	add	x1, sp, #TF_SIZE
	str	x1, [x0, #PERCPU_SCRATCH + 8]
	ldr	x1, [x0, #PERCPU_EMERGENCY_SP]
	sub	sp, x1, #TF_SIZE
	ldr	x1, [x0, #PERCPU_SCRATCH]
	mrs	x0, tpidrro_el0
	msr	tpidrro_el0, xzr
	save_registers
	mrs	x9, tpidr_el1
	ldr	x21, [x9, #PERCPU_SCRATCH + 8]
	mrs	x22, elr_el1
	mrs	x23, spsr_el1
	mrs	x24, esr_el1
	stp	x30, x21, [sp, #TF_SP - 8]
	stp	x22, x23, [sp, #TF_PC]
	stp	x0, x24, [sp, #TF_X0_IN]
	mov	x0, sp
	bl	arch_trap_stack_overflow

// ---- Switching stacks

	.globl hal_context_switch
hal_context_switch:
	stp	x29, x30, [sp, #-96]!
	mov	x29, sp
	stp	x19, x20, [sp, #16 * 1]
	stp	x21, x22, [sp, #16 * 2]
	stp	x23, x24, [sp, #16 * 3]
	stp	x25, x26, [sp, #16 * 4]
	stp	x27, x28, [sp, #16 * 5]
	mov	x9, sp
	mrs	x10, tpidr_el0
	stp	x9, x10, [x0, #CONTEXT_SP]
continue_next:
	ldp	x9, x10, [x1, #CONTEXT_SP]
	msr	tpidr_el0, x10
	cbz	x9, 1f
	mov	sp, x9
	ldp	x19, x20, [sp, #16 * 1]
	ldp	x21, x22, [sp, #16 * 2]
	ldp	x23, x24, [sp, #16 * 3]
	ldp	x25, x26, [sp, #16 * 4]
	ldp	x27, x28, [sp, #16 * 5]
	ldp	x29, x30, [sp], #96
	ret
1:	sub	x0, x2, #TF_SIZE
	mov	sp, x0
	mov	x29, xzr
	bl	upcall_user_resume
	b	restore_user

	.globl hal_context_leave
hal_context_leave:
	mrs	x10, tpidr_el0
	stp	xzr, x10, [x0, #CONTEXT_SP]
	b	continue_next

	.globl hal_context_call_on_stack
hal_context_call_on_stack:
	sub	sp, x0, #TF_SIZE	// fn may go on to user mode through the frame
	mov	x9, x1
	mov	x0, x2
	mov	x29, xzr
	mov	x30, xzr
	br	x9

// First return of a new kernel thread (context.c): x19 = entry, x20 = its argument.
	.globl arch_kernel_thread_start
arch_kernel_thread_start:
	bl	upcall_thread_start
	mov	x0, x20
	mov	x30, xzr
	br	x19

// ---- Semihosting: without a debugger HLT is undefined, and arch_trap_kernel() continues after it
// with the result -1.
	.globl arch_semihosting, arch_semihosting_hlt
arch_semihosting:
arch_semihosting_hlt:
	hlt	#0xf000
	ret

	.section .note.GNU-stack, "", %progbits
