// SPDX-License-Identifier: MIT
// What a port calls. Each is implemented once, above hal/, and bound by the linker.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

struct trapframe;

/** Boot CPU, bootinfo filled, console working, boot map active, interrupts off. */
noreturn_fn void upcall_boot(void);
/** A CPU started by hal_smp_start_cpu(). */
noreturn_fn void upcall_secondary(cpuid_t cpu);

/** A system call that is not on the fast path. Interrupts off at entry and at return; on return all
 *  work for user mode is done and the frame may be restored. */
void upcall_syscall(struct trapframe *tf);
/** The same for a number from IPC_NR_FIRST on, which is as good in the other two. */
void upcall_native(struct trapframe *tf);
/** The same for ports with eight argument registers: arguments and number as user mode left them. */
void upcall_syscall_args(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
			 struct trapframe *tf, uint64_t nr);

/** What entry code does after a fast-path call; in two registers on every port. */
struct upcall_resume {
	struct trapframe *tf; // the frame to restore
	/** Not NULL: @tf is another thread's. Once entry code is off the stack of the thread before, it
	 *  stores 0 there with release order: another CPU may then run that thread. */
	_Atomic uint32_t *stack_left;
};

/** The fast-path calls, straight from entry code: number IPC_CALL, IPC_REPLY_RECV, IPC_SIGNAL or
 *  IPC_SEND, frame saved, interrupts off. With another thread's frame, current, address space and
 *  entry stack are already that thread's. */
struct upcall_resume upcall_ipc_call(struct trapframe *tf);
struct upcall_resume upcall_ipc_reply_recv(struct trapframe *tf);
struct upcall_resume upcall_ipc_signal(struct trapframe *tf);
struct upcall_resume upcall_ipc_send(struct trapframe *tf);

enum hal_fault_access { HAL_FAULT_READ, HAL_FAULT_WRITE, HAL_FAULT_EXEC };

/** A memory fault at @addr, from user or kernel mode (hal_tf_is_user). Interrupts off at entry and
 *  return. @is_present: the translation exists and forbids the access (a hint). */
void upcall_page_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access,
		       bool is_present);
/** Any other exception of user mode: becomes signal @signo with @code and @addr. */
void upcall_user_exception(struct trapframe *tf, int signo, int code, vaddr_t addr);
/** An exception in kernel mode that nothing explains: panics. @what names it. */
noreturn_fn void upcall_kernel_exception(struct trapframe *tf, const char *what);
/** First floating-point instruction of a thread (unit is off). */
void upcall_fpu_first_use(struct trapframe *tf);

/** Interrupts. The port's entry code calls upcall_irq_enter(), then the root controller's handler,
 *  which calls upcall_irq()/upcall_timer()/upcall_ipi() for each one, then upcall_irq_exit(tf),
 *  which does the work for user mode if @tf is of user mode. */
void upcall_irq_enter(void);
void upcall_irq(uint32_t irq);
void upcall_timer(void);
void upcall_ipi(void);
void upcall_irq_exit(struct trapframe *tf);

/** On a thread of the user kind, first thing after a switch to it: finishes the switch, does its
 *  pending work; then the port restores @tf. Interrupts off. */
void upcall_user_resume(struct trapframe *tf);
/** On a new kernel thread, before its entry function: finishes the switch, interrupts on. */
void upcall_thread_start(void);

/** This CPU is told to stop for a panic elsewhere: prints nothing, records @tf, halts. */
noreturn_fn void upcall_panic_stop(struct trapframe *tf);
