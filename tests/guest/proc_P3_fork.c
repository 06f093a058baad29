// SPDX-License-Identifier: MIT
// fork: memory is copied on write through three generations, and what else a child has from its
// parent: handlers, mask, folder, affinity, thread-local storage, descriptors with shared offsets.
// guest: CPUS 4
#include <sys/resource.h>

#include "check.h"

static int in_data = 1;
static __thread int in_tls;

static void write_own_page(volatile int *page, int depth, int number)
{
	int before = *page;
	pid_t children[3];
	for (int i = 0; i < 3; i++) {
		children[i] = check_fork();
		if (children[i] == 0) {
			CHECK_IS(*page, before);
			*page = before * 10 + i + 1;
			in_data = *page;
			in_tls = -*page;
			if (depth > 1)
				write_own_page(page, depth - 1, *page);
			CHECK_IS(*page, before * 10 + i + 1);
			CHECK_IS(in_data, *page);
			CHECK_IS(in_tls, -*page);
			_exit(0);
		}
	}
	*page = before;
	for (int i = 0; i < 3; i++)
		CHECK_CHILD(children[i]);
	CHECK_IS(*page, before);
	(void)number;
}

static void check_memory(void)
{
	int *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(page != MAP_FAILED);
	*page = 7;
	write_own_page(page, 3, 0);
	CHECK_IS(in_data, 1);
	// the parent's writes stay the parent's, too
	int *seen = shared_memory(4096);
	pid_t child = check_fork();
	if (child == 0) {
		while (!__atomic_load_n(&seen[0], __ATOMIC_ACQUIRE))
			sched_yield();
		CHECK_IS(*page, 7);
		_exit(0);
	}
	*page = 8;
	__atomic_store_n(&seen[0], 1, __ATOMIC_RELEASE);
	CHECK_CHILD(child);
}

static volatile int handled;
static void handler(int sig)
{
	handled = sig;
}

static void check_inherited(void)
{
	struct sigaction action = { .sa_handler = handler };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	sigset_t mask, pending;
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	CHECK_IS(sigprocmask(SIG_SETMASK, &mask, NULL), 0);
	CHECK_IS(raise(SIGUSR2), 0); // pending in the parent only
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
	CHECK_IS(chdir("/tmp"), 0);
	umask(027);
	CHECK_IS(setpriority(PRIO_PROCESS, 0, 3), 0);
	in_tls = 42;
	pid_t parent = getpid(), child = check_fork();
	if (child == 0) {
		CHECK_IS(getppid(), parent);
		CHECK(getpid() != parent);
		CHECK_IS(syscall(SYS_gettid), getpid());
		CHECK_IS(sigpending(&pending), 0);
		CHECK(!sigismember(&pending, SIGUSR2));
		CHECK_IS(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
		CHECK(sigismember(&mask, SIGUSR2) && !sigismember(&mask, SIGUSR1));
		raise(SIGUSR1);
		CHECK_IS(handled, SIGUSR1);
		cpu_set_t now;
		CHECK_IS(sched_getaffinity(0, sizeof(now), &now), 0);
		CHECK(CPU_EQUAL(&now, &one));
		char folder[64];
		CHECK(getcwd(folder, sizeof(folder)) && strcmp(folder, "/tmp") == 0);
		CHECK_IS(umask(0), 027);
		CHECK_IS(getpriority(PRIO_PROCESS, 0), 3);
		CHECK_IS(in_tls, 42);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(handled, 0);
	CHECK_IS(umask(022), 027);
	action.sa_handler = SIG_IGN;
	CHECK_IS(sigaction(SIGUSR2, &action, NULL), 0); // throws the pending one away
	CHECK_IS(setpriority(PRIO_PROCESS, 0, 0), 0);
}

static void check_descriptors(void)
{
	int fd = scratch_file();
	CHECK_IS(write(fd, "abcdef", 6), 6);
	CHECK_IS(lseek(fd, 0, SEEK_SET), 0);
	pid_t child = check_fork();
	if (child == 0) {
		char c;
		CHECK(read(fd, &c, 1) == 1 && c == 'a');
		CHECK_IS(close(fd), 0);
		_exit(0);
	}
	CHECK_CHILD(child);
	char c;
	CHECK(read(fd, &c, 1) == 1 && c == 'b'); // one offset, two descriptor tables
	CHECK_IS(close(fd), 0);
}

static void *fork_in_thread(void *arg)
{
	in_tls = 77;
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(in_tls, 77);
		_exit(0); // a copy of one thread: its exit_group ends the copy only
	}
	CHECK_CHILD(child);
	return arg;
}

static void check_vfork(void)
{
	volatile int shared = 0;
	pid_t child = vfork();
	CHECK(child >= 0);
	if (child == 0) {
		shared = 1; // the parent's memory, and the parent sleeps
		_exit(5);
	}
	CHECK_IS(shared, 1);
	CHECK_IS(wait_status(child), 5 << 8);
}

int main(void)
{
	check_memory();
	check_descriptors();
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(fork_in_thread, NULL);
	for (int i = 0; i < 4; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	check_vfork();
	check_inherited();
	return 0;
}
