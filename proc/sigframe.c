// SPDX-License-Identifier: MIT
// Signal frames on the user stack: Linux's layout, whose machine-dependent offsets the port gives.
//
//   x86_64            AArch64, RISC-V
//   return address    siginfo (128 bytes)
//   ucontext          ucontext
//   siginfo
#include "internal.h"

#include <hal/fpu.h>
#include <hal/trapframe.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <mm/ucopy.h>
#include <sched/fpu.h>

#define SIGINFO_SIZE 128
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SS_AUTODISARM 0x80000000u
#define RED_ZONE 128 // below the stack pointer, the ABI of x86_64 lets functions use it

// The mask stands behind the machine context's head (x86_64) or well before it.
#define MASK_ROOM (HAL_UCONTEXT_SIGMASK > HAL_UCONTEXT_MCONTEXT ? 8 : 0)
#define HEAD_MAX (HAL_SIGFRAME_UCONTEXT + HAL_UCONTEXT_MCONTEXT + HAL_SIGCONTEXT_HEAD + MASK_ROOM)

struct layout {
	size_t info, ucontext, mcontext;
	size_t size;
};

static struct layout layout_of_frame(void)
{
	struct layout layout = {.ucontext = HAL_SIGFRAME_UCONTEXT};
	layout.mcontext = layout.ucontext + HAL_UCONTEXT_MCONTEXT;
	size_t end = align_up(layout.mcontext + hal_sigcontext_size(), 16);
	layout.info = HAL_SIGFRAME_INFO_FIRST ? 0 : end;
	layout.size = HAL_SIGFRAME_INFO_FIRST ? end : end + SIGINFO_SIZE;
	return layout;
}

/** Linux's siginfo_t, as far as it is used. */
struct linux_siginfo {
	int32_t signo, error, code, pad;
	union {
		uint64_t addr; // faults
		struct {
			uint32_t pid, uid;
		};
	};
	union {
		uint64_t value;
		int32_t status; // SIGCHLD
	};
	int64_t utime, stime;
	uint64_t unused[10];
};
static_assert(sizeof(struct linux_siginfo) == SIGINFO_SIZE, "Linux's");

static void encode_siginfo(struct linux_siginfo *to, const struct siginfo *info)
{
	*to = (struct linux_siginfo){.signo = info->signo, .error = info->error, .code = info->code};
	bool is_fault = info->code > 0 && info->code != SI_KERNEL &&
			(SIGBIT(info->signo) & (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) |
						SIGBIT(SIGFPE) | SIGBIT(SIGTRAP)));
	if (is_fault) {
		to->addr = info->value;
		return;
	}
	bool is_timer = info->code == SI_TIMER;
	to->pid = is_timer ? info->timer_id : info->pid;
	to->uid = is_timer ? info->overrun : info->uid;
	if (info->signo == SIGCHLD && info->code > 0) {
		to->status = (int32_t)info->value;
		to->utime = info->utime;
		to->stime = info->stime;
	} else {
		to->value = info->value;
	}
}

void signal_encode_info(void *linux_siginfo, const struct siginfo *info)
{
	encode_siginfo(linux_siginfo, info);
}

static bool is_on_altstack(const struct proc_part *part, uint64_t sp)
{
	return part->altstack_size && sp > part->altstack_base &&
	       sp - part->altstack_base <= part->altstack_size;
}

/** Where the frame goes; 0 = there is no room in the address space. */
static uint64_t place(const struct trapframe *tf, const struct sigaction *action, size_t size)
{
	struct proc_part *part = &current_thread()->proc;
	uint64_t sp = hal_tf_sp(tf);
	bool wants_alt = (action->flags & SA_ONSTACK) && part->altstack_size;
	if (wants_alt && !is_on_altstack(part, sp))
		sp = part->altstack_base + part->altstack_size;
	else
		sp -= RED_ZONE;
	if (sp > HAL_USER_TOP || sp < size + 64)
		return 0;
	sp = align_down(sp - size, 16ul);
	return HAL_SIGFRAME_RETURN_ON_STACK ? sp - 8 : sp;
}

/** The ucontext up to the machine context and, where it comes first, the mask. */
struct linux_ucontext {
	uint64_t flags, link;
	uint64_t stack_base;
	uint32_t stack_flags, pad;
	uint64_t stack_size;
};

static void encode_stack(struct linux_ucontext *to, const struct trapframe *tf)
{
	const struct proc_part *part = &current_thread()->proc;
	uint32_t flags = part->altstack_size ? 0 : SS_DISABLE;
	if (is_on_altstack(part, hal_tf_sp(tf)))
		flags |= SS_ONSTACK;
	*to = (struct linux_ucontext){.stack_base = part->altstack_base,
				      .stack_flags = flags,
				      .stack_size = part->altstack_size};
}

static void enter_handler(struct trapframe *tf, uint64_t frame, const struct layout *layout, int signo,
			  const struct sigaction *action, uint64_t restorer)
{
	hal_tf_clear_syscall(tf);
	hal_tf_set_pc(tf, action->handler);
	hal_tf_set_sp(tf, frame);
	hal_tf_set_call_arg(tf, 0, (uint64_t)signo);
	hal_tf_set_call_arg(tf, 1, frame + layout->info);
	hal_tf_set_call_arg(tf, 2, frame + layout->ucontext);
	hal_tf_set_return_address(tf, restorer);
}

/** All but the floating-point state. */
static err_t put_head(uint64_t frame, const struct layout *layout, const struct trapframe *tf,
		      const struct siginfo *info, const void *fpu, uint64_t restorer, uint64_t mask)
{
	uint64_t head[HEAD_MAX / 8];
	struct linux_siginfo info_apart;
	uint64_t *ucontext = head + HAL_SIGFRAME_UCONTEXT / 8;
	if (HAL_SIGFRAME_RETURN_ON_STACK)
		head[0] = restorer;
	encode_siginfo(HAL_SIGFRAME_INFO_FIRST ? (struct linux_siginfo *)head : &info_apart, info);
	encode_stack((struct linux_ucontext *)ucontext, tf);
	for (unsigned i = HAL_UCONTEXT_SIGMASK / 8; i < HAL_UCONTEXT_MCONTEXT / 8; i++)
		ucontext[i] = 0; // room for a larger mask
	hal_sigcontext_save(ucontext + HAL_UCONTEXT_MCONTEXT / 8, tf, fpu, frame + layout->mcontext);
	ucontext[HAL_UCONTEXT_SIGMASK / 8] = mask;
	err_t err = mm_copy_out(frame, head, sizeof(head));
	if (!err && !HAL_SIGFRAME_INFO_FIRST)
		err = mm_copy_out(frame + layout->info, &info_apart, sizeof(info_apart));
	return err;
}

static err_t put_fpu(uint64_t user_sc, const void *fpu)
{
	uint64_t at = user_sc + HAL_SIGCONTEXT_FPU;
	size_t size = HAL_SIGCONTEXT_FPU_SIZE;
	if (!fpu)
		return HAL_SIGCONTEXT_FPU_ALWAYS ? mm_clear_user(at, size + HAL_SIGCONTEXT_ZEROS) : 0;
	err_t err = mm_copy_out(at, fpu, size);
	if (!err && HAL_SIGCONTEXT_ZEROS > 0)
		err = mm_clear_user(at + size, HAL_SIGCONTEXT_ZEROS);
	return err;
}

err_t sigframe_push(struct trapframe *tf, const struct siginfo *info,
		    const struct sigaction *action, uint64_t saved_mask)
{
	struct layout layout = layout_of_frame();
	uint64_t frame = place(tf, action, layout.size);
	uint64_t restorer = action->flags & SA_RESTORER ? action->restorer : vdso_sigreturn();
	if (!frame)
		return -EFAULT;
	void *fpu = sched_fpu_save();
	err_t err = put_head(frame, &layout, tf, info, fpu, restorer, saved_mask);
	if (!err)
		err = put_fpu(frame + layout.mcontext, fpu);
	if (!err)
		enter_handler(tf, frame, &layout, info->signo, action, restorer);
	return err;
}

/** Take the frame at @frame back. */
static err_t pop(struct trapframe *tf, uint64_t frame, const struct layout *layout)
{
	_Alignas(64) char state[HAL_FPU_STATE_MAX];
	uint64_t ucontext[(HEAD_MAX - HAL_SIGFRAME_UCONTEXT) / 8];
	size_t from = min(HAL_UCONTEXT_SIGMASK, HAL_UCONTEXT_MCONTEXT);
	if (!mm_user_range_ok(frame, layout->size))
		return -EFAULT;
	err_t err = mm_copy_in(ucontext + from / 8, frame + layout->ucontext + from,
			       sizeof(ucontext) - from);
	if (err)
		return err;
	void *wanted = current_thread()->fpu ? state : NULL;
	err = hal_sigcontext_restore(tf, ucontext + HAL_UCONTEXT_MCONTEXT / 8,
				     frame + layout->mcontext, wanted);
	if (err)
		return err;
	if (wanted)
		sched_fpu_load(wanted);
	return signal_set_mask(2, ucontext[HAL_UCONTEXT_SIGMASK / 8], NULL);
}

void signal_return(struct trapframe *tf)
{
	struct layout layout = layout_of_frame();
	uint64_t frame = hal_tf_sp(tf) - (HAL_SIGFRAME_RETURN_ON_STACK ? 8 : 0);
	err_t err = pop(tf, frame, &layout);
	hal_tf_clear_syscall(tf);
	if (err)
		upcall_fault_signal(tf, SIGSEGV, SI_KERNEL, 0);
}
