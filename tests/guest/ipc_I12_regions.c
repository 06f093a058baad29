// SPDX-License-Identifier: MIT
// Regions: two processes see one page; read-only shares fault on write; a revocation takes the memory away
// on all CPUs before it returns, even if the descriptor was closed; moving 1 MiB copies nothing, and the
// sender faults; a move that fails changes nothing; pages come zeroed and go back.
// guest: CPUS 4
#include <setjmp.h>
#include <sys/resource.h>

#include "ipc.h"

#define SIZE (1ul << 20)
#define PAGE 4096ul

static long new_region(uint64_t size)
{
	return ipc3(IPC_REGION, 0, size, 0, 0);
}

static volatile uint64_t *map(long fd, uint64_t size, int prot)
{
	void *at = mmap(NULL, size, prot, MAP_SHARED, (int)fd, 0);
	CHECK(at != MAP_FAILED);
	return at;
}

static sigjmp_buf escape;
static void caught(int sig)
{
	siglongjmp(escape, sig);
}

/** The signal that touching @at gives; 0: none. */
static int fault(volatile uint64_t *at, bool is_write)
{
	int sig = sigsetjmp(escape, 1);
	if (sig)
		return sig;
	if (is_write)
		*at = 1;
	else
		(void)*at;
	return 0;
}

static long free_kib(void)
{
	char text[512], *found;
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t size = read(fd, text, sizeof(text) - 1);
	CHECK(size > 0 && close(fd) == 0);
	text[size] = '\0';
	found = strstr(text, "MemFree:");
	CHECK(found);
	return strtol(found + 8, NULL, 10);
}

static void check_arguments(void)
{
	struct message m = { 0 };
	CHECK_IS(new_region(0), -EINVAL);
	CHECK_IS(new_region(~0ul), -ENOMEM);
	long region = new_region(1), endpoint = ipc_endpoint();
	CHECK(region >= 0);
	CHECK_IS(ipc(IPC_REGION_SIZE, region, &m), 0);
	CHECK_IS(m.tag, PAGE);
	CHECK_IS(ipc(IPC_REGION_SIZE, endpoint, &m), -EBADF);
	CHECK_IS(ipc3(IPC_REGION_MOVE, endpoint, 0, 0, 0), -EBADF);
	CHECK_IS(ipc3(IPC_REGION_MOVE, 999, 0, 0, 0), -EBADF);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, (int)endpoint, 0), EBADF);
	long write_only = ipc_restrict(region, IPC_RIGHT_WRITE);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, (int)write_only, 0), EACCES);
	CHECK_IS(ipc3(IPC_REGION_MOVE, write_only, 0, 0, 0), -EPERM);
	volatile uint64_t *at = map(region, 2 * PAGE, PROT_READ | PROT_WRITE);
	CHECK_IS(fault(at, true), 0);
	CHECK_IS(fault(at + PAGE / 8, false), SIGBUS); // behind its end
	CHECK_IS(munmap((void *)at, 2 * PAGE), 0);
	CHECK_IS(close((int)region) | close((int)endpoint) | close((int)write_only), 0);
}

static void check_sharing(void)
{
	long region = new_region(SIZE), reads = ipc_restrict(region, IPC_RIGHT_READ);
	volatile uint64_t *at = map(region, SIZE, PROT_READ | PROT_WRITE);
	for (unsigned long i = 0; i < SIZE / 8; i += PAGE / 8)
		CHECK(at[i] == 0); // zeroed
	at[0] = 42;
	pid_t child = check_fork();
	if (child == 0) {
		volatile uint64_t *mine = map(reads, SIZE, PROT_READ);
		CHECK(mine[0] == 42);
		CHECK_IS(fault(mine, true), SIGSEGV);
		CHECK_ERRNO(mprotect((void *)mine, PAGE, PROT_READ | PROT_WRITE), EACCES);
		CHECK_ERRNO(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, (int)reads, 0), EACCES);
		at[1] = 43; // through the inherited mapping
		while (mine[2] != 44)
			sched_yield();
		_exit(0);
	}
	while (at[1] != 43)
		sched_yield();
	at[2] = 44;
	CHECK_CHILD(child);
	CHECK_IS(munmap((void *)at, SIZE) | close((int)region) | close((int)reads), 0);
}

/** Shared futexes of different mappings are the same futex. */
static void check_futex(void)
{
	long region = new_region(PAGE);
	volatile uint32_t *at = (volatile uint32_t *)map(region, PAGE, PROT_READ | PROT_WRITE);
	pid_t child = check_fork();
	if (child == 0) {
		volatile uint32_t *mine = (volatile uint32_t *)map(region, PAGE, PROT_READ | PROT_WRITE);
		while (*mine == 0)
			syscall(SYS_futex, mine, 0 /* FUTEX_WAIT */, 0, NULL, NULL, 0);
		_exit(0);
	}
	until_blocked(child, child);
	*at = 1;
	CHECK_IS(syscall(SYS_futex, at, 1 /* FUTEX_WAKE */, 1, NULL, NULL, 0), 1);
	CHECK_CHILD(child);
	CHECK_IS(munmap((void *)at, PAGE) | close((int)region), 0);
}

static int *progress;

/** Touches memory until it faults, with no system call: on a CPU of its own. */
static void touch_for_ever(volatile uint64_t *at)
{
	if (sigsetjmp(escape, 1) == 0) {
		for (uint64_t i = 1;; i++) {
			at[0] = i;
			__atomic_store_n(progress, 1, __ATOMIC_RELAXED);
		}
	}
}

static void check_revoke(void)
{
	progress = shared_memory(PAGE);
	for (unsigned round = 0; round < 10; round++) {
		long region = new_region(SIZE);
		long given = ipc_restrict(region, IPC_RIGHT_READ | IPC_RIGHT_WRITE);
		volatile uint64_t *own = map(region, SIZE, PROT_READ | PROT_WRITE);
		*progress = 0;
		pid_t child = check_fork();
		if (child == 0) {
			volatile uint64_t *at = map(given, SIZE, PROT_READ | PROT_WRITE);
			CHECK_IS(close((int)given), 0); // the mapping holds on, and is found
			touch_for_ever(at);
			CHECK_IS(fault(at + PAGE / 8, false), SIGBUS);
			CHECK_IS(fault(own, false), 0); // not what the owner mapped itself
			_exit(0);
		}
		CHECK_IS(close((int)given), 0);
		while (!__atomic_load_n(progress, __ATOMIC_RELAXED))
			sched_yield();
		CHECK_IS(ipc_revoke(region), 0);
		uint64_t last = own[0];
		CHECK(last != 0);
		for (int i = 0; i < 1000; i++)
			CHECK(own[0] == last); // nobody writes any more
		CHECK_CHILD(child);
		CHECK_IS(munmap((void *)own, SIZE) | close((int)region), 0);
	}
}

static void check_move(void)
{
	long region = new_region(SIZE);
	volatile uint64_t *sender = map(region, SIZE, PROT_READ | PROT_WRITE);
	for (unsigned long i = 0; i < SIZE / 8; i++)
		sender[i] = i * 7;
	long before = free_kib();
	long moved = ipc3(IPC_REGION_MOVE, region, 0, 0, 0);
	CHECK(moved >= 0 && moved != region);
	CHECK(before - free_kib() < 256); // no second MiB
	CHECK_IS(fault(sender, false), SIGBUS);
	CHECK_IS(fault(sender + SIZE / 8 - 1, true), SIGBUS);
	volatile uint64_t *receiver = map(moved, SIZE, PROT_READ | PROT_WRITE);
	for (unsigned long i = 0; i < SIZE / 8; i++)
		CHECK(receiver[i] == i * 7);
	struct message m = { 0 };
	CHECK_IS(ipc(IPC_REGION_SIZE, moved, &m), 0);
	CHECK_IS(m.tag, SIZE);
	CHECK_IS(ipc(IPC_REGION_SIZE, region, &m), 0);
	CHECK_IS(m.tag, 0);
	CHECK_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, (int)region, 0), ENXIO);
	CHECK_IS(ipc3(IPC_REGION_MOVE, region, 0, 0, 0), -ENXIO);
	CHECK_IS(munmap((void *)sender, SIZE) | close((int)region), 0);

	// No room for the descriptor: all stays as it is.
	struct rlimit limit, none = { 0, 0 };
	CHECK_IS(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none.rlim_max = limit.rlim_max;
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &none), 0);
	CHECK_IS(ipc3(IPC_REGION_MOVE, moved, 0, 0, 0), -EMFILE);
	CHECK_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
	for (unsigned long i = 0; i < SIZE / 8; i += 100)
		CHECK(receiver[i] == i * 7);
	CHECK_IS(munmap((void *)receiver, SIZE) | close((int)moved), 0);
}

static void check_frames_return(void)
{
	long before = 0;
	for (unsigned round = 0; round < 12; round++) {
		long region = new_region(8 * SIZE);
		volatile uint64_t *at = map(region, 8 * SIZE, PROT_READ | PROT_WRITE);
		for (unsigned long i = 0; i < SIZE; i += PAGE / 8) {
			CHECK(at[i] == 0);
			at[i] = 1;
		}
		CHECK_IS(close((int)region), 0);
		CHECK(at[0] == 1); // still mapped
		CHECK_IS(munmap((void *)at, 8 * SIZE), 0);
		if (round == 3)
			before = free_kib();
	}
	CHECK(before - free_kib() < 8 * 1024);
}

int main(void)
{
	struct sigaction action = { .sa_handler = caught, .sa_flags = SA_NODEFER };
	CHECK_IS(sigaction(SIGSEGV, &action, NULL) | sigaction(SIGBUS, &action, NULL), 0);
	check_arguments();
	check_sharing();
	check_futex();
	check_revoke();
	check_move();
	check_frames_return();
	return 0;
}
