// SPDX-License-Identifier: MIT
// What a process costs to end depends on its own objects: 10,000 ports of another process add less than
// 5 % to it. Instructions are counted.
// guest: CPUS 1 ICOUNT 1
#include <sys/resource.h>

#include "ipc.h"

#define FOREIGN 10000
#define OWN 20
#define ROUNDS 30

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/** Instructions from the exit of a process with OWN ports until its parent knows: the median. */
static int64_t cost_of_exit(void)
{
	int64_t costs[ROUNDS], *left = shared_memory(4096);
	for (int i = 0; i < ROUNDS; i++) {
		pid_t child = check_fork();
		if (child == 0) {
			for (int k = 0; k < OWN; k++)
				CHECK(ipc3(IPC_PORT, 0, 1, 0, 0) >= 0);
			*left = now_ns(CLOCK_MONOTONIC);
			_exit(0);
		}
		CHECK_CHILD(child);
		costs[i] = now_ns(CLOCK_MONOTONIC) - *left;
	}
	CHECK_IS(munmap(left, 4096), 0);
	qsort(costs, ROUNDS, sizeof(costs[0]), compare);
	return costs[ROUNDS / 2];
}

int main(void)
{
	int *is_ready = shared_memory(4096);
	cost_of_exit(); // slabs and tables are warm from here on
	int64_t alone = cost_of_exit();
	pid_t holder = check_fork();
	if (holder == 0) {
		struct rlimit limit = { 2 * FOREIGN, 2 * FOREIGN };
		CHECK_IS(setrlimit(RLIMIT_NOFILE, &limit), 0);
		for (int i = 0; i < FOREIGN; i++)
			CHECK(ipc3(IPC_PORT, 0, 1, 0, 0) >= 0);
		__atomic_store_n(is_ready, 1, __ATOMIC_RELEASE);
		pause();
	}
	while (!__atomic_load_n(is_ready, __ATOMIC_ACQUIRE))
		sleep_ms(1);
	int64_t beside = cost_of_exit();
	CHECK_IS(kill(holder, SIGKILL), 0);
	wait_status(holder);
	printf("exit: %lld instructions alone, %lld beside %d ports\n", (long long)alone, (long long)beside, FOREIGN);
	CHECK(beside * 100 < alone * 105);
	return 0;
}
