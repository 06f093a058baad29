// SPDX-License-Identifier: MIT
// Signal frames on the user stack: Linux's layout, whose machine-dependent offsets the port gives.
//
//   x86_64            AArch64, RISC-V
//   return address    siginfo (128 bytes)
//   ucontext          ucontext
//   siginfo
#include "internal.h"

#include <hal/trapframe.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <mm/ucopy.h>

#define SIGINFO_SIZE 128
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SS_AUTODISARM 0x80000000u
#define RED_ZONE 128 // below the stack pointer, the ABI of x86_64 lets functions use it

// Where the mask stands before the machine context, it is one word more of what is put there at once.
#define MASK_FIRST (HAL_UCONTEXT_SIGMASK < HAL_UCONTEXT_MCONTEXT)
#define RETURN_SIZE (HAL_SIGFRAME_RETURN_ON_STACK ? 8 : 0)
static_assert(HAL_SIGFRAME_RETURN_ON_STACK == !MASK_FIRST, "six words either way");

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

/** Where the frame goes; 0 = there is no room in the address space, or on the alternate stack. */
static uint64_t place(const struct trapframe *tf, const struct sigaction *action, size_t size)
{
	struct proc_part *part = &current_thread()->proc;
	uint64_t sp = hal_tf_sp(tf);
	bool wants_alt = (action->flags & SA_ONSTACK) && part->altstack_size;
	if (wants_alt && !is_on_altstack(part, sp))
		sp = part->altstack_base + part->altstack_size;
	else
		sp -= RED_ZONE;
	if (sp > HAL_USER_TOP || sp < size + 2 * HAL_SIGFRAME_ALIGN)
		return 0;
	uint64_t frame = align_down(sp - size - RETURN_SIZE, (uint64_t)HAL_SIGFRAME_ALIGN) + RETURN_SIZE;
	bool is_alt = wants_alt || is_on_altstack(part, hal_tf_sp(tf));
	return is_alt && frame - RETURN_SIZE < part->altstack_base ? 0 : frame; // what stands below is not ours
}

/** The ucontext up to the machine context or, where it comes first, the mask. */
struct linux_ucontext {
	uint64_t flags, link;
	uint64_t stack_base;
	uint32_t stack_flags, pad;
	uint64_t stack_size;
};

static struct linux_ucontext encode_ucontext(const struct trapframe *tf)
{
	const struct proc_part *part = &current_thread()->proc;
	uint32_t flags = part->altstack_size ? 0 : SS_DISABLE;
	if (is_on_altstack(part, hal_tf_sp(tf)))
		flags |= SS_ONSTACK;
	return (struct linux_ucontext){.stack_base = part->altstack_base,
				       .stack_flags = flags,
				       .stack_size = part->altstack_size};
}

static void enter_handler(struct trapframe *tf, uint64_t frame, const struct layout *layout, int signo,
			  const struct sigaction *action, uint64_t restorer)
{
	hal_tf_set_pc(tf, action->handler);
	hal_tf_set_sp(tf, frame);
	hal_tf_set_call_arg(tf, 0, (uint64_t)signo);
	hal_tf_set_call_arg(tf, 1, frame + layout->info);
	hal_tf_set_call_arg(tf, 2, frame + layout->ucontext);
	hal_tf_set_return_address(tf, restorer);
}

/** Return address, ucontext and mask, one after the other in memory or nearly so. */
static err_t put_head(uint64_t frame, const struct trapframe *tf, uint64_t restorer, uint64_t mask)
{
	struct {
		uint64_t words[6];
	} head;
	uint64_t *ucontext = head.words + RETURN_SIZE / 8;
	*(struct linux_ucontext *)ucontext = encode_ucontext(tf);
	head.words[MASK_FIRST ? 5 : 0] = MASK_FIRST ? mask : restorer;
	uint64_t at = MASK_FIRST ? frame + HAL_SIGFRAME_UCONTEXT : frame;
	err_t err = mm_copy_out(at, &head, sizeof(head));
	if (err || MASK_FIRST)
		return err;
	return mm_put_pair(frame + HAL_SIGFRAME_UCONTEXT + HAL_UCONTEXT_SIGMASK, mask, 0);
}

static err_t put_info(uint64_t at, const struct siginfo *info)
{
	struct linux_siginfo out;
	encode_siginfo(&out, info);
	return mm_copy_out(at, &out, sizeof(out));
}

err_t sigframe_push(struct trapframe *tf, const struct siginfo *info,
		    const struct sigaction *action, uint64_t saved_mask)
{
	struct layout layout = layout_of_frame();
	uint64_t frame = place(tf, action, layout.size);
	uint64_t restorer = action->flags & SA_RESTORER ? action->restorer : vdso_sigreturn();
	if (!frame)
		return -EFAULT;
	err_t err = put_head(frame, tf, restorer, saved_mask);
	if (!err && (action->flags & SA_SIGINFO))
		err = put_info(frame + layout.info, info);
	if (!err) // the whole range was checked by place()
		err = hal_sigcontext_save(frame + layout.mcontext, tf, current_thread()->fpu);
	if (!err)
		enter_handler(tf, frame, &layout, info->signo, action, restorer);
	return err;
}

/** Take the frame at @frame back. */
static err_t pop(struct trapframe *tf, uint64_t frame, const struct layout *layout)
{
	uint64_t mask;
	if (!is_aligned(hal_tf_sp(tf), 16ul) || !mm_user_range_ok(frame, layout->size))
		return -EFAULT;
	err_t err = mm_copy_in(&mask, frame + layout->ucontext + HAL_UCONTEXT_SIGMASK, sizeof(mask));
	if (!err)
		err = hal_sigcontext_restore(tf, frame + layout->mcontext, current_thread()->fpu);
	if (!err)
		signal_replace_mask(mask);
	return err;
}

void signal_return(struct trapframe *tf)
{
	struct layout layout = layout_of_frame();
	err_t err = pop(tf, hal_tf_sp(tf) - RETURN_SIZE, &layout);
	hal_tf_clear_syscall(tf);
	if (err)
		upcall_fault_signal(tf, SIGSEGV, SI_KERNEL, 0);
}
