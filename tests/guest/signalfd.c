// SPDX-License-Identifier: MIT
// signalfd: what was sent is read, in order and with its details; blocking and not; poll and epoll; the
// signals of the reader, not of the maker.
// guest: CPUS 4
#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "check.h"

static sigset_t set_of(int a, int b)
{
	sigset_t set;
	sigemptyset(&set);
	if (a)
		sigaddset(&set, a);
	if (b)
		sigaddset(&set, b);
	return set;
}

static struct signalfd_siginfo next(int fd)
{
	struct signalfd_siginfo info;
	CHECK_IS(read(fd, &info, sizeof(info)), sizeof(info));
	return info;
}

static void check_errors(void)
{
	sigset_t set = set_of(SIGUSR1, 0);
	char small[64];
	CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
	int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC), file = scratch_file();
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC && (fcntl(fd, F_GETFL) & O_NONBLOCK));
	CHECK_ERRNO(signalfd(file, &set, 0), EINVAL);
	CHECK_ERRNO(signalfd(999, &set, 0), EBADF);
	CHECK_ERRNO(read(fd, small, sizeof(small)), EINVAL);
	CHECK_ERRNO(write(fd, small, 1), EINVAL);
	close(fd);
	close(file);
}

static void check_reads(void)
{
	sigset_t set = set_of(SIGUSR1, SIGRTMIN);
	int fd = signalfd(-1, &set, SFD_NONBLOCK);
	struct signalfd_siginfo info[4];
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR2); // not of this file
	union sigval value = { .sival_int = 71 };
	sigqueue(getpid(), SIGRTMIN, value);
	value.sival_int = 72;
	sigqueue(getpid(), SIGRTMIN, value);
	CHECK_IS(read(fd, info, sizeof(info)), 3 * sizeof(info[0]));
	CHECK(info[0].ssi_signo == SIGUSR1 && info[0].ssi_code == SI_USER);
	CHECK(info[0].ssi_pid == (uint32_t)getpid() && info[0].ssi_uid == getuid());
	CHECK(info[1].ssi_signo == (uint32_t)SIGRTMIN && info[1].ssi_code == SI_QUEUE);
	CHECK(info[1].ssi_int == 71 && info[2].ssi_int == 72);
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	sigset_t other = set_of(SIGUSR2, 0);
	CHECK_IS(signalfd(fd, &other, 0), fd);
	CHECK_IS(read(fd, info, sizeof(info)), sizeof(info[0]));
	CHECK_IS(info[0].ssi_signo, SIGUSR2);
	close(fd);
}

static void check_sigchld(void)
{
	sigset_t set = set_of(SIGCHLD, 0);
	int fd = signalfd(-1, &set, 0);
	pid_t child = check_fork();
	if (child == 0)
		_exit(42);
	struct signalfd_siginfo info = next(fd); // sleeps until then
	CHECK(info.ssi_signo == SIGCHLD && info.ssi_code == CLD_EXITED);
	CHECK(info.ssi_pid == (uint32_t)child && info.ssi_status == 42);
	CHECK_IS(wait_status(child), 42 << 8);
	close(fd);
}

static void check_poll(void)
{
	sigset_t set = set_of(SIGUSR1, 0);
	int fd = signalfd(-1, &set, 0), epfd = epoll_create1(0);
	struct pollfd p = { fd, POLLIN, 0 };
	struct epoll_event event = { .events = EPOLLIN };
	CHECK_IS(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_IS(poll(&p, 1, 0), 0);
	CHECK_IS(epoll_wait(epfd, &event, 1, 0), 0);
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		sleep_ms(10);
		kill(parent, SIGUSR1);
		// Pending in the parent is nothing here.
		CHECK_IS(poll(&p, 1, 0), 0);
		kill(getpid(), SIGUSR1);
		CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
		CHECK_IS(next(fd).ssi_pid, getpid());
		_exit(0);
	}
	CHECK(poll(&p, 1, -1) == 1 && p.revents == POLLIN);
	CHECK_IS(epoll_wait(epfd, &event, 1, -1), 1);
	CHECK_IS(next(fd).ssi_pid, child);
	CHECK_IS(poll(&p, 1, 0), 0);
	CHECK_CHILD(child);
	close(fd);
	close(epfd);
}

static volatile int handled;
static void handler(int sig)
{
	(void)sig;
	handled++;
}

static void check_interrupted(void)
{
	sigset_t set = set_of(SIGUSR1, 0), unblock = set_of(SIGUSR2, 0);
	int fd = signalfd(-1, &set, 0);
	struct sigaction action = { .sa_handler = handler };
	sigaction(SIGUSR2, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &unblock, NULL);
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		// The first may come before the parent reads.
		for (; kill(parent, SIGUSR2) == 0; sleep_ms(20)) {
		}
		_exit(0);
	}
	struct signalfd_siginfo info;
	CHECK_ERRNO(read(fd, &info, sizeof(info)), EINTR);
	CHECK(handled > 0);
	kill(child, SIGKILL);
	CHECK_IS(wait_status(child), SIGKILL);
	close(fd);
}

int main(void)
{
	sigset_t set = set_of(SIGUSR1, SIGRTMIN);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	check_errors();
	check_reads();
	check_sigchld();
	check_poll();
	check_interrupted();
	return 0;
}
