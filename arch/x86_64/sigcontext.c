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
#include <uapi/errno.h>

#define FPU_OFFSET 320
#define FXSAVE_MXCSR 24
#define FXSAVE_MXCSR_MASK 28
#define MXCSR_MASK_DEFAULT 0xffbfu
#define FXSAVE_SIZE 512
#define XSAVE_HEADER_SIZE 64

// Linux: arch/x86/include/uapi/asm/sigcontext.h, struct sigcontext_64.
struct sigcontext {
	uint64_t r8, r9, r10, r11, r12, r13, r14, r15, rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip;
	uint64_t rflags;
	uint16_t cs, gs, fs, ss;
	uint64_t err, trapno, oldmask, cr2;
	uint64_t fpstate;
	uint64_t reserved[8];
};

_Static_assert(sizeof(struct sigcontext) == HAL_SIGCONTEXT_SIGMASK_OFFSET, "ABI");

size_t hal_sigcontext_size(void)
{
	return FPU_OFFSET + hal_fpu_state_size();
}

void hal_sigcontext_save(void *sc, const struct trapframe *tf, const void *fpu)
{
	bool is_syscall = hal_tf_is_syscall(tf);
	struct sigcontext out = {
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
		.fpstate = fpu ? FPU_OFFSET : 0, // until x86_sigcontext_set_address()
	};

	memcpy(sc, &out, sizeof(out));
	memset((char *)sc + sizeof(out), 0, FPU_OFFSET - sizeof(out));
	if (fpu)
		memcpy((char *)sc + FPU_OFFSET, fpu, hal_fpu_state_size());
	else
		memset((char *)sc + FPU_OFFSET, 0, hal_fpu_state_size());
}

void x86_sigcontext_set_address(void *sc, uint64_t user_sc)
{
	struct sigcontext *out = sc;
	if (out->fpstate != 0)
		out->fpstate = user_sc + FPU_OFFSET;
}

/** Take @from (untrusted) over into @fpu, so that restoring it cannot fault. */
static err_t restore_fpu(char *fpu, const char *from)
{
	uint32_t mxcsr, mask; // the bits of MXCSR that exist (Intel SDM 1, 11.6.6); 0: the default
	memcpy(&mxcsr, from + FXSAVE_MXCSR, sizeof(mxcsr));
	memcpy(&mask, fpu + FXSAVE_MXCSR_MASK, sizeof(mask));

	if (x86_fpu_xcr0) {
		uint64_t header[XSAVE_HEADER_SIZE / sizeof(uint64_t)];
		memcpy(header, from + FXSAVE_SIZE, sizeof(header));
		if (header[0] & ~x86_fpu_xcr0)
			return -EINVAL;
		for (unsigned i = 1; i < array_len(header); i++) {
			if (header[i] != 0)
				return -EINVAL;
		}
	}
	memcpy(fpu, from, hal_fpu_state_size());
	mxcsr &= mask ? mask : MXCSR_MASK_DEFAULT;
	memcpy(fpu + FXSAVE_MXCSR, &mxcsr, sizeof(mxcsr));
	memcpy(fpu + FXSAVE_MXCSR_MASK, &mask, sizeof(mask));
	return 0;
}

err_t hal_sigcontext_restore(struct trapframe *tf, const void *sc, void *fpu)
{
	struct sigcontext in;
	memcpy(&in, sc, sizeof(in));

	if (fpu && in.fpstate != 0) {
		err_t err = restore_fpu(fpu, (const char *)sc + FPU_OFFSET);
		if (err)
			return err;
	} else if (fpu) {
		hal_fpu_init_state(fpu);
	}
	hal_tf_init_user(tf, in.rip, in.rsp);
	tf->r8 = in.r8;
	tf->r9 = in.r9;
	tf->r10 = in.r10;
	tf->r11 = in.r11;
	tf->r12 = in.r12;
	tf->r13 = in.r13;
	tf->r14 = in.r14;
	tf->r15 = in.r15;
	tf->rdi = in.rdi;
	tf->rsi = in.rsi;
	tf->rbp = in.rbp;
	tf->rbx = in.rbx;
	tf->rdx = in.rdx;
	tf->rax = in.rax;
	tf->rcx = in.rcx;
	tf->rflags = (in.rflags & X86_RFLAGS_USER_MASK) | X86_RFLAGS_USER;
	return 0;
}
