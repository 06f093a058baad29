// SPDX-License-Identifier: MIT
// Registers, flags, floating point, thread-local storage and the stack survive 10^5 preemptions: two
// busy processes per CPU, each with patterns of its own, until the kernel counted that many.
// guest: CPUS 4 APPEND slice=200us
#include <sys/resource.h>

#include "registers.h"

static __thread uint64_t in_tls;
static long *preemptions; // per process

static long count(void)
{
	struct rusage usage;
	CHECK_IS(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nivcsw;
}

static void be_busy(long self, int *stop)
{
	in_tls = 0x1234 + (uint64_t)self;
	for (uint64_t round = 0; !__atomic_load_n(stop, __ATOMIC_RELAXED); round++) {
		registers_check(round << 8 | (uint64_t)self, 20000);
		CHECK_IS(in_tls, 0x1234 + self);
		__atomic_store_n(&preemptions[self], count(), __ATOMIC_RELAXED);
	}
}

int main(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN), busy = 2 * cpus, wanted = rounds(100000, 1000000);
	int *stop = shared_memory(4096);
	preemptions = shared_memory((size_t)busy * sizeof(long));
	pid_t *children = calloc((size_t)busy, sizeof(pid_t));
	for (long i = 0; i < busy; i++) {
		children[i] = check_fork();
		if (children[i] == 0) {
			be_busy(i, stop);
			_exit(0);
		}
	}
	int64_t end = now_ns(CLOCK_MONOTONIC) + (is_guest() ? rounds(220, 2200) : 2) * 1000000000ll;
	long total = 0;
	while (total < wanted && now_ns(CLOCK_MONOTONIC) < end) {
		sleep_ms(50);
		total = 0;
		for (long i = 0; i < busy; i++)
			total += __atomic_load_n(&preemptions[i], __ATOMIC_RELAXED);
		int status;
		CHECK_IS(waitpid(-1, &status, WNOHANG), 0);
	}
	*stop = 1;
	for (long i = 0; i < busy; i++)
		CHECK_CHILD(children[i]);
	printf("%ld preemptions\n", total);
	fflush(stdout);
	if (is_guest()) // a host that is busy itself may not get as far in four minutes
		CHECK(total >= wanted / 5);
	return 0;
}
