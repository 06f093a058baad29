// SPDX-License-Identifier: MIT
// Signal frames on the user stack: Linux's layout, whose machine-dependent offsets the port gives.
//
//   x86_64            AArch64, RISC-V
//   return address    siginfo (128 bytes)
//   ucontext          ucontext
//   siginfo
#include "internal.h"

#include <hal/cache.h>
#include <hal/trapframe.h>
#include <kernel/panic.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <mm/frame.h>
#include <mm/slab.h>
#include <mm/space.h>
#include <mm/ucopy.h>
#include <sched/fpu.h>

#define SIGINFO_SIZE 128
#define UCONTEXT_STACK 16 // flags 8, link 8, then stack_t
#define SS_ONSTACK 1
#define SS_DISABLE 2
#define SS_AUTODISARM 0x80000000u
#define RED_ZONE 128 // below the stack pointer, the ABI of x86_64 lets functions use it
#define SIGPAGE_ADDR (HAL_USER_TOP - 2 * HAL_PAGE_SIZE)

static struct mm_object *sigpage;

struct layout {
	size_t info, ucontext, mcontext, size;
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

/** Linux's siginfo_t. */
static void encode_siginfo(char *to, const struct siginfo *info)
{
	int32_t head[3] = {info->signo, info->error, info->code};
	memset(to, 0, SIGINFO_SIZE);
	memcpy(to, head, sizeof(head));
	bool is_fault = info->code > 0 && info->code != SI_KERNEL &&
			(SIGBIT(info->signo) & (SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) |
						SIGBIT(SIGFPE) | SIGBIT(SIGTRAP)));
	if (is_fault) {
		memcpy(to + 16, &info->value, sizeof(info->value));
		return;
	}
	bool is_timer = info->code == SI_TIMER;
	uint32_t ids[2] = {is_timer ? info->timer_id : info->pid, is_timer ? info->overrun : info->uid};
	memcpy(to + 16, ids, sizeof(ids));
	if (info->signo == SIGCHLD && info->code > 0) {
		int32_t status = (int32_t)info->value;
		int64_t times[2] = {info->utime, info->stime};
		memcpy(to + 24, &status, sizeof(status));
		memcpy(to + 32, times, sizeof(times));
	} else {
		memcpy(to + 24, &info->value, sizeof(info->value));
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

static void encode_stack(char *ucontext, const struct trapframe *tf)
{
	const struct proc_part *part = &current_thread()->proc;
	uint32_t flags = part->altstack_size ? 0 : SS_DISABLE;
	if (is_on_altstack(part, hal_tf_sp(tf)))
		flags |= SS_ONSTACK;
	memcpy(ucontext + UCONTEXT_STACK, &part->altstack_base, 8);
	memcpy(ucontext + UCONTEXT_STACK + 8, &flags, 4);
	memcpy(ucontext + UCONTEXT_STACK + 16, &part->altstack_size, 8);
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

err_t sigframe_push(struct trapframe *tf, const struct siginfo *info,
		    const struct sigaction *action, uint64_t saved_mask)
{
	struct layout layout = layout_of_frame();
	uint64_t frame = place(tf, action, layout.size);
	uint64_t restorer = action->flags & SA_RESTORER ? action->restorer : SIGPAGE_ADDR;
	char *buffer = frame ? kzalloc(layout.size) : NULL;
	if (!buffer)
		return frame ? -ENOMEM : -EFAULT;
	void *fpu = sched_fpu_save();
	if (HAL_SIGFRAME_RETURN_ON_STACK)
		memcpy(buffer, &restorer, 8);
	encode_siginfo(buffer + layout.info, info);
	encode_stack(buffer + layout.ucontext, tf);
	hal_sigcontext_save(buffer + layout.mcontext, tf, fpu);
	hal_sigcontext_set_address(buffer + layout.mcontext, frame + layout.mcontext);
	memcpy(buffer + layout.ucontext + HAL_UCONTEXT_SIGMASK, &saved_mask, 8);
	err_t err = mm_copy_out(frame, buffer, layout.size);
	kfree(buffer);
	if (!err)
		enter_handler(tf, frame, &layout, info->signo, action, restorer);
	return err;
}

/** Take the frame at @frame back. */
static err_t pop(struct trapframe *tf, uint64_t frame, char *buffer, const struct layout *layout)
{
	uint64_t mask;
	err_t err = mm_copy_in(buffer, frame, layout->size);
	if (err)
		return err;
	memcpy(&mask, buffer + layout->ucontext + HAL_UCONTEXT_SIGMASK, 8);
	void *fpu = sched_fpu_save();
	err = hal_sigcontext_restore(tf, buffer + layout->mcontext, fpu);
	if (fpu)
		sched_fpu_reload();
	if (!err)
		err = signal_set_mask(2, mask, NULL);
	return err;
}

void signal_return(struct trapframe *tf)
{
	struct layout layout = layout_of_frame();
	uint64_t frame = hal_tf_sp(tf) - (HAL_SIGFRAME_RETURN_ON_STACK ? 8 : 0);
	char *buffer = kmalloc(layout.size);
	err_t err = buffer ? pop(tf, frame, buffer, &layout) : -ENOMEM;
	kfree(buffer);
	hal_tf_clear_syscall(tf);
	if (err)
		upcall_fault_signal(tf, SIGSEGV, SI_KERNEL, 0);
}

// ---- the page that handlers without a restorer return through -------------------------------------

void sigframe_init(void)
{
	static const uint8_t code[] = HAL_SIGRETURN_CODE;
	sigpage = mm_object_create_anon(1);
	struct frame *frame = NULL;
	if (!sigpage || sigpage->ops->get_page(sigpage, 0, true, &frame))
		panic("no memory for the page that signal handlers return through");
	memcpy(frame_direct(frame), code, sizeof(code));
	hal_cache_sync_code(frame_direct(frame), sizeof(code));
	frame_put(frame);
}

err_t sigpage_map(struct mm_space *space)
{
	struct mm_map_request request = {
		.addr = SIGPAGE_ADDR,
		.size = HAL_PAGE_SIZE,
		.flags = HAL_PROT_READ | HAL_PROT_EXEC | MM_SHARED,
		.is_fixed = true,
		.object = sigpage,
		.max_prot = HAL_PROT_READ | HAL_PROT_EXEC,
	};
	vaddr_t addr;
	return HAL_SIGFRAME_RETURN_ON_STACK ? 0 : mm_map(space, &request, &addr);
}
