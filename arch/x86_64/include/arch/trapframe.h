// SPDX-License-Identifier: MIT
// The registers of a user thread (and of a trap in the kernel). From `ss` down to `error` in the
// order in which the CPU pushes them. RCX and R11 of a system call are RIP and RFLAGS: entry leaves
// their places alone, hal_tf_clear_syscall() fills them when it matters.
#pragma once

#include <arch/layout.h>
#include <lib/string.h>

struct trapframe {
	uint64_t vector; // traps: what happened. Pads the frame to 16 bytes
	uint64_t r11, rcx; // undefined in a system-call frame
	uint64_t rax; // result; a system call's number is in `nr`
	uint64_t r15, r14, r13, r12, rbp, rbx;
	uint64_t r9, r8, r10, rdx, rsi, rdi;
	uint64_t nr; // system calls: the number; traps: the CPU's error code, or 0
	uint64_t rip;
	uint64_t cs; // X86_TF_SYSCALL may be set: the CPU ignores these bits
	uint64_t rflags, rsp, ss;
};

_Static_assert(sizeof(struct trapframe) % 16 == 0, "the C code below it has an aligned stack");

#define X86_TF_SYSCALL 0x10000ul
#define X86_RFLAGS_USER 0x202ul // a program's first flags: interrupts on
// What user space may set: CF PF AF ZF SF TF DF OF RF AC ID.
#define X86_RFLAGS_USER_MASK 0x250dd5ul

static inline bool hal_tf_is_syscall(const struct trapframe *tf)
{
	return tf->cs & X86_TF_SYSCALL;
}

static inline void hal_tf_clear_syscall(struct trapframe *tf)
{
	if (!hal_tf_is_syscall(tf))
		return;
	tf->rcx = tf->rip;
	tf->r11 = tf->rflags;
	tf->cs = X86_USER_CS;
}

static inline uint64_t hal_tf_syscall_nr(const struct trapframe *tf)
{
	return tf->nr;
}

static inline uint64_t hal_tf_arg(const struct trapframe *tf, unsigned i)
{
	switch (i) {
	case 0:
		return tf->rdi;
	case 1:
		return tf->rsi;
	case 2:
		return tf->rdx;
	case 3:
		return tf->r10;
	case 4:
		return tf->r8;
	default:
		return tf->r9;
	}
}

static inline void hal_tf_set_result(struct trapframe *tf, int64_t value)
{
	tf->rax = (uint64_t)value;
}

static inline int64_t hal_tf_result(const struct trapframe *tf)
{
	return (int64_t)tf->rax;
}

static inline void hal_tf_restart_syscall(struct trapframe *tf)
{
	tf->rax = tf->nr;
	tf->rip -= 2; // SYSCALL is 0f 05
}

static inline bool hal_tf_is_user(const struct trapframe *tf)
{
	return tf->cs & 3;
}

static inline uint64_t hal_tf_pc(const struct trapframe *tf)
{
	return tf->rip;
}

static inline uint64_t hal_tf_sp(const struct trapframe *tf)
{
	return tf->rsp;
}

static inline void hal_tf_set_pc(struct trapframe *tf, uint64_t pc)
{
	hal_tf_clear_syscall(tf);
	// IRET and SYSRET would fault in the kernel on a non-canonical address. Nothing is ever
	// mapped at the top of user space, so there the program gets the fault that it asked for.
	tf->rip = pc < X86_USER_TOP ? pc : X86_USER_TOP;
}

static inline void hal_tf_set_sp(struct trapframe *tf, uint64_t sp)
{
	tf->rsp = sp;
}

static inline uint64_t hal_tf_frame_pointer(const struct trapframe *tf)
{
	return tf->rbp;
}

static inline void hal_tf_set_call_arg(struct trapframe *tf, unsigned i, uint64_t value)
{
	if (i == 0)
		tf->rdi = value;
	else if (i == 1)
		tf->rsi = value;
	else
		tf->rdx = value;
}

static inline uint64_t hal_tf_ipc_fd(const struct trapframe *tf)
{
	return tf->rdi;
}

static inline uint64_t hal_tf_ipc_tag(const struct trapframe *tf)
{
	return tf->rsi;
}

/** Where word @i of a message is kept: rdx r10 r8 r9 r12 r13 r14 r15. */
static inline uint64_t *x86_tf_ipc_word(struct trapframe *tf, unsigned i)
{
	switch (i) {
	case 0:
		return &tf->rdx;
	case 1:
		return &tf->r10;
	case 2:
		return &tf->r8;
	case 3:
		return &tf->r9;
	case 4:
		return &tf->r12;
	case 5:
		return &tf->r13;
	case 6:
		return &tf->r14;
	default:
		return &tf->r15;
	}
}

static inline uint64_t hal_tf_ipc_word(const struct trapframe *tf, unsigned i)
{
	return *x86_tf_ipc_word((struct trapframe *)tf, i);
}

static inline void hal_tf_set_ipc_word(struct trapframe *tf, unsigned i, uint64_t word)
{
	*x86_tf_ipc_word(tf, i) = word;
}

static inline void hal_tf_set_ipc_tag(struct trapframe *tf, uint64_t tag)
{
	tf->rsi = tag;
}

static inline void hal_tf_set_ipc_badge(struct trapframe *tf, uint64_t badge)
{
	tf->rdi = badge;
}

static inline void hal_tf_set_ipc_sender(struct trapframe *tf, uint64_t pid_tid)
{
	tf->rbx = pid_tid;
}

static inline void hal_tf_copy_ipc_words(struct trapframe *to, const struct trapframe *from,
					 unsigned n)
{
	switch (n) {
	default:
		to->r15 = from->r15;
		__attribute__((fallthrough));
	case 7:
		to->r14 = from->r14;
		__attribute__((fallthrough));
	case 6:
		to->r13 = from->r13;
		__attribute__((fallthrough));
	case 5:
		to->r12 = from->r12;
		__attribute__((fallthrough));
	case 4:
		to->r9 = from->r9;
		__attribute__((fallthrough));
	case 3:
		to->r8 = from->r8;
		__attribute__((fallthrough));
	case 2:
		to->r10 = from->r10;
		__attribute__((fallthrough));
	case 1:
		to->rdx = from->rdx;
		__attribute__((fallthrough));
	case 0:
		break;
	}
}

/** Layout of a signal frame, Linux's: what stands before ucontext, and where the mask and the machine
 *  context are in it. */
#define HAL_SIGFRAME_INFO_FIRST 0 // siginfo stands behind the machine context
#define HAL_SIGFRAME_UCONTEXT 8 // behind the return address
#define HAL_UCONTEXT_MCONTEXT 40
#define HAL_UCONTEXT_SIGMASK (40 + 256)
#define HAL_SIGFRAME_RETURN_ON_STACK 1
#define HAL_SIGFRAME_ALIGN 64 // XSAVE's, of what stands behind the return address
#define HAL_SIGRETURN_CODE {0xb8, 0x0f, 0, 0, 0, 0x0f, 0x05} // mov $15,%eax; syscall

static inline void hal_tf_set_return_address(struct trapframe *tf, uint64_t addr)
{
	(void)tf; // on the stack
	(void)addr;
}
