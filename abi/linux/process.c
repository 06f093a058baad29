// SPDX-License-Identifier: MIT
// System calls of processes and threads.
#include "syscall.h"

#include <fs/fs.h>
#include <hal/context.h>
#include <mm/space.h>
#include <kernel/upcall.h>
#include <lib/string.h>
#include <object/fdtable.h>
#include <proc/inspect.h>
#include <proc/pidfd.h>
#include <proc/posix_timer.h>
#include <proc/signal.h>
#include <sched/sched.h>

#define CLONE_VM 0x100
#define CLONE_VFORK 0x4000
#define WALL 0x40000000u
#define WCLONE 0x80000000u
#define WNOTHREAD 0x20000000u

SYSCALL0(getpid)
{
	return current_thread()->proc.pid;
}

SYSCALL0(gettid)
{
	return current_thread()->proc.tid;
}

SYSCALL0(getppid)
{
	return load_relaxed(&current_process()->ppid);
}

SYSCALL1(set_tid_address, uint64_t, at)
{
	current_thread()->proc.clear_child_tid = at;
	return current_thread()->proc.tid;
}

SYSCALL0(fork)
{
	struct clone_args args = {.exit_signal = SIGCHLD};
	return proc_clone(abi_frame(), &args);
}

SYSCALL0(vfork)
{
	struct clone_args args = {.flags = CLONE_VM | CLONE_VFORK, .exit_signal = SIGCHLD};
	return proc_clone(abi_frame(), &args);
}

// Partly: no namespaces (CLONE_NEW*), CLONE_PTRACE, CLONE_UNTRACED or CLONE_IO: EINVAL.
SYSCALL5(clone, uint64_t, flags, uint64_t, stack, uint64_t, parent_tid, uint64_t, arg3, uint64_t, arg4)
{
	struct clone_args args = {
		.flags = (uint32_t)flags & ~0xffu,
		.exit_signal = flags & 0xff,
		.stack = stack,
		.parent_tid = parent_tid,
		.pidfd = parent_tid,
		.child_tid = ABI_CLONE_CHILD_TID_ARG == 3 ? arg3 : arg4,
		.tls = ABI_CLONE_TLS_ARG == 3 ? arg3 : arg4,
	};
	return proc_clone(abi_frame(), &args);
}

// Partly: as clone; set_tid and cgroup: EINVAL.
SYSCALL2(clone3, uaddr_t, at, uint64_t, size)
{
	// flags pidfd child_tid parent_tid exit_signal stack stack_size tls set_tid ...
	uint64_t in[11] = {0};
	if (size < 64)
		return -EINVAL;
	err_t err = mm_copy_in(in, at, min(size, sizeof(in)));
	if (err)
		return err;
	if (in[8] || in[9] || in[10] || in[4] > NSIG || (!in[5] != !in[6]))
		return -EINVAL;
	struct clone_args args = {
		.flags = in[0], .pidfd = in[1], .child_tid = in[2], .parent_tid = in[3], .tls = in[7],
		.exit_signal = (uint32_t)in[4], .stack = in[5] ? in[5] + in[6] : 0,
	};
	return proc_clone(abi_frame(), &args);
}

static int64_t exec(int dirfd, uaddr_t path_at, uint64_t argv, uint64_t envp, unsigned flags)
{
	struct abi_path path;
	err_t err = abi_get_path(path_at, &path);
	if (err)
		return err;
	int64_t result = proc_exec(abi_frame(), dirfd, path.text, argv, envp, flags);
	abi_put_path(&path);
	return result ? result : SYSCALL_FRAME_WRITTEN;
}

SYSCALL3(execve, uaddr_t, path, uint64_t, argv, uint64_t, envp)
{
	return exec(FS_AT_CWD, path, argv, envp, 0);
}

SYSCALL5(execveat, int, dirfd, uaddr_t, path, uint64_t, argv, uint64_t, envp, uint32_t, flags)
{
	return exec(dirfd, path, argv, envp, flags);
}

SYSCALL1(exit, int, code)
{
	proc_exit_thread((code & 0xff) << 8);
}

SYSCALL1(exit_group, int, code)
{
	proc_exit_group((code & 0xff) << 8);
}

/** Linux's struct rusage: two times and 14 numbers. */
static err_t put_rusage(uaddr_t at, const struct proc_usage *usage)
{
	nsec_t user = usage->times.user, system = usage->times.system;
	uint64_t out[18] = {user / NSEC_PER_SEC, user % NSEC_PER_SEC / 1000, system / NSEC_PER_SEC,
			    system % NSEC_PER_SEC / 1000};
	out[4] = usage->peak_pages << (HAL_PAGE_SHIFT - 10);
	out[8] = usage->faults - usage->major_faults;
	out[9] = usage->major_faults;
	out[16] = usage->voluntary;
	out[17] = usage->involuntary;
	return mm_copy_out(at, out, sizeof(out));
}

// Partly: __WALL, __WCLONE and __WNOTHREAD change nothing.
SYSCALL4(wait4, int32_t, pid, uaddr_t, status_at, uint32_t, options, uaddr_t, rusage_at)
{
	struct wait_result result;
	enum wait_who who = pid == -1 ? WAIT_ANY : pid > 0 ? WAIT_PID : WAIT_PGID;
	uint32_t id = pid > 0 ? (uint32_t)pid : pid == 0 ? current_process()->pgid : 0u - (uint32_t)pid;
	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | WALL | WCLONE | WNOTHREAD))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH; // there is no such group
	options &= WNOHANG | WUNTRACED | WCONTINUED;
	err_t err = proc_wait(who, id, options | WEXITED, &result);
	if (err || !result.pid)
		return err;
	if (status_at && abi_put32(status_at, (uint32_t)result.status))
		return -EFAULT;
	if (rusage_at && put_rusage(rusage_at, &result.usage))
		return -EFAULT;
	return result.pid;
}

enum { P_ALL, P_PID, P_PGID, P_PIDFD };

/** *@id, a pidfd, becomes the number of its process. */
static err_t get_pidfd(uint32_t *id, bool *is_nonblock)
{
	struct file_ref ref;
	err_t err = file_ref_take(*id, 0, &ref);
	if (err)
		return err;
	struct process *process = pidfd_process(ref.file);
	if (process)
		*id = process->pid;
	*is_nonblock = load_relaxed(&ref.file->flags) & O_NONBLOCK;
	file_ref_drop(&ref);
	return process ? 0 : -EBADF;
}

SYSCALL5(waitid, uint32_t, idtype, uint32_t, id, uaddr_t, info_at, uint32_t, options, uaddr_t, rusage_at)
{
	struct wait_result result;
	bool is_nonblock = false;
	if (idtype > P_PIDFD || !(options & (WEXITED | WSTOPPED | WCONTINUED)) ||
	    (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | WALL | WCLONE | WNOTHREAD)))
		return -EINVAL;
	if (idtype == P_PIDFD) {
		err_t err = get_pidfd(&id, &is_nonblock);
		if (err)
			return err;
		idtype = P_PID;
	}
	if (is_nonblock)
		options |= WNOHANG;
	enum wait_who who = idtype == 0 ? WAIT_ANY : idtype == 1 ? WAIT_PID : WAIT_PGID;
	if (who == WAIT_PGID && id == 0)
		id = current_process()->pgid;
	err_t err = proc_wait(who, id, options, &result);
	if (!err && !result.pid && is_nonblock)
		err = -EAGAIN;
	if (err)
		return err;
	if (info_at) {
		char siginfo[128] = {0};
		int status = result.code == CLD_EXITED ? result.status >> 8 & 0xff
			     : result.code == CLD_STOPPED ? result.status >> 8
			     : result.code == CLD_CONTINUED ? SIGCONT
							    : result.status & 0x7f;
		struct siginfo info = {.signo = result.pid ? SIGCHLD : 0, .code = result.code,
				       .pid = result.pid, .uid = result.uid,
				       .value = (uint64_t)status};
		if (result.pid)
			signal_encode_info(siginfo, &info);
		err = mm_copy_out(info_at, siginfo, sizeof(siginfo));
	}
	if (!err && rusage_at)
		err = put_rusage(rusage_at, &result.usage);
	return err;
}

SYSCALL2(setpgid, uint32_t, pid, uint32_t, pgid)
{
	if ((int32_t)pid < 0 || (int32_t)pgid < 0)
		return -EINVAL;
	return proc_setpgid(pid, pgid);
}

SYSCALL1(getpgid, uint32_t, pid)
{
	return proc_getpgid(pid);
}

SYSCALL0(getpgrp)
{
	return proc_getpgid(0);
}

SYSCALL1(getsid, uint32_t, pid)
{
	return proc_getsid(pid);
}

SYSCALL0(setsid)
{
	return proc_setsid();
}

SYSCALL2(set_robust_list, uint64_t, head, uint64_t, len)
{
	if (len != 24)
		return -EINVAL;
	current_thread()->proc.robust_list = head;
	current_thread()->proc.robust_list_len = len;
	return 0;
}

// Partly: another thread's: EPERM.
SYSCALL3(get_robust_list, uint32_t, pid, uaddr_t, head_at, uaddr_t, len_at)
{
	struct proc_part *part = &current_thread()->proc;
	if (pid && pid != part->tid)
		return -EPERM;
	if (mm_copy_out(head_at, &part->robust_list, 8) || mm_copy_out(len_at, &part->robust_list_len, 8))
		return -EFAULT;
	return 0;
}

// Partly: the faults of RUSAGE_THREAD are the process's; no block I/O is counted.
SYSCALL2(getrusage, int, who, uaddr_t, at)
{
	enum { RUSAGE_CHILDREN = -1, RUSAGE_SELF = 0, RUSAGE_THREAD = 1 };
	struct thread *self = current_thread();
	struct proc_usage usage, children;
	if (who < RUSAGE_CHILDREN || who > RUSAGE_THREAD)
		return -EINVAL;
	proc_get_usage(self->proc.process, &usage, &children);
	if (who == RUSAGE_THREAD) {
		usage.times = sched_cpu_times(self);
		usage.voluntary = self->sched.switches_voluntary;
		usage.involuntary = self->sched.switches_involuntary;
	}
	return put_rusage(at, who == RUSAGE_CHILDREN ? &children : &usage);
}

SYSCALL1(times, uaddr_t, at)
{
	enum { TICK = NSEC_PER_SEC / 100 };
	struct proc_usage usage, children;
	proc_get_usage(current_process(), &usage, &children);
	int64_t ticks[4] = {(int64_t)(usage.times.user / TICK), (int64_t)(usage.times.system / TICK),
			    (int64_t)(children.times.user / TICK), (int64_t)(children.times.system / TICK)};
	if (at && mm_copy_out(at, ticks, sizeof(ticks)))
		return -EFAULT;
	return (int64_t)(time_now() / (NSEC_PER_SEC / 100));
}

#define ARCH_SET_FS 0x1002
#define ARCH_GET_FS 0x1003

SYSCALL2(arch_prctl, int, code, uint64_t, addr)
{
	struct thread *self = current_thread();
	if (code == ARCH_SET_FS) {
		if (addr >= HAL_USER_TOP)
			return -EPERM;
		hal_tf_set_tls(self->tf, &self->context, addr);
		return 0;
	}
	if (code == ARCH_GET_FS) {
		uint64_t tls = hal_tf_tls(self->tf, &self->context);
		return mm_copy_out(addr, &tls, sizeof(tls));
	}
	return -EINVAL;
}
