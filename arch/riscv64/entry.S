// SPDX-License-Identifier: MIT
// Every trap. sscratch tells where it came from: the address of current's trapframe while in user
// mode, 0 while in the kernel. tp is this CPU's area in the kernel; the way out leaves it in the
// frame for the way in. Interrupts are off in all of this file.
#include <arch/csr.h>
#include <arch/layout.h>
#include <arch/offsets.h>
#include <uapi/ipc.h>

// What functions, and switches, keep for their callers, \op = sd or ld.
.macro	kept_registers op
	\op	s0, TF_S+0(sp)
	\op	s1, TF_S+8(sp)
	\op	s2, TF_S+16(sp)
	\op	s3, TF_S+24(sp)
	\op	s4, TF_S+32(sp)
	\op	s5, TF_S+40(sp)
	\op	s6, TF_S+48(sp)
	\op	s7, TF_S+56(sp)
	\op	s8, TF_S+64(sp)
	\op	s9, TF_S+72(sp)
	\op	s10, TF_S+80(sp)
	\op	s11, TF_S+88(sp)
.endm

// The others, but sp; tp only where \tp says so.
.macro	lost_registers op, tp
	\op	ra, TF_RA(sp)
	\op	gp, TF_GP(sp)	// the kernel never touches it, but another program may have run
	.if	\tp
	\op	tp, TF_TP(sp)
	.endif
	\op	a0, TF_ARGS+0(sp)
	\op	a1, TF_ARGS+8(sp)
	\op	a2, TF_ARGS+16(sp)
	\op	a3, TF_ARGS+24(sp)
	\op	a4, TF_ARGS+32(sp)
	\op	a5, TF_ARGS+40(sp)
	\op	a6, TF_ARGS+48(sp)
	\op	t0, TF_ARGS+56(sp)
	\op	t1, TF_ARGS+64(sp)
	\op	t2, TF_ARGS+72(sp)
	\op	a7, TF_A7(sp)
	\op	t3, TF_T3(sp)
	\op	t4, TF_T4(sp)
	\op	t5, TF_T5(sp)
	\op	t6, TF_T6(sp)
.endm

.macro	registers op, tp
	kept_registers \op
	lost_registers \op, \tp
.endm

	.text
	.balign	4
	.global	riscv_trap_entry
riscv_trap_entry:
	csrrw	sp, sscratch, sp
	beqz	sp, from_kernel
	registers sd, 1
	csrrw	t0, sscratch, zero	// user sp; from here on a trap is one of the kernel
	csrr	t1, scause
	csrr	t2, sepc
	ld	tp, TF_PERCPU(sp)
	sd	t0, TF_SP(sp)
	sd	t1, TF_CAUSE(sp)
	li	t0, CAUSE_ECALL_USER
	bne	t1, t0, other_user_trap
	addi	t2, t2, 4
	sd	t2, TF_PC(sp)
	sd	a0, TF_ORIG_A0(sp)
	li	t0, IPC_CALL
	bgeu	a7, t0, native_syscall
	mv	a6, sp
	jal	upcall_syscall_args

// Unless the frame was changed by a signal or exec, what functions keep is what user mode had in it.
leave_syscall:
	ld	t1, TF_CAUSE(sp)
	li	t0, CAUSE_ECALL_USER
	bne	t1, t0, restore_syscall
	csrw	sscratch, sp
	ld	t0, TF_PC(sp)
	csrw	sepc, t0
	lost_registers ld, 1
	ld	sp, TF_SP(sp)
	sret

// To user mode by the frame at sp, in which the last switch to its thread has written tp.
restore_syscall:
	csrw	sscratch, sp
	ld	t0, TF_PC(sp)
	csrw	sepc, t0
	registers ld, 1
	ld	sp, TF_SP(sp)
	sret

native_syscall:
	mv	a0, sp
	sub	t0, a7, t0
	bnez	t0, other_native
	jal	upcall_ipc_call
	mv	sp, a0
	beqz	a1, restore_syscall
	j	leave_stack

other_native:
	addi	t1, t0, -(IPC_REPLY_RECV - IPC_CALL)
	beqz	t1, ipc_reply_recv
	addi	t1, t0, -(IPC_SIGNAL - IPC_CALL)
	beqz	t1, ipc_signal
	addi	t1, t0, -(IPC_SEND - IPC_CALL)
	beqz	t1, ipc_send
	jal	upcall_native
	j	leave_syscall

ipc_signal:
	jal	upcall_ipc_signal
	mv	sp, a0
	beqz	a1, restore_syscall
	j	leave_stack

ipc_send:
	jal	upcall_ipc_send
	mv	sp, a0
	beqz	a1, restore_syscall
	j	leave_stack

ipc_reply_recv:
	jal	upcall_ipc_reply_recv
	mv	sp, a0
	beqz	a1, restore_syscall
leave_stack:	// from here on another CPU may run the thread that called
	fence	rw, w
	sw	zero, 0(a1)

// The same from anywhere else. A load-reservation of what was interrupted must not live on.
restore_user:
	ld	t0, TF_PC(sp)
	sc.d	zero, t0, (sp)
	sd	tp, TF_PERCPU(sp)
	j	restore_syscall

other_user_trap:
	sd	t2, TF_PC(sp)
	mv	a0, sp
	jal	riscv_trap_user
	j	restore_user

from_kernel:
	csrrw	sp, sscratch, zero
	sd	t0, PERCPU_SCRATCH0(tp)
	addi	sp, sp, -TF_SIZE
	ld	t0, PERCPU_ENTRY_SP(tp)
	sub	t0, t0, sp
	srli	t0, t0, RISCV_KSTACK_SHIFT
	bnez	t0, stack_overflow
	ld	t0, PERCPU_SCRATCH0(tp)
	registers sd, 1
	addi	t0, sp, TF_SIZE
	csrr	t1, sepc
	csrr	t2, scause
	csrr	t3, sstatus
	sd	t0, TF_SP(sp)
	sd	t1, TF_PC(sp)
	sd	t2, TF_CAUSE(sp)
	sd	t3, TF_STATUS(sp)
	sd	zero, TF_PERCPU(sp)
	// The thread may sleep in a page fault, and another go to user mode by SRET: SPP stays in the frame.
	li	t0, SSTATUS_SUM | SSTATUS_SPP
	csrc	sstatus, t0
	mv	a0, sp
	jal	riscv_trap_kernel

	// The floating-point unit belongs to whatever runs now, and so does tp: the thread may have
	// slept in a page fault and be on another CPU.
	ld	t0, TF_STATUS(sp)
	csrr	t1, sstatus
	xor	t0, t0, t1
	li	t2, ~SSTATUS_FS
	and	t0, t0, t2
	xor	t0, t0, t1
	csrw	sstatus, t0
	ld	t0, TF_PC(sp)
	sc.d	zero, t0, (sp)
	csrw	sepc, t0
	registers ld, 0
	ld	sp, TF_SP(sp)
	sret

// sp is not within the present kernel stack. There is no way back from here.
stack_overflow:
	addi	sp, sp, TF_SIZE
	sd	sp, PERCPU_SCRATCH1(tp)
	ld	sp, PERCPU_EMERGENCY(tp)
	sd	sp, PERCPU_ENTRY_SP(tp)
	addi	sp, sp, -TF_SIZE
	ld	t0, PERCPU_SCRATCH0(tp)
	registers sd, 1
	ld	t0, PERCPU_SCRATCH1(tp)
	csrr	t1, sepc
	csrr	t2, scause
	csrr	t3, sstatus
	sd	t0, TF_SP(sp)
	sd	t1, TF_PC(sp)
	sd	t2, TF_CAUSE(sp)
	sd	t3, TF_STATUS(sp)
	sd	zero, TF_PERCPU(sp)
	mv	a0, sp
	la	a1, overflow_text
	jal	upcall_kernel_exception

// noreturn void hal_context_enter_user(struct trapframe *tf)
	.global	hal_context_enter_user
hal_context_enter_user:
	csrci	sstatus, SSTATUS_SIE
	mv	sp, a0
	j	restore_user

// noreturn void hal_context_enter_other(struct trapframe *tf, _Atomic uint32_t *stack_left)
	.global	hal_context_enter_other
hal_context_enter_other:
	mv	sp, a0
	j	leave_stack

// What the callee must keep, on the stack of a thread of the kernel kind.
#define SWITCH_SIZE 112
.macro	callee_saved op
	\op	ra, 0(sp)
	\op	s0, 8(sp)
	\op	s1, 16(sp)
	\op	s2, 24(sp)
	\op	s3, 32(sp)
	\op	s4, 40(sp)
	\op	s5, 48(sp)
	\op	s6, 56(sp)
	\op	s7, 64(sp)
	\op	s8, 72(sp)
	\op	s9, 80(sp)
	\op	s10, 88(sp)
	\op	s11, 96(sp)
.endm

// void hal_context_switch(struct hal_context *prev, struct hal_context *next, vaddr_t next_top)
	.global	hal_context_switch
hal_context_switch:
	addi	sp, sp, -SWITCH_SIZE
	callee_saved sd
	sd	sp, CONTEXT_SP(a0)
resume:
	ld	t0, CONTEXT_SP(a1)
	sd	a2, PERCPU_ENTRY_SP(tp)
	beqz	t0, resume_user
	mv	sp, t0
	callee_saved ld
	addi	sp, sp, SWITCH_SIZE
	ret

// noreturn void hal_context_leave(struct hal_context *prev, struct hal_context *next, vaddr_t top)
	.global	hal_context_leave
hal_context_leave:
	sd	zero, CONTEXT_SP(a0)
	j	resume

resume_user:
	addi	sp, a2, -TF_SIZE
	mv	a0, sp
	li	s0, 0
	jal	upcall_user_resume
	j	restore_user

// First code of a kernel thread: s1 = function, s2 = argument (hal_context_init_kernel).
	.global	riscv_kernel_thread_start
riscv_kernel_thread_start:
	jal	upcall_thread_start
	mv	a0, s2
	jalr	s1
	unimp

// noreturn void hal_context_call_on_stack(vaddr_t stack_top, void (*fn)(void *), void *arg)
	.global	hal_context_call_on_stack
hal_context_call_on_stack:
	sd	a0, PERCPU_ENTRY_SP(tp)
	addi	sp, a0, -TF_SIZE
	mv	a0, a2
	li	s0, 0
	jalr	a1
	unimp

	.section .rodata
overflow_text:
	.asciz	"kernel stack overflow"
