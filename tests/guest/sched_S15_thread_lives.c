// SPDX-License-Identifier: MIT
// Many thread and process lives leave nothing behind: threads that end at once, detached ones, processes
// killed in every kind of wait. Afterwards as much memory is free as before, and no process is left.
// guest: CPUS 4
#include <poll.h>
#include <semaphore.h>
#include <sys/sysinfo.h>

#include "check.h"

static long done;

static void *live(void *arg)
{
	__atomic_add_fetch(&done, 1, __ATOMIC_RELAXED);
	return arg;
}

static void *make_threads(void *arg)
{
	long count = (long)arg;
	for (long i = 0; i < count; i++)
		CHECK_IS(pthread_join(start_thread(live, NULL), NULL), 0);
	return NULL;
}

static void check_threads(long lives)
{
	pthread_t makers[4];
	done = 0;
	for (int i = 0; i < 4; i++)
		makers[i] = start_thread(make_threads, (void *)(lives / 4));
	for (int i = 0; i < 4; i++)
		CHECK_IS(pthread_join(makers[i], NULL), 0);
	CHECK_IS(done, lives / 4 * 4);
}

static void check_processes(long lives)
{
	for (long i = 0; i < lives; i++) {
		pid_t child = check_fork();
		if (child == 0)
			_exit(0);
		CHECK_CHILD(child);
	}
}

static int ends[2];

static void block_somehow(int how)
{
	char c;
	sem_t *sem = shared_memory(sizeof(*sem));
	struct pollfd fd = { ends[0], POLLIN, 0 };
	switch (how) {
	case 0:
		(void)!read(ends[0], &c, 1);
		break;
	case 1:
		poll(&fd, 1, -1);
		break;
	case 2:
		sem_init(sem, 1, 0);
		sem_wait(sem);
		break;
	case 3:
		sleep(1000);
		break;
	case 4:
		if (check_fork() == 0)
			for (;;)
				sleep(1);
		wait(NULL);
		break;
	case 5:
		raise(SIGSTOP);
		break;
	default:
		pause();
	}
	_exit(0);
}

static void check_killed(int rounds_of_kinds)
{
	CHECK_IS(pipe(ends), 0);
	for (int i = 0; i < rounds_of_kinds * 7; i++) {
		pid_t child = check_fork();
		if (child == 0) {
			setpgid(0, 0);
			block_somehow(i % 7);
		}
		setpgid(child, child);
		if (i & 8)
			usleep(300);
		CHECK_IS(kill(-child, SIGKILL), 0);
		CHECK_IS(WTERMSIG(wait_status(child)), SIGKILL);
	}
	close(ends[0]);
	close(ends[1]);
}

static long free_kib(void)
{
	struct sysinfo info;
	CHECK_IS(sysinfo(&info), 0);
	return (long)(info.freeram * info.mem_unit / 1024);
}

static void run_all(long lives)
{
	check_threads(lives);
	check_processes(lives / 20);
	check_killed((int)(lives / 500));
}

int main(void)
{
	struct sysinfo info;
	for (int i = 0; i < 2; i++) // caches fill, the C library's and those of each CPU
		run_all(rounds(10000, 500000));
	long before = free_kib();
	run_all(rounds(10000, 500000));
	for (int i = 0; i < 50 && free_kib() < before - 256; i++)
		sleep_ms(10); // what is freed late, and caches of other CPUs
	long lost = before - free_kib();
	printf("%ld KiB less are free\n", lost);
	fflush(stdout);
	if (is_halcyon()) { // Linux keeps more for later
		CHECK(lost < 1024);
		CHECK(sysinfo(&info) == 0 && info.procs < 30);
	}
	return 0;
}
