// SPDX-License-Identifier: MIT
// P11: limits hold: processes of a user, size of files, CPU time, address space and data.
// guest: CPUS 4
#include <sys/resource.h>

#include "check.h"

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit wanted = { soft, hard };
	CHECK_IS(setrlimit(resource, &wanted), 0);
}

static void in_child(void (*check)(void))
{
	pid_t child = check_fork();
	if (child == 0) {
		check();
		_exit(0);
	}
	CHECK_CHILD(child);
}

static void check_processes(void)
{
	enum { MOST = 10, UID = 4321 };
	pid_t children[MOST + 1];
	int count = 0, ends[2];
	char c;
	limit(RLIMIT_NPROC, MOST, MOST);
	if (getuid() == 0)
		CHECK_IS(setuid(UID), 0);
	else
		exit(0); // others run under this user
	CHECK_IS(pipe(ends), 0);
	for (int round = 0; round < 2; round++) { // what ended counts no more
		for (count = 0; count <= MOST; count++) {
			children[count] = fork();
			if (children[count] == 0) {
				close(ends[1]);
				(void)!read(ends[0], &c, 1);
				_exit(0);
			}
			if (children[count] < 0)
				break;
		}
		CHECK(errno == EAGAIN);
		CHECK_IS(count, MOST - 1); // this process is one
		close(ends[1]);
		for (int i = 0; i < count; i++)
			CHECK_CHILD(children[i]);
		CHECK_IS(pipe(ends), 0);
	}
}

static volatile int count, last;
static void note(int sig)
{
	count++;
	last = sig;
}

static void check_file_size(void)
{
	int fd = scratch_file();
	char block[100] = { 0 };
	limit(RLIMIT_FSIZE, 150, RLIM_INFINITY);
	signal(SIGXFSZ, note);
	CHECK_IS(write(fd, block, 100), 100);
	CHECK_IS(write(fd, block, 100), 50);
	CHECK_IS(count, 0);
	CHECK_ERRNO(write(fd, block, 100), EFBIG);
	CHECK(count == 1 && last == SIGXFSZ);
	CHECK_IS(pwrite(fd, block, 100, 0), 100);
	CHECK_ERRNO(ftruncate(fd, 151), EFBIG);
	CHECK_IS(count, 2);
	CHECK_IS(ftruncate(fd, 10), 0);
	CHECK_IS(ftruncate(fd, 150), 0);
	pid_t child = check_fork(); // inherited, and deadly by default
	if (child == 0) {
		signal(SIGXFSZ, SIG_DFL);
		(void)!pwrite(fd, block, 1, 150);
		_exit(0);
	}
	CHECK_IS(wait_status(child) & 0x7f, SIGXFSZ);
	limit(RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY);
	CHECK_IS(pwrite(fd, block, 100, 1000), 100);
	close(fd);
}

static void check_cpu(void)
{
	limit(RLIMIT_CPU, 1, 2);
	signal(SIGXCPU, note);
	pid_t child = check_fork();
	if (child == 0) {
		while (!count)
			;
		CHECK_IS(last, SIGXCPU);
		CHECK(now_ns(CLOCK_PROCESS_CPUTIME_ID) >= 900000000);
		for (;;)
			;
	}
	CHECK_IS(wait_status(child) & 0x7f, SIGKILL);
}

static void check_memory(void)
{
	size_t size = 64 << 20;
	limit(RLIMIT_AS, 128 << 20, RLIM_INFINITY);
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	CHECK_ERRNO(mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK_IS(munmap(memory, size), 0);
	limit(RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY);
	limit(RLIMIT_DATA, 16 << 20, RLIM_INFINITY);
	CHECK_ERRNO(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	memory = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); // no data
	CHECK(memory != MAP_FAILED);
	CHECK(sbrk(32 << 20) == (void *)-1 && errno == ENOMEM);
}

/** Limits of another process bind it. */
static void check_of_another(void)
{
	int go[2];
	char c;
	CHECK_IS(pipe(go), 0);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(close(go[1]), 0);
		CHECK_IS(read(go[0], &c, 1), 0);
		CHECK_ERRNO(dup(0), EMFILE);
		signal(SIGXFSZ, SIG_IGN);
		int fd = open("/tmp", O_RDONLY);
		CHECK(fd < 0 && errno == EMFILE);
		CHECK_IS(close(0), 0);
		CHECK_IS(scratch_file(), 0);
		CHECK_IS(write(0, "0123456789", 10), 5);
		_exit(0);
	}
	struct rlimit files = { 1, 1 }, size = { 5, 5 };
	CHECK_IS(prlimit(child, RLIMIT_NOFILE, &files, NULL), 0);
	CHECK_IS(prlimit(child, RLIMIT_FSIZE, &size, NULL), 0);
	CHECK_IS(close(go[1]), 0);
	CHECK_CHILD(child);
	close(go[0]);
}

int main(void)
{
	in_child(check_processes);
	in_child(check_file_size);
	in_child(check_cpu);
	in_child(check_memory);
	in_child(check_of_another);
	return 0;
}
