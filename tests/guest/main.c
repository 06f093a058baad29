// SPDX-License-Identifier: MIT
// All guest programs are one executable, so that a boot carries the C library once: /test NAME runs
// one of them, /test --all NAME … runs each in a process of its own and says `@begin NAME` and
// `@end NAME STATUS` (128 + signal for a killed one, 124 after twenty minutes: the harness is less patient, but knows when
// the host is busy).
#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdarg.h>

#include <uapi/ipc.h>

#include "check.h"

#define TEST(name, function) int function();
#include "list.h"
#undef TEST

static const struct {
	const char *name;
	int (*run)();
} TESTS[] = {
#define TEST(name, function) { name, function },
#include "list.h"
#undef TEST
};

#define LIMIT_S 1200

static char self_path[PATH_MAX];
static char scratch_path[64];
static pid_t scratch_owner;

_Noreturn void check_failed(const char *file, int line, const char *what, long result)
{
	int error = errno;
	const char *slash = strrchr(file, '/');
	char text[512];
	int size = snprintf(text, sizeof(text), "%s:%d: not so: %s (%ld; errno %d, %s)\n",
		slash ? slash + 1 : file, line, what, result, error, strerror(error));
	if (write(1, text, (size_t)size) < 0)
		_exit(2);
	_exit(1);
}

int wait_status(pid_t pid)
{
	int status;
	pid_t got;
	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	CHECK(got == pid);
	return status;
}

void check_child(pid_t pid, const char *file, int line)
{
	int status = wait_status(pid);
	if (status != 0)
		check_failed(file, line, "the child's status is 0", status);
}

pid_t check_fork(void)
{
	fflush(stdout);
	pid_t pid = fork();
	CHECK(pid >= 0);
	return pid;
}

pthread_t start_thread(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	CHECK_IS(pthread_create(&thread, NULL, run, arg), 0);
	return thread;
}

int exec_test(const char *name, ...)
{
	char *argv[16] = { self_path, (char *)name };
	va_list args;
	va_start(args, name);
	for (int i = 2; i < 15; i++) {
		argv[i] = va_arg(args, char *);
		if (!argv[i])
			break;
	}
	va_end(args);
	return execv(self_path, argv);
}

void *shared_memory(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	return memory;
}

int scratch_file(void)
{
	char path[] = "/tmp/guest-XXXXXX";
	int fd = mkstemp(path);
	CHECK(fd >= 0);
	CHECK_IS(unlink(path), 0);
	return fd;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind, (void)where;
	return remove(path);
}

static void remove_scratch(void)
{
	if (getpid() == scratch_owner && chdir("/") == 0)
		nftw(scratch_path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void enter_scratch_folder(void)
{
	strcpy(scratch_path, "/tmp/guest-XXXXXX");
	CHECK(mkdtemp(scratch_path) == scratch_path);
	CHECK_IS(chmod(scratch_path, 0777), 0);
	CHECK_IS(chdir(scratch_path), 0);
	scratch_owner = getpid();
	atexit(remove_scratch);
}

long rounds(long ci, long long_size)
{
	return getenv("HALCYON_LONG") ? long_size : ci;
}

bool is_guest(void)
{
	return access("/.halcyon-exec", F_OK) == 0;
}

void *address(uintptr_t value)
{
	return (void *)value;
}

bool is_halcyon(void)
{
	return syscall(IPC_NULL, 0, 0, 0, 0, 0, 0) == 0;
}

char process_state(pid_t pid)
{
	char path[64], text[256] = "";
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	char *end = strrchr(text, ')');
	CHECK(end);
	return end[2];
}

int64_t now_ns(clockid_t clock)
{
	struct timespec now;
	CHECK_IS(clock_gettime(clock, &now), 0);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

void sleep_ms(int ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000l };
	while (nanosleep(&left, &left) < 0)
		CHECK(errno == EINTR);
}

// SIGCHLD is blocked by the caller.
static int run_limited(const char *name)
{
	pid_t pid = check_fork();
	if (pid == 0) {
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setpgid(0, 0);
		exec_test(name, NULL);
		_exit(126);
	}
	setpgid(pid, pid);
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	int64_t end = now_ns(CLOCK_MONOTONIC) + rounds(LIMIT_S, 10 * LIMIT_S) * 1000000000ll;
	int status = -1;
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);
		if (got == pid)
			break;
		int64_t left = end - now_ns(CLOCK_MONOTONIC);
		if (left <= 0) {
			kill(-pid, SIGKILL);
			wait_status(pid);
			return 124;
		}
		struct timespec wait = { left / 1000000000, left % 1000000000 };
		sigtimedwait(&child, NULL, &wait);
	}
	kill(-pid, SIGKILL); // what it left behind
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_all(char **names)
{
	int failed = 0;
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);
	for (; *names; names++) {
		printf("@begin %s\n", *names);
		fflush(stdout);
		int status = run_limited(*names);
		printf("@end %s %d\n", *names, status);
		fflush(stdout);
		failed += status != 0 && status != SKIPPED;
	}
	return failed ? 1 : 0;
}

/** As init: end while every other CPU runs a program, which no kernel survives. */
static int end_while_busy(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	for (long i = 0; i < cpus; i++) {
		if (check_fork() == 0) {
			for (;;)
				;
		}
	}
	sleep_ms(100);
	return 3;
}

int main(int argc, char **argv)
{
	if (strchr(argv[0], '/') && argv[0][0] != '/') {
		CHECK(realpath(argv[0], self_path));
	} else {
		snprintf(self_path, sizeof(self_path), "%s", argv[0]);
	}
	if (argc >= 2 && strcmp(argv[1], "--busy-end") == 0)
		return end_while_busy();
	if (argc >= 2 && strcmp(argv[1], "--all") == 0)
		return run_all(argv + 2);
	for (size_t i = 0; argc >= 2 && i < sizeof(TESTS) / sizeof(TESTS[0]); i++) {
		if (strcmp(argv[1], TESTS[i].name) == 0)
			exit(TESTS[i].run(argc - 1, argv + 1));
	}
	for (size_t i = 0; argc < 2 && i < sizeof(TESTS) / sizeof(TESTS[0]); i++)
		puts(TESTS[i].name);
	return 2;
}
