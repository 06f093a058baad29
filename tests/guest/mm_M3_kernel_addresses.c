// SPDX-License-Identifier: MIT
// Nothing of the kernel is within a program's reach: reads, writes, jumps and returns to kernel
// addresses are SIGSEGV, calls given such addresses move no byte, and privileged registers trap.
// guest: CPUS 4
#include <setjmp.h>
#include <sys/uio.h>

#include "check.h"

static const uintptr_t KERNEL[] = {
	0xffff800000000000, 0xffff888000000000, 0xffffffff80000000, 0xffffffff81000000, 0xffffffffffffffff & ~7ul,
	0xffff000000000000, 0xffff000008000000, 0xffffff8000000000, 0xffffffc000000000, 0xffffffd600000000,
	0xffffffe000000000, 0xfffffffffffff000, 0x8000000000000000, 0x0100000000000000,
};
#define COUNT (sizeof(KERNEL) / sizeof(KERNEL[0]))

static sigjmp_buf jump;
static volatile int got;

static void escape(int sig)
{
	got = sig;
	siglongjmp(jump, 1);
}

static void expect_fault(void (*what)(uintptr_t), uintptr_t at)
{
	got = 0;
	if (sigsetjmp(jump, 1) == 0)
		what(at);
	if (got != SIGSEGV && got != SIGBUS)
		check_failed(__FILE__, __LINE__, "a fault at a kernel address", (long)at);
}

static void read_it(uintptr_t at) { (void)*(volatile char *)address(at); }
static void write_it(uintptr_t at) { *(volatile char *)address(at) = 1; }
static void jump_there(uintptr_t at) { ((void (*)(void))address(at))(); }

static void check_calls(uintptr_t at)
{
	static char buffer[64];
	struct iovec here = { buffer, sizeof(buffer) }, there = { address(at), sizeof(buffer) };
	int fd = scratch_file();
	memset(buffer, 'u', sizeof(buffer));
	CHECK_ERRNO(write(fd, address(at), 64), EFAULT);
	CHECK_IS(lseek(fd, 0, SEEK_END), 0); // not a byte came out
	CHECK_IS(write(fd, buffer, 64), 64);
	CHECK_ERRNO(pread(fd, address(at), 64, 0), EFAULT);
	long moved = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	CHECK(moved == -1);
	CHECK(buffer[0] == 'u');
	void *map = mmap(address(at & ~4095ul), 4096, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(map == MAP_FAILED);
	if (at >> 48 == 0xffff) { // elsewhere the top byte may be a tag that counts for nothing
		CHECK(munmap(address(at & ~4095ul), 4096) == -1);
		CHECK(mprotect(address(at & ~4095ul), 4096, PROT_READ) == -1);
	}
	close(fd);
}

/** A page that is written and then executed is never both at once unless asked for. */
static void check_execution(void)
{
#if defined(__x86_64__)
	static const unsigned char CODE[] = { 0xb8, 42, 0, 0, 0, 0xc3 };
#elif defined(__aarch64__)
	static const uint32_t CODE[] = { 0x52800540, 0xd65f03c0 };
#else
	static const uint32_t CODE[] = { 0x02a00513, 0x00008067 };
#endif
	char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(at, CODE, sizeof(CODE));
	expect_fault(jump_there, (uintptr_t)at);
	CHECK_IS(mprotect(at, 4096, PROT_READ | PROT_EXEC), 0);
	__builtin___clear_cache(at, at + sizeof(CODE));
	CHECK_IS(((int (*)(void))address((uintptr_t)at))(), 42);
	expect_fault(write_it, (uintptr_t)at);
	char on_stack[64], *on_heap = malloc(64);
	memcpy(on_stack, CODE, sizeof(CODE));
	memcpy(on_heap, CODE, sizeof(CODE));
	expect_fault(jump_there, (uintptr_t)on_stack);
	expect_fault(jump_there, (uintptr_t)on_heap);
	free(on_heap);
}

static void check_not_told(void)
{
	char line[256];
	FILE *maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps)) {
		if (strstr(line, "vsyscall"))
			continue;
		CHECK(strtoul(line, NULL, 16) < 0x0001000000000000);
	}
	if (maps)
		fclose(maps);
}

int main(void)
{
	signal(SIGSEGV, escape);
	signal(SIGBUS, escape);
	for (size_t i = 0; i < COUNT; i++) {
		expect_fault(read_it, KERNEL[i]);
		expect_fault(write_it, KERNEL[i]);
		expect_fault(jump_there, KERNEL[i]);
		check_calls(KERNEL[i]);
	}
	check_execution();
	check_not_told();
	return 0;
}
