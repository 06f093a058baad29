// SPDX-License-Identifier: MIT
// clone: what CLONE_FS, FILES, VM, SIGHAND, THREAD and the tid flags share or copy; refused
// combinations; resource limits; unshared folders and descriptors after fork.
// guest: CPUS 4
#include <linux/sched.h>
#include <sys/resource.h>

#include "check.h"

static char stack[65536] __attribute__((aligned(16)));
static volatile int seen;

static int change(void *arg)
{
	long flags = (long)arg;
	CHECK_IS(chdir("/tmp"), 0);
	umask(070);
	CHECK_IS(close(50), 0);
	if (flags & CLONE_SIGHAND)
		signal(SIGUSR2, SIG_IGN);
	seen = 1;
	_exit(0);
}

static bool is_ignored(int sig)
{
	struct sigaction now;
	CHECK_IS(sigaction(sig, NULL, &now), 0);
	return now.sa_handler == SIG_IGN;
}

static void check_shared(long flags)
{
	char folder[64];
	seen = 0;
	CHECK_IS(chdir("/"), 0);
	umask(022);
	CHECK_IS(dup2(0, 50), 50);
	signal(SIGUSR2, SIG_DFL);
	pid_t child = clone(change, stack + sizeof(stack), (int)flags | SIGCHLD, (void *)flags);
	CHECK(child > 0);
	CHECK_CHILD(child);
	CHECK(getcwd(folder, sizeof(folder)));
	CHECK_IS(strcmp(folder, flags & CLONE_FS ? "/tmp" : "/"), 0);
	CHECK_IS(umask(022), flags & CLONE_FS ? 070 : 022);
	CHECK_IS(fcntl(50, F_GETFD), flags & CLONE_FILES ? -1 : 0);
	CHECK_IS(seen, flags & CLONE_VM ? 1 : 0);
	CHECK_IS(is_ignored(SIGUSR2), flags & CLONE_SIGHAND ? 1 : 0);
	close(50);
}

static int write_tid(void *arg)
{
	CHECK_IS(*(volatile pid_t *)arg, syscall(SYS_gettid)); // CHILD_SETTID came first
	_exit(0);
}

static void check_tids(void)
{
	pid_t parent_tid = 0, child_tid = 0;
	pid_t child = clone(write_tid, stack + sizeof(stack), CLONE_PARENT_SETTID | CLONE_CHILD_SETTID |
		SIGCHLD, &child_tid, &parent_tid, NULL, &child_tid);
	CHECK(child > 0 && parent_tid == child && child_tid == 0);
	CHECK_CHILD(child);
	child = clone(write_tid, stack + sizeof(stack), CLONE_VM | CLONE_CHILD_SETTID |
		CLONE_CHILD_CLEARTID | SIGCHLD, &child_tid, NULL, NULL, &child_tid);
	CHECK(child > 0);
	CHECK_CHILD(child);
	CHECK_IS(__atomic_load_n(&child_tid, __ATOMIC_ACQUIRE), 0);
}

static void check_refused(void)
{
	static const long BAD[] = { CLONE_SIGHAND, CLONE_THREAD, CLONE_THREAD | CLONE_SIGHAND,
		CLONE_FS | CLONE_NEWNS };
	for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++)
		CHECK_ERRNO(clone(change, stack + sizeof(stack), (int)BAD[i], NULL), EINVAL);
	struct clone_args args = { .flags = 0, .exit_signal = SIGCHLD };
	long child = syscall(SYS_clone3, &args, sizeof(args));
	if (child == 0)
		_exit(6);
	if (child > 0)
		CHECK_IS(wait_status((pid_t)child), 6 << 8);
	else
		CHECK_IS(errno, ENOSYS);
}

static void check_limits(void)
{
	struct rlimit limit, old;
	CHECK_IS(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = 40;
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int fd, highest = -1;
	while ((fd = dup(0)) >= 0)
		highest = fd;
	CHECK(errno == EMFILE && highest == 39);
	CHECK_ERRNO(open("/dev/null", O_RDONLY), EMFILE);
	int ends[2];
	CHECK_ERRNO(pipe(ends), EMFILE);
	CHECK_IS(close(highest), 0);
	CHECK_ERRNO(pipe(ends), EMFILE); // two or none
	CHECK_IS(dup(0), highest);
	for (fd = 3; fd < 40; fd++)
		close(fd);
	limit.rlim_cur = limit.rlim_max;
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = 50;
	limit.rlim_max = 40;
	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &limit), EINVAL);
	CHECK_ERRNO(getrlimit(999, &limit), EINVAL);
}

int main(void)
{
	check_shared(0);
	check_shared(CLONE_FS);
	check_shared(CLONE_FILES);
	check_shared(CLONE_VM);
	check_shared(CLONE_VM | CLONE_SIGHAND);
	check_shared(CLONE_VM | CLONE_VFORK);
	check_shared(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND);
	check_tids();
	check_refused();
	check_limits();
	return 0;
}
