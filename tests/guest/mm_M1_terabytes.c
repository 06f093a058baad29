// SPDX-License-Identifier: MIT
// Address space by the terabyte, which runtimes reserve at their start: without a wish it comes from below 2^47
// (AArch64: 2^48), above it only for who asks; RISC-V harts with Sv39 have none of that, and say so.
// guest: CPUS 4
#include "check.h"

#define PAGE 4096ul
#define TIB (1ul << 40)
#define RW (PROT_READ | PROT_WRITE)

/** Bits of user addresses. */
static unsigned address_bits(void)
{
	char line[256];
	unsigned mode = 0;
	FILE *file = fopen("/proc/cpuinfo", "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "mmu : sv%u", &mode);
	fclose(file);
#if defined(__riscv)
	CHECK(mode == 39 || mode == 48 || mode == 57);
	return mode - 1;
#elif defined(__aarch64__)
	CHECK(mode == 0);
	return 48;
#else
	CHECK(mode == 0);
	return 47;
#endif
}

static void *reserve(void *hint, size_t size)
{
	return mmap(hint, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void small_ones_still_fit(uintptr_t end)
{
	for (int i = 0; i < 20; i++) {
		char *at = reserve(NULL, (i + 1) * PAGE);
		CHECK(at != MAP_FAILED && (uintptr_t)at < end);
		at[0] = 1;
		if (i % 2)
			CHECK_IS(munmap(at, PAGE), 0);
	}
	char *copy = strdup("the heap"); // and brk()
	CHECK(copy && malloc(1 << 20));
}

static void check_pages(char *at, size_t size)
{
	static const size_t places[] = {0, PAGE, TIB / 3, TIB / 2, TIB - PAGE};
	const size_t count = sizeof(places) / sizeof(places[0]);
	for (size_t i = 0; i < count; i++)
		at[places[i]] = (char)(i + 1);
	int pipes[2];
	CHECK_IS(pipe(pipes), 0);
	pid_t child = check_fork();
	if (child == 0) {
		for (size_t i = 0; i < count; i++) {
			CHECK(at[places[i]] == (char)(i + 1));
			at[places[i]] = 99;
		}
		CHECK_IS(write(pipes[1], at + TIB / 2, 1), 1); // calls take such addresses, too
		exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(read(pipes[0], at + TIB / 3, 1), 1);
	CHECK(at[TIB / 3] == 99 && at[TIB / 2] == 4 && at[0] == 1 && at[5 * PAGE] == 0);
	CHECK_IS(munmap(at + PAGE, TIB / 3), 0);
	CHECK(at[TIB / 2] == 4 && at[0] == 1);
	CHECK_IS(mprotect(at, PAGE, PROT_READ), 0);
	CHECK_IS(munmap(at, size), 0);
	CHECK_ERRNO(write(pipes[1], at, 1), EFAULT);
	close(pipes[0]);
	close(pipes[1]);
}

/** What is asked for above 2^47 is there, if addresses go so far. */
static void check_hint(unsigned bits)
{
	char *wish = address(1ul << 50), *at = reserve(wish, 2 * PAGE);
	CHECK(at != MAP_FAILED);
	CHECK((at == wish) == (bits > 50));
	at[PAGE] = 7;
	CHECK_IS(munmap(at, 2 * PAGE), 0);
	// The very last page, and one too far.
	char *last = address((1ul << bits) - 2 * PAGE);
	CHECK(mmap(last, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == last);
	last[PAGE - 1] = 1;
	CHECK_ERRNO(mmap(last, 3 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
}

int main(void)
{
	unsigned bits = address_bits();
	uintptr_t end = 1ul << (bits > 48 ? 47 : bits);
	CHECK_ERRNO(reserve(NULL, (1ul << 57) - PAGE), ENOMEM);
	CHECK_ERRNO(reserve(NULL, 1ul << (bits > 48 ? 47 : bits)), ENOMEM);
	small_ones_still_fit(end);
	char *at = reserve(NULL, TIB);
	if (bits < 40) {
		CHECK(at == MAP_FAILED && errno == ENOMEM);
	} else {
		CHECK(at != MAP_FAILED && (uintptr_t)at + TIB < end);
		char *second = reserve(NULL, 4 * TIB);
		CHECK(second != MAP_FAILED && (uintptr_t)second + 4 * TIB < end);
		second[4 * TIB - 1] = 1;
		small_ones_still_fit(end);
		check_pages(at, TIB);
		check_pages(second, 4 * TIB);
	}
	small_ones_still_fit(end);
	check_hint(bits);
	return 0;
}
