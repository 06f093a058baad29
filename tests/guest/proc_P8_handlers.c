// SPDX-License-Identifier: MIT
// Handlers: they run before the call that sent the signal returns, nest, mask, reset and restart as
// sigaction says, run on the alternate stack, get siginfo; real-time signals queue with their values.
// guest: CPUS 4
#include <linux/sched.h>
#include <setjmp.h>

#include "check.h"

static volatile int calls, depth, deepest, last;
static volatile siginfo_t last_info;

static void count(int sig)
{
	calls++;
	last = sig;
}

static void keep(int sig, siginfo_t *info, void *context)
{
	(void)context;
	calls++;
	last = sig;
	memcpy((void *)&last_info, info, sizeof(last_info));
}

static void set(int sig, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	CHECK_IS(sigaction(sig, &action, NULL), 0);
}

static void set_info(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO };
	CHECK_IS(sigaction(sig, &action, NULL), 0);
}

static void check_at_once(void)
{
	set(SIGUSR1, count, 0);
	for (int i = 1; i <= 100; i++) {
		CHECK_IS(kill(getpid(), SIGUSR1), 0);
		CHECK_IS(calls, i);
	}
	set(SIGUSR1, count, SA_RESETHAND);
	calls = 0;
	raise(SIGUSR1);
	struct sigaction now;
	CHECK_IS(sigaction(SIGUSR1, NULL, &now), 0);
	CHECK(calls == 1 && now.sa_handler == SIG_DFL);
	CHECK_ERRNO(sigaction(SIGKILL, &now, NULL), EINVAL);
	CHECK_ERRNO(sigaction(SIGSTOP, &now, NULL), EINVAL);
}

static void nest(int sig)
{
	depth++;
	deepest = depth > deepest ? depth : deepest;
	if (calls++ < 5)
		raise(sig);
	depth--;
}

static void other(int sig)
{
	(void)sig;
	int before = depth;
	raise(SIGUSR1); // its handler runs inside this one
	CHECK_IS(depth, before);
	CHECK(calls > 0);
}

static void check_nesting(void)
{
	calls = deepest = 0;
	set(SIGUSR1, nest, 0);
	raise(SIGUSR1);
	CHECK(calls == 6 && deepest == 1);
	calls = deepest = 0;
	set(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	CHECK(calls == 6 && deepest == 6);
	set(SIGUSR2, other, 0);
	raise(SIGUSR2);
	struct sigaction action = { .sa_handler = nest };
	sigaddset(&action.sa_mask, SIGUSR2); // sa_mask holds the other off until the end
	CHECK_IS(sigaction(SIGUSR1, &action, NULL), 0);
	raise(SIGUSR1);
	sigset_t mask;
	CHECK_IS(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	CHECK(!sigismember(&mask, SIGUSR1) && !sigismember(&mask, SIGUSR2));
}

static void check_masked(void)
{
	sigset_t one, old, pending;
	sigemptyset(&one);
	sigaddset(&one, SIGUSR1);
	sigaddset(&one, SIGRTMIN + 2);
	set(SIGUSR1, count, 0);
	set_info(SIGRTMIN + 2, keep, 0);
	calls = 0;
	CHECK_IS(sigprocmask(SIG_BLOCK, &one, &old), 0);
	for (int i = 0; i < 3; i++)
		CHECK_IS(kill(getpid(), SIGUSR1), 0); // standard signals do not queue
	CHECK_IS(calls, 0);
	CHECK_IS(sigpending(&pending), 0);
	CHECK(sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
	CHECK_IS(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_IS(calls, 1);
	CHECK_IS(sigprocmask(SIG_BLOCK, &one, &old), 0);
	for (int i = 0; i < 5; i++) {
		union sigval value = { .sival_int = 100 + i };
		CHECK_IS(sigqueue(getpid(), SIGRTMIN + 2, value), 0);
	}
	calls = 0;
	CHECK_IS(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK(calls == 5 && last_info.si_value.sival_int >= 100 && last_info.si_code == SI_QUEUE);
	CHECK_IS(last_info.si_pid, getpid());
	sigset_t all; // KILL and STOP cannot be blocked
	sigfillset(&all);
	CHECK_IS(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	CHECK_IS(sigprocmask(SIG_SETMASK, &old, &all), 0);
	CHECK(!sigismember(&all, SIGKILL) && !sigismember(&all, SIGSTOP));
	CHECK_ERRNO(sigprocmask(77, &old, NULL), EINVAL);
}

static void check_values_in_order(void)
{
	sigset_t one;
	siginfo_t info;
	struct timespec at_once = { 0, 0 };
	sigemptyset(&one);
	sigaddset(&one, SIGRTMIN + 3);
	sigaddset(&one, SIGRTMIN + 4);
	CHECK_IS(sigprocmask(SIG_BLOCK, &one, NULL), 0);
	for (int i = 0; i < 8; i++)
		CHECK_IS(sigqueue(getpid(), SIGRTMIN + 4 - (i & 1), (union sigval){ .sival_int = i }), 0);
	for (int i = 0; i < 8; i++) { // the lower number first, each in order
		int sig = SIGRTMIN + 3 + i / 4;
		CHECK_IS(sigtimedwait(&one, &info, &at_once), sig);
		CHECK_IS(info.si_value.sival_int, i / 4 ? i % 4 * 2 : i * 2 + 1);
	}
	CHECK_ERRNO(sigtimedwait(&one, &info, &at_once), EAGAIN);
	int64_t before = now_ns(CLOCK_MONOTONIC);
	at_once.tv_nsec = 10000000;
	CHECK_ERRNO(sigtimedwait(&one, &info, &at_once), EAGAIN);
	CHECK(now_ns(CLOCK_MONOTONIC) - before >= 10000000);
	CHECK_IS(sigprocmask(SIG_UNBLOCK, &one, NULL), 0);
}

static char *stack_base;
static void on_stack(int sig)
{
	char here;
	stack_t now;
	(void)sig;
	CHECK(&here > stack_base && &here < stack_base + 65536);
	CHECK(sigaltstack(NULL, &now) == 0 && (now.ss_flags & SS_ONSTACK));
	CHECK_ERRNO(sigaltstack(&now, NULL), EPERM);
	calls++;
}

static sigjmp_buf jump;
static void escape(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

static void raise_again(int sig)
{
	raise(sig);
}

/** Handlers that nest until their stack is full: the next frame is not put below it, nor over what is at its top. */
static void check_full_stack(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
		CHECK_IS(sigaltstack(&stack, NULL), 0);
		set(SIGUSR1, raise_again, SA_ONSTACK | SA_NODEFER);
		raise(SIGUSR1);
		_exit(0);
	}
	CHECK_IS(WTERMSIG(wait_status(child)), SIGSEGV);
}

static void check_stack(void)
{
	stack_base = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = { .ss_sp = stack_base, .ss_size = 65536 }, small = { .ss_sp = stack_base, .ss_size = 512 };
	CHECK_ERRNO(sigaltstack(&small, NULL), ENOMEM);
	CHECK_IS(sigaltstack(&stack, NULL), 0);
	set(SIGUSR1, on_stack, SA_ONSTACK);
	calls = 0;
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_IS(calls, 2);
	CHECK(sigaltstack(NULL, &stack) == 0 && !(stack.ss_flags & SS_ONSTACK));
	set(SIGUSR1, escape, 0);
	volatile int times = 0;
	if (sigsetjmp(jump, 1) < 1 || times < 10) {
		if (times++ < 10)
			raise(SIGUSR1);
	}
	CHECK(times >= 10);
}

/** clone3 may take handlers away from the child, but not what is ignored; posix_spawn asks for that. */
static void check_cleared(void)
{
	struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
	struct sigaction action;
	set(SIGUSR1, count, SA_RESTART);
	set(SIGUSR2, SIG_IGN, 0);
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == SIG_DFL);
		CHECK(!(action.sa_flags & SA_RESTART));
		CHECK(sigaction(SIGUSR2, NULL, &action) == 0 && action.sa_handler == SIG_IGN);
		_exit(0);
	}
	CHECK(pid > 0);
	CHECK_CHILD((pid_t)pid);
	CHECK(sigaction(SIGUSR1, NULL, &action) == 0 && action.sa_handler == count);
	args.flags |= CLONE_SIGHAND | CLONE_VM;
	if (is_guest())
		CHECK_ERRNO(syscall(SYS_clone3, &args, sizeof(args)), EINVAL);
	set(SIGUSR2, SIG_DFL, 0);
}

int main(void)
{
	check_cleared();
	check_at_once();
	check_nesting();
	check_masked();
	check_values_in_order();
	check_full_stack();
	check_stack();
	return 0;
}
