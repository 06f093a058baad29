// SPDX-License-Identifier: MIT
// System calls of signals.
#include "syscall.h"

#include <kernel/upcall.h>
#include <lib/string.h>
#include <object/cred.h>
#include <proc/signal.h>
#include <sched/sched.h>

#define SET_BYTES 8
#define SS_DISABLE 2
#define SS_ONSTACK 1
#define MINSIGSTKSZ 2048

/** Linux's kernel sigaction: struct sigaction, or three words without the restorer. */
static inline err_t get_action(uaddr_t at, struct sigaction *action)
{
	if (ABI_SIGACTION_HAS_RESTORER)
		return mm_copy_in_quad(action, at);
	err_t err = mm_copy_in(action, at, 24);
	action->mask = action->restorer;
	action->restorer = 0;
	action->flags &= ~0x04000000ull; // SA_RESTORER
	return err;
}

static inline err_t put_action(uaddr_t at, struct sigaction *action)
{
	if (ABI_SIGACTION_HAS_RESTORER)
		return mm_copy_out_quad(at, action);
	action->restorer = action->mask;
	return mm_copy_out(at, action, 24);
}

SYSCALL4(rt_sigaction, int, signo, uaddr_t, new_at, uaddr_t, old_at, uint64_t, size)
{
	struct sigaction action;
	if (size != SET_BYTES)
		return -EINVAL;
	if (likely(new_at)) {
		if (unlikely(get_action(new_at, &action)))
			return -EFAULT;
		if (unlikely(signal_exchange_action(signo, &action)))
			return -EINVAL;
	} else if (signal_get_action(signo, &action)) {
		return -EINVAL;
	}
	return old_at ? put_action(old_at, &action) : 0;
}

SYSCALL4(rt_sigprocmask, int, how, uaddr_t, set_at, uaddr_t, old_at, uint64_t, size)
{
	uint64_t set = 0, old = current_thread()->proc.sigmask;
	if (size != SET_BYTES)
		return -EINVAL;
	if (set_at && mm_copy_in(&set, set_at, sizeof(set)))
		return -EFAULT;
	err_t err = set_at ? signal_set_mask(how, set, &old) : 0;
	if (!err && old_at)
		err = mm_copy_out(old_at, &old, sizeof(old));
	return err;
}

SYSCALL2(rt_sigpending, uaddr_t, at, uint64_t, size)
{
	uint64_t set = signal_pending_set();
	return size > SET_BYTES ? -EINVAL : mm_copy_out(at, &set, size);
}

SYSCALL0(rt_sigreturn)
{
	signal_return(abi_frame());
	return SYSCALL_FRAME_WRITTEN;
}

SYSCALL2(rt_sigsuspend, uaddr_t, at, uint64_t, size)
{
	uint64_t mask;
	if (size != SET_BYTES)
		return -EINVAL;
	if (mm_copy_in(&mask, at, sizeof(mask)))
		return -EFAULT;
	signal_set_temporary_mask(mask);
	(void)sched_sleep_until(NSEC_NEVER, true);
	return -ERESTARTNOHAND;
}

SYSCALL0(pause)
{
	(void)sched_sleep_until(NSEC_NEVER, true);
	return -ERESTARTNOHAND;
}

SYSCALL4(rt_sigtimedwait, uaddr_t, set_at, uaddr_t, info_at, uaddr_t, timeout_at, uint64_t, size)
{
	uint64_t set;
	nsec_t deadline;
	struct siginfo info;
	char out[128];
	if (size != SET_BYTES)
		return -EINVAL;
	if (mm_copy_in(&set, set_at, sizeof(set)))
		return -EFAULT;
	err_t err = abi_get_timeout(timeout_at, &deadline);
	if (err)
		return err;
	int64_t signo = signal_wait(set, deadline, &info);
	if (signo > 0 && info_at) {
		signal_encode_info(out, &info);
		if (mm_copy_out(info_at, out, sizeof(out)))
			return -EFAULT;
	}
	return signo;
}

struct siginfo abi_sender_info(int signo, int code)
{
	return (struct siginfo){.signo = signo, .code = code, .pid = current_process()->pid,
				.uid = cred_current()->uid};
}

SYSCALL2(kill, int32_t, pid, int, signo)
{
	struct siginfo info = abi_sender_info(signo, SI_USER);
	return signal_kill(pid, &info);
}

SYSCALL3(tgkill, int32_t, tgid, int32_t, tid, int, signo)
{
	struct siginfo info = abi_sender_info(signo, SI_TKILL);
	return tgid <= 0 ? -EINVAL : signal_tgkill(tgid, tid, &info);
}

SYSCALL2(tkill, int32_t, tid, int, signo)
{
	struct siginfo info = abi_sender_info(signo, SI_TKILL);
	return signal_tgkill(-1, tid, &info);
}

err_t abi_get_siginfo(uaddr_t at, int signo, struct siginfo *info)
{
	int32_t head[3];
	uint64_t value;
	if (mm_copy_in(head, at, sizeof(head)) || mm_copy_in(&value, at + 24, sizeof(value)))
		return -EFAULT;
	if (head[2] >= 0 || head[2] == SI_TKILL)
		return -EPERM; // only the kernel says so
	*info = abi_sender_info(signo, head[2]);
	info->value = value;
	return 0;
}

SYSCALL3(rt_sigqueueinfo, int32_t, pid, int, signo, uaddr_t, info_at)
{
	struct siginfo info;
	err_t err = abi_get_siginfo(info_at, signo, &info);
	return err ? err : pid <= 0 ? -EINVAL : signal_kill(pid, &info);
}

SYSCALL4(rt_tgsigqueueinfo, int32_t, tgid, int32_t, tid, int, signo, uaddr_t, info_at)
{
	struct siginfo info;
	err_t err = abi_get_siginfo(info_at, signo, &info);
	return err ? err : signal_tgkill(tgid, tid, &info);
}

struct linux_stack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

static bool is_on_altstack(const struct proc_part *part)
{
	uint64_t sp = hal_tf_sp(abi_frame());
	return part->altstack_size && sp > part->altstack_base &&
	       sp - part->altstack_base <= part->altstack_size;
}

SYSCALL2(sigaltstack, uaddr_t, new_at, uaddr_t, old_at)
{
	struct proc_part *part = &current_thread()->proc;
	bool is_on = is_on_altstack(part);
	struct linux_stack new_stack, old = {
		.sp = part->altstack_base, .size = part->altstack_size,
		.flags = is_on ? SS_ONSTACK : part->altstack_size ? 0 : SS_DISABLE};
	if (new_at && mm_copy_in(&new_stack, new_at, sizeof(new_stack)))
		return -EFAULT;
	if (new_at && is_on)
		return -EPERM;
	if (new_at && !(new_stack.flags & SS_DISABLE) && new_stack.size < MINSIGSTKSZ)
		return -ENOMEM;
	if (new_at && (new_stack.flags & ~(SS_DISABLE | SS_ONSTACK)))
		return -EINVAL;
	if (new_at) {
		bool off = new_stack.flags & SS_DISABLE;
		part->altstack_base = off ? 0 : new_stack.sp;
		part->altstack_size = off ? 0 : new_stack.size;
	}
	return old_at ? mm_copy_out(old_at, &old, sizeof(old)) : 0;
}
