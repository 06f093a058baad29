// SPDX-License-Identifier: MIT
// All user registers of a thread, saved by entry at the fixed top of its kernel stack. The layout is
// the backend's; the rest of the kernel goes through these accessors.
#pragma once

#include <lib/types.h>

struct trapframe; // defined by <arch/trapframe.h>

/** Linux system-call convention: number, arguments 0..5, result. */
static inline uint64_t hal_tf_syscall_nr(const struct trapframe *tf);
static inline uint64_t hal_tf_arg(const struct trapframe *tf, unsigned i);
static inline void hal_tf_set_result(struct trapframe *tf, int64_t value);
static inline int64_t hal_tf_result(const struct trapframe *tf);
/** Make the thread execute the system-call instruction again with the arguments that it had.
 *  Entry keeps the first argument (where the result overwrites it) for this. */
static inline void hal_tf_restart_syscall(struct trapframe *tf);
/** The frame came from a system call and not from a trap or interrupt. */
static inline bool hal_tf_is_syscall(const struct trapframe *tf);
/** Forget that: from now on the frame is restored whole, and no call is restarted. Whoever changes
 *  program counter, stack pointer or flags of a frame calls it. */
static inline void hal_tf_clear_syscall(struct trapframe *tf);

static inline bool hal_tf_is_user(const struct trapframe *tf);
static inline uint64_t hal_tf_pc(const struct trapframe *tf);
static inline uint64_t hal_tf_sp(const struct trapframe *tf);
static inline void hal_tf_set_pc(struct trapframe *tf, uint64_t pc);
static inline void hal_tf_set_sp(struct trapframe *tf, uint64_t sp);
static inline uint64_t hal_tf_frame_pointer(const struct trapframe *tf);

/** First frame of a program: all registers 0 but pc and sp; user mode, interrupts on. */
void hal_tf_init_user(struct trapframe *tf, uint64_t pc, uint64_t sp);
/** Function-call arguments of a user function about to be entered (signal handlers): 0..2. */
static inline void hal_tf_set_call_arg(struct trapframe *tf, unsigned i, uint64_t value);

/** Thread pointer of user space (FS base, TPIDR_EL0, tp). On some ports a register of the frame, on
 *  others a CPU register that hal_context_switch() carries in hal_context. */
struct hal_context;
void hal_tf_set_tls(struct trapframe *tf, struct hal_context *ctx, uint64_t tls);
uint64_t hal_tf_tls(const struct trapframe *tf, const struct hal_context *ctx);

/** Native calls (uapi/ipc.h says which registers): descriptor, tag, words 0..7 in; status, tag,
 *  badge, sender, words 0..7 out. */
static inline uint64_t hal_tf_ipc_fd(const struct trapframe *tf);
static inline uint64_t hal_tf_ipc_tag(const struct trapframe *tf);
static inline uint64_t hal_tf_ipc_word(const struct trapframe *tf, unsigned i);
static inline void hal_tf_set_ipc_tag(struct trapframe *tf, uint64_t tag);
static inline void hal_tf_set_ipc_badge(struct trapframe *tf, uint64_t badge);
static inline void hal_tf_set_ipc_sender(struct trapframe *tf, uint64_t pid_tid);
static inline void hal_tf_set_ipc_word(struct trapframe *tf, unsigned i, uint64_t word);
/** Copy words 0..@n-1 of one frame into another; @n <= 8. */
static inline void hal_tf_copy_ipc_words(struct trapframe *to, const struct trapframe *from,
					 unsigned n);

/** Signal frames: the machine part of Linux's ucontext (struct sigcontext of this architecture), which
 *  takes hal_sigcontext_size() bytes of user space at @user_sc: the caller has checked the range, and
 *  that the frame has the alignment of HAL_SIGFRAME_ALIGN. The signal mask may have a place in there
 *  (HAL_UCONTEXT_SIGMASK), which is not touched. @has_fpu: current has floating-point state, which is in
 *  the unit. save() ends the system call that @tf is of. restore() gives @tf user registers whatever
 *  the result, never privilege or interrupt bits. Context: thread, may sleep (page faults).
 *  0, -EFAULT, -EINVAL. */
size_t hal_sigcontext_size(void);
must_check err_t hal_sigcontext_save(uint64_t user_sc, struct trapframe *tf, bool has_fpu);
must_check err_t hal_sigcontext_restore(struct trapframe *tf, uint64_t user_sc, bool has_fpu);

/** Where a function about to be entered returns to (HAL_SIGFRAME_RETURN_ON_STACK: not by this). */
static inline void hal_tf_set_return_address(struct trapframe *tf, uint64_t addr);

/** Registers for a panic screen: about ten lines through @put. */
void hal_tf_print(const struct trapframe *tf, void (*print)(const char *fmt, ...));
/** Registers as ptrace and core notes lay them out; returns the number of 64-bit words written. */
size_t hal_tf_to_elf_gregs(const struct trapframe *tf, uint64_t *regs, size_t max);

#include <arch/trapframe.h>
