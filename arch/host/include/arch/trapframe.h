// SPDX-License-Identifier: MIT
// "User mode" of the laboratory is a C function on a stack of its own that enters the kernel
// through host_syscall() (<arch/user.h>). What it says there is this frame.
#pragma once

#include <lib/string.h>

enum host_tf_flags {
	HOST_TF_USER = 1, // came from user mode
	HOST_TF_SYSCALL = 2, // the call of user.sp is not finished
	HOST_TF_RESTART = 4, // ... and is made again
	HOST_TF_FIXED = 8, // hal_uaccess_fixup() was here
};

/** A stack that does not run, and what the sanitizers know it by. */
struct host_stack {
	uintptr_t sp; // 0 = holds nothing to continue
	vaddr_t bottom, top;
	void *fake_stack; // address sanitizer
	void *fiber; // thread sanitizer; NULL = none yet
};

struct trapframe {
	uint64_t pc, sp, fp;
	uint64_t flags; // HOST_TF_*
	uint64_t nr, args[6];
	int64_t result;
	uint64_t ipc_tag, ipc_badge, ipc_sender, ipc_words[8];
	uint64_t call_args[3]; // of a user function about to be entered
	uint64_t return_address; // ... and where it returns to
	struct host_stack user; // inside host_syscall(), or sp 0: begins at pc
	struct host_call *call; // where results go; NULL = an interrupt
} __attribute__((aligned(16)));

static inline uint64_t hal_tf_syscall_nr(const struct trapframe *tf)
{
	return tf->nr;
}

static inline uint64_t hal_tf_arg(const struct trapframe *tf, unsigned i)
{
	return tf->args[i];
}

static inline void hal_tf_set_result(struct trapframe *tf, int64_t value)
{
	tf->result = value;
}

static inline int64_t hal_tf_result(const struct trapframe *tf)
{
	return tf->result;
}

static inline void hal_tf_restart_syscall(struct trapframe *tf)
{
	tf->flags |= HOST_TF_RESTART;
}

static inline bool hal_tf_is_syscall(const struct trapframe *tf)
{
	return tf->flags & HOST_TF_SYSCALL;
}

static inline void hal_tf_clear_syscall(struct trapframe *tf)
{
	tf->flags &= ~(uint64_t)(HOST_TF_SYSCALL | HOST_TF_RESTART);
	tf->user.sp = 0;
}

static inline bool hal_tf_is_user(const struct trapframe *tf)
{
	return tf->flags & HOST_TF_USER;
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
	return tf->fp;
}

static inline void hal_tf_set_call_arg(struct trapframe *tf, unsigned i, uint64_t value)
{
	tf->call_args[i] = value;
}

static inline uint64_t hal_tf_ipc_fd(const struct trapframe *tf)
{
	return tf->args[0];
}

static inline uint64_t hal_tf_ipc_tag(const struct trapframe *tf)
{
	return tf->ipc_tag;
}

static inline uint64_t hal_tf_ipc_word(const struct trapframe *tf, unsigned i)
{
	return tf->ipc_words[i];
}

static inline void hal_tf_set_ipc_tag(struct trapframe *tf, uint64_t tag)
{
	tf->ipc_tag = tag;
}

static inline void hal_tf_set_ipc_badge(struct trapframe *tf, uint64_t badge)
{
	tf->ipc_badge = badge;
}

static inline void hal_tf_set_ipc_sender(struct trapframe *tf, uint64_t pid_tid)
{
	tf->ipc_sender = pid_tid;
}

static inline void hal_tf_set_ipc_word(struct trapframe *tf, unsigned i, uint64_t word)
{
	tf->ipc_words[i] = word;
}

static inline void hal_tf_copy_ipc_words(struct trapframe *to, const struct trapframe *from,
					 unsigned n)
{
	// Above 8: as 8, like the other ports.
	memcpy(to->ipc_words, from->ipc_words, (n < 8 ? n : 8) * sizeof(to->ipc_words[0]));
}

// Where the parts of a signal frame stand, as Linux has them on most machines.
#define HAL_SIGFRAME_INFO_FIRST 1
#define HAL_SIGFRAME_UCONTEXT 128
#define HAL_UCONTEXT_SIGMASK 40
#define HAL_UCONTEXT_MCONTEXT 176
#define HAL_SIGFRAME_RETURN_ON_STACK 0
#define HAL_SIGFRAME_ALIGN 16
#define HAL_SIGRETURN_CODE {0} // user functions of the laboratory are not returned to by code


static inline void hal_tf_set_return_address(struct trapframe *tf, uint64_t addr)
{
	tf->return_address = addr;
}
