// SPDX-License-Identifier: MIT
// The machine part of a signal frame. Offsets from its address, which needs no alignment:
//
//     0  struct sigcontext of Linux: registers, pointer to the state at 320, 8 reserved words
//   256  the signal mask, which Linux has in this place; not touched here
//   320  the floating-point state as XSAVE (or FXSAVE) wrote it, hal_fpu_state_size() bytes; absent
//        (pointer 0) if the thread has never computed
//
// What comes back from user space is believed in nothing: segments, privileged flags and reserved
// state bits are ignored or refused.
#include <hal/trapframe.h>

#include <arch/x86.h>
#include <hal/fpu.h>
#include <hal/uaccess.h>
#include <uapi/errno.h>

#define FXSAVE_MXCSR 24
#define FXSAVE_SIZE 512

// Linux: arch/x86/include/uapi/asm/sigcontext.h, struct sigcontext_64.
struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	uint64_t rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
};

_Static_assert(sizeof(struct sigcontext) == HAL_SIGCONTEXT_HEAD, "ABI");

size_t hal_sigcontext_size(void)
{
	return HAL_SIGCONTEXT_FPU + hal_fpu_state_size();
}

void hal_sigcontext_save(void *head, const struct trapframe *tf, const void *fpu, uint64_t user_sc)
{
	bool is_syscall = hal_tf_is_syscall(tf);
	*(struct sigcontext *)head = (struct sigcontext){
		.r8 = tf->r8, .r9 = tf->r9, .r10 = tf->r10,
		.r11 = is_syscall ? tf->rflags : tf->r11,
		.r12 = tf->r12, .r13 = tf->r13, .r14 = tf->r14, .r15 = tf->r15,
		.rdi = tf->rdi, .rsi = tf->rsi, .rbp = tf->rbp, .rbx = tf->rbx,
		.rdx = tf->rdx, .rax = tf->rax,
		.rcx = is_syscall ? tf->rip : tf->rcx,
		.rsp = tf->rsp, .rip = tf->rip, .rflags = tf->rflags,
		.cs = X86_USER_CS, .ss = X86_USER_DS,
		.err = is_syscall ? 0 : tf->nr,
		.trapno = is_syscall ? 0 : tf->vector,
		.cr2 = x86_read_cr2(),
		.fpstate = fpu ? user_sc + HAL_SIGCONTEXT_FPU : 0,
	};
}

/** Make @state, which came from user space, such that loading it cannot fault. -EINVAL: it is nothing
 *  that was ever saved. */
static err_t check_fpu(char *state)
{
	*(uint32_t *)(state + FXSAVE_MXCSR) &= x86_fpu_mxcsr_mask;
	if (!x86_fpu_xcr0)
		return 0;
	const uint64_t *header = (const uint64_t *)(state + FXSAVE_SIZE);
	uint64_t reserved = header[1] | header[2] | header[3] | header[4] | header[5] | header[6] |
			    header[7] | (header[0] & ~x86_fpu_xcr0);
	return reserved ? -EINVAL : 0;
}

static err_t restore_fpu(uint64_t user_sc, bool is_there, void *state)
{
	if (!is_there) {
		hal_fpu_init_state(state);
		return 0;
	}
	const void *from = (const void *)(user_sc + HAL_SIGCONTEXT_FPU);
	if (hal_copy_from_user(state, from, hal_fpu_state_size()))
		return -EFAULT;
	return check_fpu(state);
}

err_t hal_sigcontext_restore(struct trapframe *tf, const void *head, uint64_t user_sc, void *state)
{
	const struct sigcontext *in = head;
	err_t err = state ? restore_fpu(user_sc, in->fpstate != 0, state) : 0;
	if (err)
		return err;
	tf->cs = X86_USER_CS;
	tf->ss = X86_USER_DS;
	tf->rsp = in->rsp;
	hal_tf_set_pc(tf, in->rip);
	tf->r8 = in->r8;
	tf->r9 = in->r9;
	tf->r10 = in->r10;
	tf->r11 = in->r11;
	tf->r12 = in->r12;
	tf->r13 = in->r13;
	tf->r14 = in->r14;
	tf->r15 = in->r15;
	tf->rdi = in->rdi;
	tf->rsi = in->rsi;
	tf->rbp = in->rbp;
	tf->rbx = in->rbx;
	tf->rdx = in->rdx;
	tf->rax = in->rax;
	tf->rcx = in->rcx;
	tf->rflags = (in->rflags & X86_RFLAGS_USER_MASK) | X86_RFLAGS_USER;
	return 0;
}
