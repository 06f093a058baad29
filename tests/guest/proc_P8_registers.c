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

int main(void)
{
	check_interrupted();
	check_changed();
	check_rounding();
	return 0;
}
