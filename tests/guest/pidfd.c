// SPDX-License-Identifier: MIT
// pidfds: opened, got from clone, polled, waited for; signals through them; descriptors fetched; and that
// a number used again does not mean the old process.
// guest: CPUS 4
#include <linux/sched.h>
#include <poll.h>
#include <sys/epoll.h>

#include "check.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static int pidfd_open_(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static long pidfd_kill(int fd, int sig)
{
	return syscall(SYS_pidfd_send_signal, fd, sig, NULL, 0);
}

static void *idle(void *arg)
{
	*(volatile int *)arg = (int)syscall(SYS_gettid);
	pause();
	return NULL;
}

static void check_errors(void)
{
	int own = pidfd_open_(getpid(), 0), file = scratch_file();
	char c;
	siginfo_t info;
	CHECK(own >= 0 && fcntl(own, F_GETFD) == FD_CLOEXEC);
	CHECK_ERRNO(pidfd_open_(-1, 0), EINVAL);
	CHECK_ERRNO(pidfd_open_(0, 0), EINVAL);
	CHECK_ERRNO(pidfd_open_(getpid(), 1), EINVAL);
	CHECK_ERRNO(pidfd_open_(1 << 22, 0), ESRCH);
	CHECK_ERRNO(read(own, &c, 1), EINVAL);
	CHECK_ERRNO(pidfd_kill(file, 0), EBADF);
	CHECK_ERRNO(pidfd_kill(own, 99), EINVAL);
	CHECK_IS(pidfd_kill(own, 0), 0);
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)file, &info, WEXITED), EBADF);
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)own, &info, WEXITED), ECHILD);
	close(own);
	close(file);
}

/** Signals also go by the folder of a process, to that process only. */
static void check_folder(void)
{
	char name[32];
	pid_t pid = check_fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	snprintf(name, sizeof(name), "/proc/%d", pid);
	int fd = open(name, O_DIRECTORY), proc = open("/proc", O_DIRECTORY), status;
	CHECK(fd >= 0 && proc >= 0);
	CHECK_ERRNO(pidfd_kill(proc, 0), EBADF);
	CHECK_IS(pidfd_kill(fd, SIGTERM), 0);
	CHECK_IS(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_ERRNO(pidfd_kill(fd, 0), ESRCH);
	close(fd);
	close(proc);
}

static void check_life(void)
{
	pid_t pid = check_fork();
	if (pid == 0) {
		pause();
		_exit(0);
	}
	int fd = pidfd_open_(pid, O_NONBLOCK), epfd = epoll_create1(0);
	struct pollfd p = { fd, POLLIN, 0 };
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_IS(poll(&p, 1, 0), 0);
	siginfo_t info;
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), EAGAIN);
	CHECK_IS(pidfd_kill(fd, SIGTERM), 0);
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	CHECK_IS(epoll_wait(epfd, &event, 1, -1), 1);
	CHECK_IS(pidfd_kill(fd, 0), 0); // a zombie is there
	CHECK_IS(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOWAIT), 0);
	CHECK_IS(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0);
	CHECK(info.si_pid == pid && info.si_code == CLD_KILLED && info.si_status == SIGTERM);
	CHECK_ERRNO(pidfd_kill(fd, 0), ESRCH);
	CHECK_ERRNO(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), ECHILD);
	CHECK(poll(&p, 1, 0) == 1 && (p.revents & POLLIN));
	close(fd);
	close(epfd);
}

static void check_clone(void)
{
	int fd = -1;
	struct clone_args args = { .flags = CLONE_PIDFD, .pidfd = (uintptr_t)&fd, .exit_signal = SIGCHLD };
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(7);
	CHECK(pid > 0 && fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	siginfo_t info;
	CHECK_IS(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), 0); // sleeps
	CHECK(info.si_pid == pid && info.si_code == CLD_EXITED && info.si_status == 7);
	close(fd);
	args.flags = CLONE_PIDFD | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	args.exit_signal = 0;
	if (is_guest())
		CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
}

static void check_getfd(void)
{
	int ends[2], control[2];
	char c;
	CHECK(pipe(ends) == 0 && pipe(control) == 0);
	pid_t pid = check_fork();
	if (pid == 0) {
		int own = dup2(ends[1], 77);
		close(ends[1]);
		close(ends[0]);
		CHECK_IS(write(control[1], "r", 1), 1);
		pause();
		close(own);
	}
	close(ends[1]);
	CHECK_IS(read(control[0], &c, 1), 1);
	int fd = pidfd_open_(pid, 0);
	int got = (int)syscall(SYS_pidfd_getfd, fd, 77, 0);
	CHECK(got >= 0 && fcntl(got, F_GETFD) == FD_CLOEXEC);
	CHECK_IS(write(got, "hello", 5), 5);
	CHECK_IS(read(ends[0], &c, 1), 1);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 78, 0), EBADF);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 77, 1), EINVAL);
	if (getuid() == 0) {
		pid_t other = check_fork();
		if (other == 0) {
			CHECK_IS(setuid(1234), 0);
			CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 77, 0), EPERM);
			CHECK_ERRNO(pidfd_kill(fd, SIGKILL), EPERM);
			_exit(0);
		}
		CHECK_CHILD(other);
	}
	CHECK_IS(pidfd_kill(fd, SIGKILL), 0);
	CHECK_IS(wait_status(pid), SIGKILL);
	CHECK_ERRNO(syscall(SYS_pidfd_getfd, fd, 77, 0), ESRCH);
	close(fd);
	close(got);
}

int main(void)
{
	volatile int tid = 0;
	check_errors();
	check_folder();
	check_life();
	check_clone();
	check_getfd();
	start_thread(idle, (void *)&tid);
	while (!tid)
		sched_yield();
	CHECK(pidfd_open_(tid, 0) == -1 && (errno == EINVAL || errno == ENOENT)); // no leader
	return 0;
}
