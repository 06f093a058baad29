// SPDX-License-Identifier: MIT
// The kernel side of a thread that does not run, and the switch between two.
//
// There are two kinds of resume. *Kernel*: the thread stopped inside hal_context_switch() and its
// callee-saved registers are on its kernel stack. *User*: its kernel stack holds nothing but the
// trapframe at the top; it continues at hal's user-resume code, which calls upcall_user_resume(tf)
// and then restores the frame. A new process, and every thread blocked in an endpoint operation,
// is of the user kind, so that the IPC fast path can resume it without running any of its C code.
#pragma once

#include <lib/types.h>
#include <stdatomic.h>

struct trapframe;
struct hal_context; // defined by <arch/context.h>: sp (0 = user kind), TLS bases, ...

/** Bytes of a kernel stack. Sanitizers make frames several times as large. */
#define HAL_KSTACK_SIZE KIB(CONFIG_KSTACK_KIB)

/** The trapframe at the top of the stack that ends at @stack_top. */
static inline struct trapframe *hal_stack_trapframe(vaddr_t stack_top);

/** A context that will run @entry(@arg) in kernel mode on the stack ending at @stack_top, after
 *  upcall_thread_start() has been called on it. @entry must not return. */
void hal_context_init_kernel(struct hal_context *ctx, vaddr_t stack_top, void (*entry)(void *),
			     void *arg);
/** A context of the user kind: resumes by restoring the trapframe at @stack_top. */
void hal_context_init_user(struct hal_context *ctx, vaddr_t stack_top);
/** Mark a context as user kind again (the thread is about to block with no live kernel frame). */
static inline void hal_context_set_user(struct hal_context *ctx);
static inline bool hal_context_is_user(const struct hal_context *ctx);
/** Copy what is not in the trapframe (TLS bases) from a parent at fork. */
static inline void hal_context_copy_user(struct hal_context *to, const struct hal_context *from);

/** Switch from @prev to @next; returns when somebody switches back to @prev. Interrupts are off.
 *  @prev's user thread pointer is saved and @next's loaded. Does not touch the address space, the
 *  floating-point unit or hal_percpu()->current: the scheduler does. @next_top is the end of next's
 *  kernel stack. Before @next runs, all of @prev is in memory (the scheduler then publishes that
 *  with a release store from the new thread's side). */
void hal_context_switch(struct hal_context *prev, struct hal_context *next, vaddr_t next_top);
/** The same, but nothing of the present kernel stack is kept: @prev becomes of the user kind. */
noreturn_fn void hal_context_leave(struct hal_context *prev, struct hal_context *next,
				   vaddr_t next_top);
/** For the IPC fast path: swap the user thread pointer only (the frame is swapped by entry code). */
static inline void hal_context_swap_tls(struct hal_context *prev, struct hal_context *next);
/** Tell entry code where @stack_top, current's kernel stack, ends. */
static inline void hal_context_set_entry_stack(vaddr_t stack_top);
/** Throw away the kernel stack contents and run @fn(@arg) at the top of the stack @stack_top. */
noreturn_fn void hal_context_call_on_stack(vaddr_t stack_top, void (*fn)(void *), void *arg);
/** Restore @tf, the trapframe at the top of the current kernel stack: go to user mode. */
noreturn_fn void hal_context_enter_user(struct trapframe *tf);
/** Leave the present kernel stack for the frame @tf of another thread, blocked in the user kind, which is
 *  current already with its address space, thread pointer, floating point and entry stack. Once off the
 *  stack store 0 at @stack_left with release order. Interrupts are off. */
noreturn_fn void hal_context_enter_other(struct trapframe *tf, _Atomic uint32_t *stack_left);

/** Walk the frame pointers from @fp (0 = here): call @visit with each return address. */
void hal_backtrace(uintptr_t fp, bool (*visit)(void *arg, uintptr_t pc), void *arg);

#include <arch/context.h>
