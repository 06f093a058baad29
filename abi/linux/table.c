// SPDX-License-Identifier: MIT
// The table of Linux system calls of this architecture, and the dispatch.
#include "syscall.h"

#include <kernel/log.h>
#include <kernel/upcall.h>
#include <sched/sched.h>

#define SYSCALL(nr, name) int64_t sys_##name(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
#include <uapi/syscalls.def>
#undef SYSCALL

static const syscall_fn table[] = {
#define SYSCALL(nr, name) [nr] = sys_##name,
#include <uapi/syscalls.def>
#undef SYSCALL
};

static const char *const names[] = {
#define SYSCALL(nr, name) [nr] = #name,
#include <uapi/syscalls.def>
#undef SYSCALL
};

/** Debug builds name each unknown call once. */
static void note_unknown(uint64_t nr)
{
	static unsigned long noted[512 / BITS_PER_LONG];
	if (!CONFIG_DEBUG || nr >= 512 || bitmap_test(noted, nr))
		return;
	bitmap_set(noted, nr);
	log_info("linux: system call %llu is not there (asked for by %s)", (unsigned long long)nr,
		 current_thread()->name);
}

const char *linux_syscall_name(uint64_t nr)
{
	return nr < array_len(names) && names[nr] ? names[nr] : "?";
}

/** A call that was disturbed by a signal which somebody else has taken is made again. */
static no_inline void finish_disturbed(struct thread *thread)
{
	fetch_or_acq_rel(&thread->pending, 16); // PEND_RESTART of proc
	sched_interrupt(thread);
}

void upcall_linux_syscall(struct trapframe *tf)
{
	uint64_t nr = hal_tf_syscall_nr(tf);
	syscall_fn fn = nr < array_len(table) ? table[nr] : NULL;
	if (unlikely(!fn)) {
		note_unknown(nr);
		hal_tf_set_result(tf, -ENOSYS);
		return;
	}
	int64_t result = fn(hal_tf_arg(tf, 0), hal_tf_arg(tf, 1), hal_tf_arg(tf, 2),
			    hal_tf_arg(tf, 3), hal_tf_arg(tf, 4), hal_tf_arg(tf, 5));
	// execve and rt_sigreturn have written the whole frame.
	if (unlikely(!hal_tf_is_syscall(tf)))
		return;
	hal_tf_set_result(tf, result);
	if (unlikely(result <= -ERESTARTSYS && result >= -ERESTART_RESTARTBLOCK))
		finish_disturbed(current_thread());
}
