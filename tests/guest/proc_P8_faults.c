// SPDX-License-Identifier: MIT
// Faults become signals that say what and where; blocked or ignored ones kill; a stack overflow is
// caught on the alternate stack; a handler whose frame cannot be written kills.
// guest: CPUS 4
#include <setjmp.h>
#include <ucontext.h>

#include "check.h"

static sigjmp_buf jump;
static volatile siginfo_t got;

static void catch(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	memcpy((void *)&got, info, sizeof(got));
	siglongjmp(jump, 1);
}

static void set(int sig)
{
	struct sigaction action = { .sa_sigaction = catch, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	CHECK_IS(sigaction(sig, &action, NULL), 0);
}

#define FAULT(what)                                                                                \
	do {                                                                                       \
		memset((void *)&got, 0, sizeof(got));                                              \
		if (sigsetjmp(jump, 1) == 0) {                                                     \
			what;                                                                      \
			CHECK(!#what " did nothing");                                              \
		}                                                                                  \
	} while (0)

#define FAULT_IS(what, signo, code, addr)                                                          \
	do {                                                                                       \
		FAULT(what);                                                                       \
		CHECK_IS(got.si_signo, signo);                                                     \
		CHECK_IS(got.si_code, code);                                                       \
		CHECK_IS(got.si_addr, addr);                                                       \
	} while (0)

static volatile char *absent, *fixed, *file;

static void check_segv(void)
{
	fixed = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	absent = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_IS(munmap((void *)absent, 4096), 0);
	FAULT_IS(*(volatile char *)address(0) = 1, SIGSEGV, SEGV_MAPERR, 0);
	FAULT_IS((void)absent[5], SIGSEGV, SEGV_MAPERR, absent + 5);
	FAULT_IS(absent[9] = 1, SIGSEGV, SEGV_MAPERR, absent + 9);
	FAULT_IS(fixed[4097] = 1, SIGSEGV, SEGV_ACCERR, fixed + 4097);
	CHECK_IS(fixed[4097], 0);
	FAULT_IS(fixed[1] = 1, SIGSEGV, SEGV_ACCERR, fixed + 1); // present for reading now, too
	CHECK_IS(mprotect((void *)fixed, 4096, PROT_NONE), 0);
	FAULT_IS((void)fixed[0], SIGSEGV, SEGV_ACCERR, fixed);
	FAULT_IS(((void (*)(void))fixed)(), SIGSEGV, SEGV_ACCERR, fixed);
	FAULT_IS(((void (*)(void))absent)(), SIGSEGV, SEGV_MAPERR, absent);
	FAULT(((void (*)(void))(fixed + 4096))()); // readable, not executable
	CHECK_IS(got.si_signo, SIGSEGV);
}

static void check_bus(void)
{
	int fd = scratch_file();
	CHECK_IS(ftruncate(fd, 100), 0);
	file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(file != MAP_FAILED);
	file[99] = 1;
	CHECK_IS(file[4095], 0);
	FAULT_IS((void)file[4096], SIGBUS, BUS_ADRERR, file + 4096);
	FAULT_IS(file[4097] = 1, SIGBUS, BUS_ADRERR, file + 4097);
	CHECK_IS(ftruncate(fd, 0), 0);
	FAULT_IS((void)file[0], SIGBUS, BUS_ADRERR, file);
	close(fd);
}

static void check_others(void)
{
	FAULT(__builtin_trap());
#if defined(__aarch64__)
	CHECK(got.si_signo == SIGTRAP || got.si_signo == SIGILL);
	FAULT(__asm__ volatile("udf #0"));
#elif defined(__riscv)
	FAULT(__asm__ volatile("unimp"));
#endif
	CHECK_IS(got.si_signo, SIGILL);
	CHECK(got.si_addr != NULL);
#if defined(__x86_64__)
	volatile int zero = 0;
	FAULT(zero = 1000 / zero);
	CHECK(got.si_signo == SIGFPE && got.si_code == FPE_INTDIV);
	FAULT(__asm__ volatile("int3"));
	CHECK_IS(got.si_signo, SIGTRAP);
	FAULT(__asm__ volatile("hlt"));
	CHECK_IS(got.si_signo, SIGSEGV);
	FAULT((void)*(volatile char *)address(0x8000000000000000)); // not canonical
	CHECK_IS(got.si_signo, SIGSEGV);
	FAULT(__asm__ volatile("int $0x81"));
	CHECK_IS(got.si_signo, SIGSEGV);
#elif defined(__aarch64__)
	FAULT(__asm__ volatile("brk #0"));
	CHECK_IS(got.si_signo, SIGTRAP);
	FAULT(__asm__ volatile("msr daifset, #15"));
	CHECK_IS(got.si_signo, SIGILL);
	// Counters are read, if at all, and not set: they are everybody's.
	FAULT(__asm__ volatile("msr pmcr_el0, xzr"));
	CHECK_IS(got.si_signo, SIGILL);
	FAULT(__asm__ volatile("msr pmcntenclr_el0, %0" ::"r"(~0ul)));
	CHECK_IS(got.si_signo, SIGILL);
	FAULT(__asm__ volatile("msr cntv_ctl_el0, xzr"));
	CHECK_IS(got.si_signo, SIGILL);
#else
	FAULT(__asm__ volatile("ebreak"));
	CHECK_IS(got.si_signo, SIGTRAP);
	FAULT(__asm__ volatile("csrr t0, sstatus" ::: "t0"));
	CHECK_IS(got.si_signo, SIGILL);
#endif
}

static volatile int depth;
static __attribute__((noinline)) int overflow(int n)
{
	volatile char page[4096];
	page[0] = (char)n;
	depth = n;
	if (n > 1 << 20)
		return 0;
	return overflow(n + 1) + page[0];
}

static void check_overflow(void)
{
	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof(memory) };
	CHECK_IS(sigaltstack(&stack, NULL), 0);
	FAULT(overflow(0));
	CHECK_IS(got.si_signo, SIGSEGV);
	CHECK(depth > 1000); // 8 MiB of stack grew by itself
}

static void bad_stack(void)
{
	stack_t stack = { .ss_flags = SS_DISABLE };
	sigaltstack(&stack, NULL);
	overflow(0); // a handler is there, but no place for its frame
}

static void blocked_fault(void)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	*(volatile char *)address(0) = 1;
}

static void ignored_fault(void)
{
	signal(SIGSEGV, SIG_IGN);
	*(volatile char *)address(0) = 1;
}

static void bad_frame(void)
{
#if defined(__x86_64__)
	__asm__ volatile("mov $8, %%rsp; mov $15, %%eax; syscall" ::: "rax", "memory");
#elif defined(__aarch64__)
	__asm__ volatile("mov x9, #16; mov sp, x9; mov x8, #139; svc #0" ::: "x8", "x9", "memory");
#else
	__asm__ volatile("li sp, 16; li a7, 139; ecall" ::: "a7", "memory");
#endif
}

static void check_killed(void (*what)(void))
{
	pid_t child = check_fork();
	if (child == 0) {
		what();
		_exit(0);
	}
	int status = wait_status(child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

int main(void)
{
	static const int SIGNALS[] = { SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE };
	for (int i = 0; i < 5; i++)
		set(SIGNALS[i]);
	check_segv();
	check_bus();
	check_others();
	check_overflow();
	check_killed(bad_stack);
	check_killed(blocked_fault);
	check_killed(ignored_fault);
	signal(SIGSEGV, SIG_DFL);
	check_killed(bad_frame);
	return 0;
}
