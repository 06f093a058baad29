// SPDX-License-Identifier: MIT
// fork, clone and execve with a failure at each of their allocations: they say ENOMEM, the parent is what
// it was, and nothing is lost, to the page. An exec that fails behind the point of no return ends by
// SIGKILL.
// guest: CPUS 4
#include "inject.h"

static volatile int in_data = 1;
static char *pages;
static char stack[16384] __attribute__((aligned(16)));

static void check_parent(void)
{
	CHECK_IS(in_data, 1);
	for (int i = 0; i < 8; i++)
		CHECK_IS(pages[i * 4096], i);
}

static long run_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	int error = errno;
	if (pid == 0) {
		in_data = 2;
		pages[0] = 9;
		_exit(7);
	}
	check_parent();
	return pid < 0 ? -error : pid;
}

static void wait_7(long pid)
{
	CHECK_IS(wait_status((pid_t)pid), 7 << 8);
}

static int end_7(void *unused)
{
	(void)unused;
	return 7;
}

static long run_clone(int flags)
{
	pid_t pid = clone(end_7, stack + sizeof(stack), flags | SIGCHLD, NULL);
	int error = errno;
	check_parent();
	return pid < 0 ? -error : pid;
}

static long run_clone_shared(void)
{
	return run_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND);
}

static long run_clone_vfork(void)
{
	return run_clone(CLONE_VM | CLONE_VFORK);
}

/** The child execs with a failure at allocation @nth. True: the failure came. */
static bool exec_fails(int nth, int *failed)
{
	static char *const argv[] = {"test-pie", "x", NULL}, *const envp[] = {"A=b", NULL};
	pid_t child = check_fork();
	if (child == 0) {
		inject_arm("", nth);
		execve("/test-pie", argv, envp);
		_exit(errno == ENOMEM ? 9 : 10);
	}
	int status = wait_status(child);
	bool is_left = inject_disarm();
	if (is_left || status == 42 << 8)
		CHECK_IS(status, 42 << 8);
	else
		CHECK(status == 9 << 8 || status == SIGKILL);
	*failed += status != 42 << 8;
	return !is_left;
}

static void check_exec(void)
{
	static struct books before;
	int nth = 1, failed = 0;
	(void)exec_fails(1000000, &failed);
	books_open(&before);
	while (exec_fails(nth, &failed)) {
		CHECK(nth < 1000);
		nth++;
	}
	printf("execve: %d of %d allocations fail it\n", failed, nth - 1);
	fflush(stdout);
	CHECK(failed > 5);
	books_close("execve", &before);
}

int main(void)
{
	static const struct inject_case cases[] = {
		{"fork", run_fork, wait_7, 0, false},
		{"clone", run_clone_shared, wait_7, 0, false},
		{"vfork", run_clone_vfork, wait_7, 0, false},
	};
	if (!inject_is_there())
		return SKIPPED;
	pages = mmap(NULL, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(pages != MAP_FAILED);
	for (int i = 0; i < 8; i++)
		pages[i * 4096] = (char)i;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		inject_sweep(&cases[i]);
	check_exec();
	return 0;
}
