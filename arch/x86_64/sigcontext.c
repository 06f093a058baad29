// SPDX-License-Identifier: MIT
// The machine part of a signal frame. Offsets from its address:
//
//     0  struct sigcontext of Linux: registers, pointer to the state at 328, 8 reserved words
//   256  the signal mask, which Linux has in this place; not touched here
//   328  the floating-point state as XSAVE (or FXSAVE) writes it, hal_fpu_state_size() bytes; absent
//        (pointer 0) if the thread has never computed. Aligned to 64 bytes as the frame is
//
// What comes back from user space is believed in nothing: segments and privileged flags are ignored,
// and state that cannot be loaded makes XRSTOR fault, as an address that cannot be read does.
#include <hal/trapframe.h>

#include <arch/x86.h>
#include <hal/fpu.h>
#include <hal/mmu.h>
#include <uapi/errno.h>

#define FPU_OFFSET 328
_Static_assert((HAL_SIGFRAME_UCONTEXT + HAL_UCONTEXT_MCONTEXT + FPU_OFFSET) % HAL_SIGFRAME_ALIGN ==
		       HAL_SIGFRAME_ALIGN - 8,
	       "a frame's address is a multiple and 8, the size of the return address");

// uaccess.S. Linux: arch/x86/include/uapi/asm/sigcontext.h, struct sigcontext_64.
err_t x86_sigcontext_store(uint64_t user_sc, const struct trapframe *tf, uint64_t error,
			   uint64_t vector, uint64_t cr2, uint64_t fpstate);
err_t x86_sigcontext_load(struct trapframe *tf, uint64_t user_sc, uint64_t *fpstate);
err_t x86_fpu_store_user(uint64_t to, uint64_t xcr0);
err_t x86_fpu_load_user(uint64_t from, uint64_t xcr0);

size_t hal_sigcontext_size(void)
{
	return FPU_OFFSET + hal_fpu_state_size();
}

err_t hal_sigcontext_save(uint64_t user_sc, struct trapframe *tf, bool has_fpu)
{
	bool is_syscall = hal_tf_is_syscall(tf);
	uint64_t fpstate = has_fpu ? user_sc + FPU_OFFSET : 0;
	hal_tf_clear_syscall(tf);
	err_t err = x86_sigcontext_store(user_sc, tf, is_syscall ? 0 : tf->nr,
					 is_syscall ? 0 : tf->vector, x86_read_cr2(), fpstate);
	return err || !has_fpu ? err : x86_fpu_store_user(fpstate, x86_fpu_xcr0);
}

static no_inline void reset_fpu(void)
{
	_Alignas(64) char state[HAL_FPU_STATE_MAX];
	hal_fpu_init_state(state);
	hal_fpu_restore(state);
}

static err_t restore_fpu(uint64_t at)
{
	if (at > HAL_USER_TOP - HAL_FPU_STATE_MAX)
		return -EFAULT;
	if (at)
		return x86_fpu_load_user(at, x86_fpu_xcr0);
	reset_fpu();
	return 0;
}

err_t hal_sigcontext_restore(struct trapframe *tf, uint64_t user_sc, bool has_fpu)
{
	uint64_t fpstate;
	err_t err = x86_sigcontext_load(tf, user_sc, &fpstate);
	tf->cs = X86_USER_CS;
	tf->ss = X86_USER_DS;
	tf->rflags = (tf->rflags & X86_RFLAGS_USER_MASK) | X86_RFLAGS_USER;
	hal_tf_set_pc(tf, tf->rip);
	return err || !has_fpu ? err : restore_fpu(fpstate);
}
