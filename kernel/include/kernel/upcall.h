// SPDX-License-Identifier: MIT
// What kernel/ calls in the rooms above it. Each is implemented once and bound by the linker. (What
// ports call is in <hal/upcall.h>.)
#pragma once

#include <hal/upcall.h>
#include <lib/types.h>

struct fdtable;
struct file;
struct grant;
struct hal_percpu;
struct mm_space;
struct object;
struct process;
struct thread;
struct trapframe;

/** mm/alloc: boot-time allocator, final kernel map, page frames, slab: in this order, boot CPU. */
void upcall_mm_init(void);
/** mm/alloc: memory for @cpu's per-CPU area and for a stack on which it can start; 0 = none. */
void *upcall_alloc_percpu(cpuid_t cpu, size_t size);
vaddr_t upcall_alloc_boot_stack(cpuid_t cpu);

/** sched: run queues, and the caller becomes the boot CPU's first thread. */
void upcall_sched_init(void);
/** sched: the calling secondary becomes its own idle thread and never returns. */
noreturn_fn void upcall_sched_start_cpu(void);
/** sched: the work that resched asks for; may switch. Interrupts off. */
void upcall_reschedule(void);
/** sched: what a thread does first after a switch to it: the one before it is off its stack. */
void upcall_finish_switch(void);
/** sched: the trapframe of the current thread. */
struct trapframe *upcall_current_frame(void);
/** sched: current's `pending` word is not 0. */
bool upcall_has_pending_work(void);
/** sched: a kernel thread that runs @fn(NULL); panics when there is no memory. Boot only. */
void upcall_spawn(const char *name, void (*fn)(void *));
/** sched: an interrupt in which is_sample_due was set ends; it came in user mode or not. */
void upcall_sample(bool is_user);
/** sched: sleep until @deadline; in the reclaim thread, or until upcall_wake_reclaim(). */
void upcall_sleep_until(nsec_t deadline);
void upcall_wake_reclaim(void);

/** mm/space: @space becomes this CPU's: at a switch to a thread of another space than the one before.
 *  Interrupts off. */
void upcall_activate_space(struct mm_space *space);
/** mm/space: this CPU lets go of the address space that it has. Interrupts off. */
void upcall_leave_space(void);
/** mm/space: resolve a fault; 0, or -EFAULT / -ENOMEM / -EACCES / -EIO (SIGBUS). Interrupts on. */
err_t upcall_mm_fault(struct trapframe *tf, vaddr_t addr, enum hal_fault_access access);

/** proc: an enum frame_claim: what current may take of the last free frames. Any context. */
unsigned upcall_frame_claim(void);
/** proc: a page fault of current finds no frame that it may have: kill a process, or wait for one that is
 *  being killed. @holds_nothing: no sleeping lock, so it may wait for as long as that takes. 0: try again; -ENOMEM: current must end itself, or nobody may be killed. May sleep. */
err_t upcall_out_of_memory(bool holds_nothing);

/** ipc: @thread was given another priority: its place in the queue where it waits and what it lends follow. No
 *  lock held. */
void upcall_ipc_rank_changed(struct thread *thread);
/** ipc: the rest of a switch from @prev, which keeps nothing on its stack, to @next, which is current
 *  already: address space and thread pointer. What entry code is to do. Interrupts off, no lock held. */
struct upcall_resume upcall_ipc_leave(struct hal_percpu *cpu, struct thread *prev, struct thread *next);
/** ipc: end the wait of @thread (blocked in an endpoint operation) with -EINTR, if it still waits. */
void upcall_ipc_interrupt(struct thread *thread);

/** fs: @grant is no longer in @table, whose owner holds record locks. May sleep. */
void upcall_fd_closed(struct fdtable *table, struct grant *grant);
/** fs: @file, which has file_object_flags, is about to be released: locks and epolls let go of it. May sleep. */
void upcall_file_ends(struct file *file);
/** fs: @object, which is watched (OBJECT_WATCHED), is about to be destroyed: epolls let go of it. May sleep. */
void upcall_object_ends(struct object *object);
/** fs: @file, whose release has run, lets go of its name and vnode. May sleep. */
void upcall_file_gone(struct file *file);

/** proc: the thread with number @tid, with a reference; NULL = none. */
struct thread *upcall_find_thread(uint32_t tid);
/** proc: an unresolved fault or exception of the current thread becomes a signal. */
void upcall_fault_signal(struct trapframe *tf, int signo, int code, vaddr_t addr);
/** proc: current's `pending` word is not 0: deliver signals, stop, or die. Interrupts on. */
void upcall_pending_work(struct trapframe *tf);

/** dev: current's process, which leads a session, ends: its terminal is let go and hung up. */
void upcall_session_leader_exit(struct process *process);
/** abi: a number that no table has. */
void upcall_unknown_syscall(struct trapframe *tf, uint64_t nr);
/** abi: a Linux call ended with @result, -ERESTARTSYS to -ERESTART_RESTARTBLOCK: it was disturbed, or
 *  (SYSCALL_FRAME_WRITTEN) it has written the whole frame itself. */
#define SYSCALL_FRAME_WRITTEN (-ENOIOCTLCMD) // a number of that range which means nothing else here
void upcall_finish_syscall(struct trapframe *tf, int64_t result);
/** abi: all rooms above sched are initialised, the root file system is unpacked, init is started.
 *  Runs in a thread of its own on the boot CPU, all CPUs online. */
void upcall_start_user(void *unused);

/** kernel/exit_user.c: everything that must be done before user mode; loops until nothing is left.
 *  Interrupts off at entry and return. */
void exit_user_work(struct trapframe *tf);
