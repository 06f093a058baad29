// SPDX-License-Identifier: MIT
// The frame that entry.S writes. Order is for the native calls: the arguments and words of one lie
// side by side. tp, gp and all the rest of user mode are here; floating-point state is not.
#pragma once

#include <arch/csr.h>

struct trapframe {
	uint64_t pc; // first: the store-conditional that drops a reservation has no offset
	uint64_t ra, sp, gp, tp;
	uint64_t s[12];
	uint64_t args[10]; // a0..a6, t0..t2: fd, tag and the eight words of a native call
	uint64_t a7;
	uint64_t t3, t4, t5, t6;
	uint64_t cause; // scause of the trap; CAUSE_NONE once it must not count as a system call
	uint64_t orig_a0; // first argument of a system call
	uint64_t percpu; // frame of user mode: tp for the kernel, never 0; of kernel mode: 0
	uint64_t status; // kernel mode: sstatus of the trapped code; unused for user mode
};

_Static_assert(sizeof(struct trapframe) % 16 == 0, "the kernel's stack pointer is 16-byte aligned");

static inline uint64_t hal_tf_syscall_nr(const struct trapframe *tf)
{
	return tf->a7;
}

static inline uint64_t hal_tf_arg(const struct trapframe *tf, unsigned i)
{
	return tf->args[i];
}

static inline void hal_tf_set_result(struct trapframe *tf, int64_t value)
{
	tf->args[0] = (uint64_t)value;
}

static inline int64_t hal_tf_result(const struct trapframe *tf)
{
	return (int64_t)tf->args[0];
}

static inline void hal_tf_restart_syscall(struct trapframe *tf)
{
	tf->args[0] = tf->orig_a0;
	tf->pc -= 4;
}

static inline bool hal_tf_is_syscall(const struct trapframe *tf)
{
	return tf->cause == CAUSE_ECALL_USER;
}

static inline void hal_tf_clear_syscall(struct trapframe *tf)
{
	tf->cause = CAUSE_NONE;
}

static inline bool hal_tf_is_user(const struct trapframe *tf)
{
	return tf->percpu != 0;
}

static inline uint64_t hal_tf_pc(const struct trapframe *tf)
{
	return tf->pc;
}

static inline uint64_t hal_tf_sp(const struct trapframe *tf)
{
	return tf->sp;
}

static inline void hal_tf_set_pc(struct trapframe *tf, uint64_t pc)
{
	tf->pc = pc;
}

static inline void hal_tf_set_sp(struct trapframe *tf, uint64_t sp)
{
	tf->sp = sp;
}

static inline uint64_t hal_tf_frame_pointer(const struct trapframe *tf)
{
	return tf->s[0];
}

static inline void hal_tf_set_call_arg(struct trapframe *tf, unsigned i, uint64_t value)
{
	tf->args[i] = value;
}

static inline uint64_t hal_tf_ipc_fd(const struct trapframe *tf)
{
	return tf->args[0];
}

static inline uint64_t hal_tf_ipc_tag(const struct trapframe *tf)
{
	return tf->args[1];
}

static inline uint64_t hal_tf_ipc_word(const struct trapframe *tf, unsigned i)
{
	return tf->args[2 + i];
}

static inline void hal_tf_set_ipc_tag(struct trapframe *tf, uint64_t tag)
{
	tf->args[1] = tag;
}

static inline void hal_tf_set_ipc_badge(struct trapframe *tf, uint64_t badge)
{
	tf->t3 = badge;
}

static inline void hal_tf_set_ipc_sender(struct trapframe *tf, uint64_t pid_tid)
{
	tf->t4 = pid_tid;
}

static inline void hal_tf_set_ipc_word(struct trapframe *tf, unsigned i, uint64_t word)
{
	tf->args[2 + i] = word;
}

static inline void hal_tf_copy_ipc_words(struct trapframe *to, const struct trapframe *from,
					 unsigned n)
{
	switch (n) {
	default:
		to->args[9] = from->args[9];
		__attribute__((fallthrough));
	case 7:
		to->args[8] = from->args[8];
		__attribute__((fallthrough));
	case 6:
		to->args[7] = from->args[7];
		__attribute__((fallthrough));
	case 5:
		to->args[6] = from->args[6];
		__attribute__((fallthrough));
	case 4:
		to->args[5] = from->args[5];
		__attribute__((fallthrough));
	case 3:
		to->args[4] = from->args[4];
		__attribute__((fallthrough));
	case 2:
		to->args[3] = from->args[3];
		__attribute__((fallthrough));
	case 1:
		to->args[2] = from->args[2];
		__attribute__((fallthrough));
	case 0:
		break;
	}
}

/** Layout of a signal frame, Linux's: what stands before ucontext, and where the mask and the machine
 *  context are in it. */
#define HAL_SIGFRAME_INFO_FIRST 1
#define HAL_SIGFRAME_UCONTEXT 128 // behind siginfo
#define HAL_UCONTEXT_SIGMASK 40
#define HAL_UCONTEXT_MCONTEXT 176
#define HAL_SIGFRAME_RETURN_ON_STACK 0
#define HAL_SIGFRAME_ALIGN 16
#define HAL_SIGRETURN_CODE {0x93, 0x08, 0xb0, 0x08, 0x73, 0x00, 0x00, 0x00} // li a7,139; ecall

static inline void hal_tf_set_return_address(struct trapframe *tf, uint64_t addr)
{
	tf->ra = addr;
}
