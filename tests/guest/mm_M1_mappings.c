// SPDX-License-Identifier: MIT
// Mappings: private and shared, of files and of nothing, across fork; protection, partial unmapping,
// mremap, brk, madvise, fixed places, the stack; and what each refuses.
// guest: CPUS 4
#include <setjmp.h>
#include <sys/resource.h>

#include "check.h"

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)

static sigjmp_buf jump;
static void escape(int sig)
{
	siglongjmp(jump, sig);
}

/** The signal that touching @at gives; 0 = none. */
static int touch(volatile char *at, bool writes)
{
	int sig = sigsetjmp(jump, 1);
	if (sig)
		return sig;
	char value = *at;
	if (writes)
		*at = value;
	return 0;
}

static char *map(size_t pages, int prot, int flags)
{
	char *at = mmap(NULL, pages * PAGE, prot, flags | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	return at;
}

static void check_refusals(void)
{
	int fd = scratch_file();
	CHECK_ERRNO(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 1), EINVAL);
	CHECK_ERRNO(mmap(address(1), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, 1ul << 62, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK_ERRNO(mmap(address(1ul << 56), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
		-1, 0), ENOMEM);
	CHECK_ERRNO(munmap(address(1), PAGE), EINVAL);
	CHECK_ERRNO(munmap(address(PAGE), 0), EINVAL);
	CHECK_ERRNO(munmap(address(PAGE), -1ul), EINVAL);
	char *at = map(2, RW, MAP_PRIVATE);
	CHECK_ERRNO(mprotect(at + 1, PAGE, PROT_READ), EINVAL);
	CHECK_IS(munmap(at + PAGE, PAGE), 0);
	CHECK_IS(munmap(at + PAGE, PAGE), 0); // nothing there: fine
	CHECK_ERRNO(mprotect(at, 2 * PAGE, PROT_READ), ENOMEM); // a hole
	CHECK_ERRNO(mmap(at, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	CHECK(mmap(at + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == at + PAGE);
	CHECK_IS(munmap(at, 2 * PAGE), 0);
	close(fd);
	fd = open("/proc/self/exe", O_RDONLY);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), EACCES);
	close(fd);
}

static void check_splitting(void)
{
	char *at = map(9, RW, MAP_PRIVATE);
	for (int i = 0; i < 9; i++)
		at[i * PAGE] = (char)(i + 1);
	CHECK_IS(munmap(at + 2 * PAGE, PAGE), 0);
	CHECK_IS(mprotect(at + 4 * PAGE, PAGE, PROT_READ), 0);
	CHECK_IS(mprotect(at + 6 * PAGE, PAGE, PROT_NONE), 0);
	for (int i = 0; i < 9; i++) {
		CHECK_IS(touch(at + i * PAGE, false), i == 2 || i == 6 ? SIGSEGV : 0);
		CHECK_IS(touch(at + i * PAGE, true), i == 2 || i == 4 || i == 6 ? SIGSEGV : 0);
	}
	CHECK_IS(mprotect(at + 3 * PAGE, 6 * PAGE, RW), 0);
	for (int i = 3; i < 9; i++) // protection took nothing away
		CHECK_IS(at[i * PAGE], i + 1);
	CHECK_IS(munmap(at, 9 * PAGE), 0);
	CHECK_IS(touch(at, false), SIGSEGV);
}

static void check_private_file(void)
{
	int fd = scratch_file();
	char byte = 'f';
	for (int i = 0; i < 3; i++)
		CHECK_IS(pwrite(fd, &byte, 1, i * PAGE), 1);
	char *own = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0);
	char *shared = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	char *second = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE);
	CHECK(own != MAP_FAILED && shared != MAP_FAILED && second != MAP_FAILED);
	CHECK(own[0] == 'f' && shared[PAGE] == 'f');
	own[0] = 'p';
	CHECK(pread(fd, &byte, 1, 0) == 1 && byte == 'f');
	shared[PAGE] = 's'; // one page for both mappings, read() and write()
	CHECK(second[0] == 's' && pread(fd, &byte, 1, PAGE) == 1 && byte == 's');
	byte = 'w';
	CHECK_IS(pwrite(fd, &byte, 1, PAGE), 1);
	CHECK(second[0] == 'w' && shared[PAGE] == 'w');
	CHECK_IS(own[0], 'p');
	pid_t child = check_fork();
	if (child == 0) {
		shared[2 * PAGE] = 'c';
		own[0] = 'q';
		own[2 * PAGE] = 'q';
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK(shared[2 * PAGE] == 'c' && own[0] == 'p');
	CHECK_IS(msync(shared, 3 * PAGE, MS_SYNC), 0);
	CHECK_IS(close(fd), 0); // the mapping keeps the file
	CHECK_IS(shared[PAGE], 'w');
	CHECK_IS(munmap(own, 3 * PAGE) | munmap(shared, 3 * PAGE) | munmap(second, PAGE), 0);
}

static void check_remap(void)
{
	char *at = map(4, RW, MAP_PRIVATE), *next;
	for (int i = 0; i < 4; i++)
		at[i * PAGE] = (char)('a' + i);
	CHECK(mremap(at, 4 * PAGE, 2 * PAGE, 0) == at); // shrinks where it is
	CHECK_IS(touch(at + 3 * PAGE, false), SIGSEGV);
	char *wall = mmap(at + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(wall == at + 2 * PAGE);
	CHECK_ERRNO(mremap(at, 2 * PAGE, 8 * PAGE, 0), ENOMEM); // must not move
	next = mremap(at, 2 * PAGE, 1000 * PAGE, MREMAP_MAYMOVE);
	CHECK(next != MAP_FAILED && next != at);
	CHECK(next[0] == 'a' && next[PAGE] == 'b' && next[999 * PAGE] == 0);
	CHECK_IS(touch(at, false), SIGSEGV);
	char *target = map(4, RW, MAP_PRIVATE);
	CHECK(mremap(next, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
	CHECK(target[PAGE] == 'b' && touch(next, false) == SIGSEGV);
	CHECK_ERRNO(mremap(next, PAGE, PAGE * 2, MREMAP_MAYMOVE), EFAULT);
	CHECK_ERRNO(mremap(target + 1, PAGE, PAGE, 0), EINVAL);
	CHECK_IS(munmap(next, 1000 * PAGE), 0);
}

static void check_advice(void)
{
	char *at = map(4, RW, MAP_PRIVATE);
	memset(at, 'x', 4 * PAGE);
	CHECK_IS(madvise(at + PAGE, 2 * PAGE, MADV_DONTNEED), 0);
	CHECK(at[0] == 'x' && at[PAGE] == 0 && at[2 * PAGE] == 0 && at[3 * PAGE] == 'x');
	CHECK_ERRNO(madvise(at + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERRNO(madvise(at, PAGE, 9999), EINVAL);
	CHECK_IS(munmap(at + PAGE, PAGE), 0);
	CHECK_ERRNO(madvise(at, 4 * PAGE, MADV_DONTNEED), ENOMEM);
	unsigned char resident[4];
	CHECK_IS(mincore(at + 2 * PAGE, 2 * PAGE, resident), 0);
}

static void check_break(void)
{
	char *start = sbrk(0);
	CHECK(sbrk(10 * PAGE) == start);
	memset(start, 'b', 10 * PAGE);
	CHECK(sbrk(-5 * PAGE) == start + 10 * PAGE);
	CHECK_IS(start[4 * PAGE], 'b');
	CHECK(sbrk(5 * PAGE) == start + 5 * PAGE);
	CHECK_IS(start[6 * PAGE], 0); // given back, so zero again
	CHECK(sbrk(-10 * PAGE) == start + 10 * PAGE);
}

static __attribute__((noinline)) long deep(long n)
{
	volatile char frame[3000];
	frame[0] = (char)n;
	return n == 0 ? frame[0] : deep(n - 1) + frame[0] - (char)n;
}

static void check_many(void)
{
	enum { COUNT = 2000 };
	static char *maps[COUNT];
	for (int i = 0; i < COUNT; i++) { // neighbours that cannot become one
		maps[i] = map(1, i & 1 ? RW : PROT_READ, MAP_PRIVATE);
		if (i & 1)
			maps[i][0] = (char)i;
	}
	for (int i = COUNT - 1; i >= 0; i--) {
		CHECK_IS(maps[i][0], i & 1 ? (char)i : 0);
		CHECK_IS(munmap(maps[i], PAGE), 0);
	}
}

int main(void)
{
	static char stack_memory[65536];
	stack_t stack = { .ss_sp = stack_memory, .ss_size = sizeof(stack_memory) };
	CHECK_IS(sigaltstack(&stack, NULL), 0);
	signal(SIGSEGV, escape);
	signal(SIGBUS, escape);
	check_refusals();
	check_splitting();
	check_private_file();
	check_remap();
	check_advice();
	check_break();
	CHECK_IS(deep(2000), 0); // 6 MiB of stack, page by page
	check_many();
	return 0;
}
