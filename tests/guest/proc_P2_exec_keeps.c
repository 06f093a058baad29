// SPDX-License-Identifier: MIT
// execve: what the new program keeps (mask, ignored and pending signals, folder, pid, descriptors, record locks)
// and what it loses (handlers, close-on-exec descriptors, alternate stack, other threads, memory).
// guest: CPUS 4
#include <dirent.h>
#include <sys/auxv.h>

#include "check.h"

static void handler(int sig)
{
	(void)sig;
}

static int count_threads(void)
{
	DIR *folder = opendir("/proc/self/task");
	CHECK(folder);
	int count = 0;
	for (struct dirent *entry; (entry = readdir(folder));)
		count += entry->d_name[0] != '.';
	closedir(folder);
	return count;
}

static void check_auxiliary(void)
{
	CHECK_IS(getauxval(AT_PAGESZ), 4096);
	CHECK_IS(getauxval(AT_UID), getuid());
	CHECK(getauxval(AT_PHDR) && getauxval(AT_ENTRY) && getauxval(AT_PHNUM));
	CHECK(getauxval(AT_CLKTCK) == 100);
	const unsigned char *random = (const unsigned char *)getauxval(AT_RANDOM);
	CHECK(random);
	unsigned any = 0;
	for (int i = 0; i < 16; i++)
		any |= random[i];
	CHECK(any);
	CHECK(getauxval(AT_EXECFN) && strchr((const char *)getauxval(AT_EXECFN), '/'));
}

/** The lock that this process took before is still its own. */
static void check_lock(int fd)
{
	pid_t child = check_fork();
	if (child == 0) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		CHECK_IS(fcntl(fd, F_GETLK, &lock), 0);
		CHECK(lock.l_type == F_WRLCK && lock.l_pid == getppid());
		_exit(0);
	}
	CHECK_CHILD(child);
}

/** The new program: args: pid, kept descriptor, lost descriptor. */
static int after(char **argv)
{
	CHECK_IS(getpid(), atoi(argv[2]));
	CHECK_IS(syscall(SYS_gettid), getpid());
	CHECK_IS(count_threads(), 1);
	CHECK(fcntl(atoi(argv[3]), F_GETFD) == 0);
	CHECK_ERRNO(fcntl(atoi(argv[4]), F_GETFD), EBADF);
	check_lock(atoi(argv[3]));
	struct sigaction action;
	CHECK_IS(sigaction(SIGUSR1, NULL, &action), 0);
	CHECK(action.sa_handler == SIG_DFL);
	CHECK_IS(sigaction(SIGUSR2, NULL, &action), 0);
	CHECK(action.sa_handler == SIG_IGN);
	sigset_t set;
	CHECK_IS(sigprocmask(SIG_BLOCK, NULL, &set), 0);
	CHECK(sigismember(&set, SIGHUP) && !sigismember(&set, SIGUSR1));
	CHECK_IS(sigpending(&set), 0);
	CHECK(sigismember(&set, SIGHUP));
	stack_t stack;
	CHECK_IS(sigaltstack(NULL, &stack), 0);
	CHECK(stack.ss_flags & SS_DISABLE);
	char folder[64];
	CHECK(getcwd(folder, sizeof(folder)) && strcmp(folder, "/tmp") == 0);
	CHECK(getenv("KEPT") && strcmp(getenv("KEPT"), "value with = and space") == 0);
	CHECK_IS(strlen(argv[5]), 0);
	CHECK(argv[6] == NULL);
	check_auxiliary();
	return 0;
}

static void become(void)
{
	char pid[16], kept[16], lost[16];
	int keep = scratch_file(), lose = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	CHECK_IS(fcntl(keep, F_SETLK, &lock), 0);
	snprintf(pid, sizeof(pid), "%d", getpid());
	snprintf(kept, sizeof(kept), "%d", keep);
	snprintf(lost, sizeof(lost), "%d", lose);
	exec_test("proc_P2_exec_keeps", "after", pid, kept, lost, "", NULL);
	CHECK(!"exec returned");
}

static void *spin(void *arg)
{
	for (;;)
		(*(volatile int *)arg)++;
	return NULL;
}

static void *sleep_long(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *become_in_thread(void *arg)
{
	become();
	return arg;
}

static void prepare(void)
{
	struct sigaction action = { .sa_handler = handler };
	sigaction(SIGUSR1, &action, NULL);
	signal(SIGUSR2, SIG_IGN);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_SETMASK, &set, NULL);
	kill(getpid(), SIGHUP);
	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	CHECK_IS(sigaltstack(&stack, NULL), 0);
	CHECK_IS(chdir("/tmp"), 0);
	CHECK_IS(setenv("KEPT", "value with = and space", 1), 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return after(argv);
	pid_t child = check_fork();
	if (child == 0) {
		prepare();
		become();
	}
	CHECK_CHILD(child);
	for (int round = 0; round < 20; round++) { // from a side thread, while others run and sleep
		child = check_fork();
		if (child == 0) {
			static int counter;
			prepare();
			start_thread(spin, &counter);
			start_thread(sleep_long, NULL);
			start_thread(become_in_thread, NULL);
			sleep_long(NULL);
		}
		CHECK_CHILD(child);
	}
	child = vfork();
	if (child == 0) {
		exec_test("no-such-test", NULL);
		_exit(9);
	}
	CHECK_IS(wait_status(child), 2 << 8);
	return 0;
}
