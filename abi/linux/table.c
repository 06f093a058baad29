// SPDX-License-Identifier: MIT
// The table of Linux system calls of this architecture, and the dispatch.
#include "syscall.h"

#include <kernel/log.h>
#include <kernel/syscall.h>
#include <kernel/upcall.h>
#include <lib/bitmap.h>
#include <proc/signal.h>
#include <sched/sched.h>

#define SYSCALL(nr, name) int64_t sys_##name(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
#include <uapi/syscalls.def>
#undef SYSCALL

const linux_syscall_fn linux_syscalls[LINUX_SYSCALLS] = {
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
	static unsigned long noted[LINUX_SYSCALLS / BITS_PER_LONG];
	if (!CONFIG_DEBUG || nr >= LINUX_SYSCALLS || bitmap_test(noted, nr))
		return;
	bitmap_set(noted, nr);
	log_info("linux: system call %llu is not there (asked for by %s)", (unsigned long long)nr,
		 current_thread()->name);
}

const char *linux_syscall_name(uint64_t nr)
{
	return nr < array_len(names) && names[nr] ? names[nr] : "?";
}

void upcall_unknown_syscall(struct trapframe *tf, uint64_t nr)
{
	note_unknown(nr);
	hal_tf_set_result(tf, -ENOSYS);
}

void upcall_finish_syscall(struct trapframe *tf, int64_t result)
{
	if (result == SYSCALL_FRAME_WRITTEN)
		return;
	hal_tf_set_result(tf, result);
	// If the signal that disturbed the call was another thread's to take, it is made again all the
	// same: by the work before user mode.
	proc_restart_call();
}
