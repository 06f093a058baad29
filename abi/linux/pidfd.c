// SPDX-License-Identifier: MIT
// System calls of pidfds but waitid.
#include "syscall.h"
#include "with_file.h"

#include <abi/procfs.h>
#include <proc/pidfd.h>
#include <proc/signal.h>

SYSCALL2(pidfd_open, int32_t, pid, uint32_t, flags)
{
	struct file *file;
	if (pid <= 0 || (flags & ~(uint32_t)O_NONBLOCK))
		return -EINVAL;
	struct process *process = process_find((uint32_t)pid);
	if (!process) { // a thread that is no leader, or nothing
		struct thread *thread = thread_find((uint32_t)pid);
		if (thread)
			thread_put(thread);
		return thread ? -EINVAL : -ESRCH;
	}
	err_t err = pidfd_create(process, flags, &file);
	process_put(process);
	return err ? err : file_install(file, FD_CLOEXEC);
}

static int64_t send_signal(struct process *process, int signo, uaddr_t info_at)
{
	struct siginfo info = abi_sender_info(signo, SI_USER);
	err_t err = info_at ? abi_get_siginfo(info_at, signo, &info) : 0;
	return err ? err : signal_kill_process(process, &info);
}

/** @file is a pidfd, or the folder of a process in /proc, as Linux had it before there were pidfds. */
static int64_t send_signal_to(struct file *file, int signo, uaddr_t info_at)
{
	struct process *process = pidfd_process(file);
	if (process)
		return send_signal(process, signo, info_at);
	err_t err = procfs_process_of(file, &process);
	if (err)
		return err;
	int64_t result = send_signal(process, signo, info_at);
	process_put(process);
	return result;
}

SYSCALL4(pidfd_send_signal, uint32_t, fd, int, signo, uaddr_t, info_at, uint32_t, flags)
{
	return flags ? -EINVAL : WITH_FILE(fd, 0, send_signal_to(file, signo, info_at));
}

static int64_t get_fd(struct file *file, uint32_t target)
{
	struct process *process = pidfd_process(file);
	struct grant *grant;
	if (!process)
		return -EBADF;
	err_t err = pidfd_get_grant(process, target, &grant);
	if (err)
		return err;
	int fd = fd_install(current_thread()->object.fds, grant, 0, FD_CLOEXEC);
	if (fd < 0)
		grant_put(grant);
	return fd;
}

SYSCALL3(pidfd_getfd, uint32_t, fd, uint32_t, target, uint32_t, flags)
{
	return flags ? -EINVAL : WITH_FILE(fd, 0, get_fd(file, target));
}
