// SPDX-License-Identifier: MIT
// Too many processes and threads: as many as are allowed come into being, the next is -EAGAIN, and when
// they are gone the system is as usable as before; also when all CPUs try at once.
// guest: CPUS 4
#include "check.h"

static int *born;
static int ends[2];

static void be_born(void)
{
	__atomic_add_fetch(born, 1, __ATOMIC_RELAXED);
	close(ends[1]);
	char c;
	(void)!read(ends[0], &c, 1); // until the parent closes its end
	_exit(0);
}

static int fork_all(pid_t *pids, int most)
{
	int count = 0;
	while (count < most) {
		pid_t pid = fork();
		if (pid < 0) {
			CHECK_IS(errno, EAGAIN);
			break;
		}
		if (pid == 0)
			be_born();
		pids[count++] = pid;
	}
	return count;
}

/** All of the machine's: four processes fork until nothing goes any more, twice, with the same sum. */
static void check_all(void)
{
	int sums[2];
	for (int round = 0; round < 2; round++) {
		CHECK_IS(pipe(ends), 0);
		int full[2];
		CHECK_IS(pipe(full), 0);
		*born = 0;
		pid_t forkers[4];
		for (int i = 0; i < 4; i++) {
			forkers[i] = check_fork();
			if (forkers[i] == 0) {
				static pid_t pids[2000];
				close(ends[1]);
				int count = fork_all(pids, 2000);
				CHECK(count < 2000);
				CHECK_IS(write(full[1], "f", 1), 1);
				for (int n = 0; n < count; n++)
					CHECK_CHILD(pids[n]);
				_exit(0);
			}
		}
		char c;
		for (int i = 0; i < 4; i++)
			CHECK_IS(read(full[0], &c, 1), 1);
		// What earlier programs left behind may go just now.
		pid_t more[16];
		int more_count = fork_all(more, 16);
		CHECK(more_count < 16);
		close(ends[1]);
		for (int i = 0; i < more_count; i++)
			CHECK_CHILD(more[i]);
		for (int i = 0; i < 4; i++)
			CHECK_CHILD(forkers[i]);
		close(ends[0]), close(full[0]), close(full[1]);
		sums[round] = *born;
	}
	printf("%d and %d processes were born\n", sums[0], sums[1]);
	CHECK(sums[0] > 900 && sums[0] <= 1024);
	CHECK(sums[1] >= sums[0]); // more, when something else has ended since
}

/** A user's fork bomb leaves root some, and its end makes room. */
static void check_user(void)
{
	int full[2];
	char c;
	CHECK_IS(pipe(ends), 0);
	CHECK_IS(pipe(full), 0);
	pid_t bomb = check_fork();
	if (bomb == 0) {
		static pid_t pids[2000];
		CHECK_IS(setuid(1234), 0);
		close(ends[1]);
		int count = fork_all(pids, 2000);
		CHECK(count > 800 && count < 960);
		CHECK_ERRNO(fork(), EAGAIN);
		CHECK_IS(write(full[1], "f", 1), 1);
		for (int n = 0; n < count; n++)
			CHECK_CHILD(pids[n]);
		_exit(0);
	}
	CHECK_IS(read(full[0], &c, 1), 1);
	pid_t roots[40];
	CHECK_IS(fork_all(roots, 40), 40);
	close(ends[1]);
	for (int i = 0; i < 40; i++)
		CHECK_CHILD(roots[i]);
	CHECK_CHILD(bomb);
	close(ends[0]), close(full[0]), close(full[1]);
}

static void *wait_for_end(void *arg)
{
	char c;
	(void)!read(*(int *)arg, &c, 1);
	return NULL;
}

/** A thread counts until it is gone, which is a little after it was joined. */
static void wait_until_alone(void)
{
	char text[2048];
	ssize_t len;
	do {
		int fd = open("/proc/self/status", O_RDONLY);
		len = read(fd, text, sizeof(text) - 1);
		CHECK(fd >= 0 && len > 0);
		text[len] = '\0';
		close(fd);
	} while (!strstr(text, "\nThreads:\t1\n"));
}

static void check_threads(void)
{
	static pthread_t threads[1000];
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 32768);
	for (int round = 0; round < 2; round++) {
		CHECK_IS(pipe(ends), 0);
		int count = 0, error = 0;
		while (count < 1000 && !error) {
			error = pthread_create(&threads[count], &attr, wait_for_end, &ends[0]);
			count += !error;
		}
		CHECK(error == EAGAIN && count == 255);
		close(ends[1]);
		for (int i = 0; i < count; i++)
			CHECK_IS(pthread_join(threads[i], NULL), 0);
		wait_until_alone();
		close(ends[0]);
	}
}

int main(void)
{
	born = shared_memory(4096);
	if (!is_halcyon())
		return SKIPPED; // the machine's own limits are this kernel's
	check_all();
	check_user();
	check_threads();
	return 0;
}
