// SPDX-License-Identifier: MIT
// A handler may use all registers: sigreturn puts every one back, general, floating point and flags,
// wherever the signal came; the context that a handler sees and changes is the interrupted one's.
// guest: CPUS 4
#include <fenv.h>
#include <math.h>
#include <ucontext.h>

#include "registers.h"

static volatile long handled;

static void clobber(int sig)
{
	struct registers other;
	(void)sig;
	memset(&other, 0, sizeof(other));
	registers_fill(&other, 0x5555 + (uint64_t)handled);
	registers_spin(&other, 1);
	handled++;
}

static void check_interrupted(void)
{
	struct sigaction action = { .sa_handler = clobber };
	CHECK_IS(sigaction(SIGALRM, &action, NULL), 0);
	struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
	CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
	for (uint64_t seed = 1; handled < rounds(500, 20000); seed++)
		registers_check(seed, 200000);
	memset(&timer, 0, sizeof(timer));
	CHECK_IS(setitimer(ITIMER_REAL, &timer, NULL), 0);
}

/** A handler that goes on elsewhere with other values: what makecontext and debuggers do. */
static void change_context(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
#if defined(__x86_64__)
	CHECK(uc->uc_mcontext.gregs[REG_RIP] != 0);
	CHECK((long)info->si_addr == uc->uc_mcontext.gregs[REG_RAX]);
	uc->uc_mcontext.gregs[REG_RAX] = (long)&handled;
#elif defined(__aarch64__)
	CHECK((uint64_t)info->si_addr == uc->uc_mcontext.regs[9]);
	uc->uc_mcontext.regs[9] = (uint64_t)&handled;
#else
	CHECK((uint64_t)info->si_addr == uc->uc_mcontext.__gregs[REG_A0 + 5]);
	uc->uc_mcontext.__gregs[REG_A0 + 5] = (uint64_t)&handled;
#endif
}

static void check_changed(void)
{
	struct sigaction action = { .sa_sigaction = change_context, .sa_flags = SA_SIGINFO };
	CHECK_IS(sigaction(SIGSEGV, &action, NULL), 0);
	long value;
	handled = 4711;
#if defined(__x86_64__)
	register long *at __asm__("rax") = address(16);
	__asm__ volatile("mov (%%rax), %0" : "=r"(value), "+r"(at) : : "memory");
#elif defined(__aarch64__)
	register long *at __asm__("x9") = address(16);
	__asm__ volatile("ldr %0, [x9]" : "=r"(value), "+r"(at) : : "memory");
#else
	register long *at __asm__("a5") = address(16);
	__asm__ volatile("ld %0, (a5)" : "=r"(value), "+r"(at) : : "memory");
#endif
	CHECK_IS(value, 4711); // the same instruction again, with another address
}

static void round_up(int sig)
{
	(void)sig;
	fesetround(FE_UPWARD); // of the handler only
}

static void check_rounding(void)
{
	signal(SIGUSR1, round_up);
	CHECK_IS(fesetround(FE_DOWNWARD), 0);
	raise(SIGUSR1);
	CHECK_IS(fegetround(), FE_DOWNWARD);
	volatile double third = 1.0;
	third /= 3;
	CHECK(third * 3 < 1.0 || nextafter(third, 1) * 3 >= 1.0);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(fegetround(), FE_DOWNWARD); // inherited
		_exit(0);
	}
	CHECK_CHILD(child);
	fesetround(FE_TONEAREST);
}

/** The context that sigreturn is given after the handler: what no thread can have ends in SIGSEGV. */
static void spoil(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
	(void)info;
#if defined(__x86_64__)
	static const char ones[128] __attribute__((aligned(64))) = { [0 ... 127] = -1 };
	memcpy((char *)uc->uc_mcontext.fpregs + 512, ones, 64); // components that there are not
#elif defined(__aarch64__)
	uint32_t *record = (uint32_t *)uc->uc_mcontext.__reserved;
	record[1] = 8; // the size of the first record
#else
	uc->uc_mcontext.__gregs[0] = 0; // nothing in it is refused: the program goes on at 0
#endif
}

#if defined(__x86_64__)
static void misplace(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
	(void)info;
	uc->uc_mcontext.fpregs = (void *)((char *)uc->uc_mcontext.fpregs + 8);
}

static void far_away(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
	(void)info;
	uc->uc_mcontext.fpregs = (void *)0xffffffff80000000ul; // the kernel's
}

/** Without state in the frame the thread has none. */
static void forget(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	(void)sig;
	(void)info;
	uc->uc_mcontext.fpregs = NULL;
}
#endif

static void check_refused(void (*handler)(int, siginfo_t *, void *))
{
	volatile double used = 2;
	used *= 2;
	pid_t child = check_fork();
	if (child == 0) {
		struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
		CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
		raise(SIGUSR1);
		_exit(0);
	}
	int status = wait_status(child);
	CHECK(WIFSIGNALED(status));
	CHECK_IS(WTERMSIG(status), SIGSEGV);
}

static void check_spoiled(void)
{
	check_refused(spoil);
#if defined(__x86_64__)
	check_refused(misplace);
	check_refused(far_away);
	struct sigaction action = { .sa_sigaction = forget, .sa_flags = SA_SIGINFO };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_IS(fesetround(FE_DOWNWARD), 0);
	raise(SIGUSR1);
	CHECK_IS(fegetround(), FE_TONEAREST);
#endif
}

/** The stack a frame goes to may not be there, or be written to for the first time. */
static void on_other_stack(int sig)
{
	(void)sig;
	handled = 1;
}

static void check_stacks(void)
{
	char *room = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(room != MAP_FAILED);
	struct sigaction action = { .sa_handler = on_other_stack, .sa_flags = SA_ONSTACK };
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	// Each place puts another part of the frame across the border of a page that is not there yet.
	for (size_t i = 0; i < 64; i++) {
		stack_t stack = { .ss_sp = room + 4096 * 4 + 64 * i, .ss_size = 16384 };
		CHECK_IS(madvise(room, 1 << 20, MADV_DONTNEED), 0);
		CHECK_IS(sigaltstack(&stack, NULL), 0);
		handled = 0;
		volatile double x = (double)i;
		raise(SIGUSR1);
		CHECK_IS(handled, 1);
		CHECK(x == (double)i);
	}
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(mprotect(room, 1 << 20, PROT_READ), 0);
		raise(SIGUSR1);
		_exit(0);
	}
	int status = wait_status(child);
	CHECK(WIFSIGNALED(status));
	CHECK_IS(WTERMSIG(status), SIGSEGV);
	stack_t none = { .ss_flags = SS_DISABLE };
	CHECK_IS(sigaltstack(&none, NULL), 0);
	CHECK_IS(munmap(room, 1 << 20), 0);
}

int main(void)
{
	check_spoiled();
	check_stacks();
	check_interrupted();
	check_changed();
	check_rounding();
	return 0;
}
