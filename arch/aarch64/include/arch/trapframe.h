// SPDX-License-Identifier: MIT
// The frame of AArch64. `esr` is ESR_EL1 of a synchronous exception and 0 of an interrupt, so it also
// says whether the frame is of a system call; `x0_in` is x0 as the call had it.
#pragma once

#include <arch/sysreg.h>
#include <uapi/ipc.h>

struct trapframe {
	uint64_t x[31];
	uint64_t sp;
	uint64_t pc;
	uint64_t pstate;
	uint64_t x0_in;
	uint64_t esr;
};

static inline uint64_t hal_tf_syscall_nr(const struct trapframe *tf)
{
	return tf->x[8];
}

static inline uint64_t hal_tf_arg(const struct trapframe *tf, unsigned i)
{
	return i == 0 ? tf->x0_in : tf->x[i];
}

static inline void hal_tf_set_result(struct trapframe *tf, int64_t value)
{
	tf->x[0] = (uint64_t)value;
}

static inline int64_t hal_tf_result(const struct trapframe *tf)
{
	return (int64_t)tf->x[0];
}

static inline bool hal_tf_is_syscall(const struct trapframe *tf)
{
	return tf->esr >> ESR_EC_SHIFT == EC_SVC64;
}

static inline void hal_tf_clear_syscall(struct trapframe *tf)
{
	tf->esr = 0;
}

static inline void hal_tf_restart_syscall(struct trapframe *tf)
{
	tf->pc -= 4;
	tf->x[0] = tf->x0_in;
}

static inline bool hal_tf_is_user(const struct trapframe *tf)
{
	return (tf->pstate & PSR_MODE_MASK) == 0;
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
	return tf->x[29];
}

static inline void hal_tf_set_call_arg(struct trapframe *tf, unsigned i, uint64_t value)
{
	tf->x[i] = value;
}

static inline uint64_t hal_tf_ipc_fd(const struct trapframe *tf)
{
	return tf->x[0];
}

static inline uint64_t hal_tf_ipc_tag(const struct trapframe *tf)
{
	return tf->x[1];
}

/** Register of message word @i: x2..x7, x9, x10. */
static inline unsigned arch_ipc_word_reg(unsigned i)
{
	return i < 6 ? i + 2 : i + 3;
}

static inline uint64_t hal_tf_ipc_word(const struct trapframe *tf, unsigned i)
{
	return tf->x[arch_ipc_word_reg(i)];
}

static inline void hal_tf_set_ipc_tag(struct trapframe *tf, uint64_t tag)
{
	tf->x[1] = tag;
}

static inline void hal_tf_set_ipc_badge(struct trapframe *tf, uint64_t badge)
{
	tf->x[11] = badge;
}

static inline void hal_tf_set_ipc_sender(struct trapframe *tf, uint64_t pid_tid)
{
	tf->x[12] = pid_tid;
}

static inline void hal_tf_set_ipc_word(struct trapframe *tf, unsigned i, uint64_t word)
{
	tf->x[arch_ipc_word_reg(i)] = word;
}

static inline void hal_tf_copy_ipc_words(struct trapframe *to, const struct trapframe *from,
					 unsigned n)
{
	if (likely(n == 0))
		return;
	switch (n) {
	default:
		to->x[10] = from->x[10];
		__attribute__((fallthrough));
	case 7:
		to->x[9] = from->x[9];
		__attribute__((fallthrough));
	case 6:
		to->x[7] = from->x[7];
		__attribute__((fallthrough));
	case 5:
		to->x[6] = from->x[6];
		__attribute__((fallthrough));
	case 4:
		to->x[5] = from->x[5];
		__attribute__((fallthrough));
	case 3:
		to->x[4] = from->x[4];
		__attribute__((fallthrough));
	case 2:
		to->x[3] = from->x[3];
		__attribute__((fallthrough));
	case 1:
		to->x[2] = from->x[2];
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
#define HAL_SIGRETURN_CODE {0x68, 0x11, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4} // mov x8,#139; svc #0

static inline void hal_tf_set_return_address(struct trapframe *tf, uint64_t addr)
{
	tf->x[30] = addr;
}
