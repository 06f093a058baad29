// SPDX-License-Identifier: MIT
// When munmap, mprotect, madvise, mremap or fork's write protection return, no thread on any CPU still
// uses the old translation: writers on all CPUs fault at once, and never write into what came after.
// guest: CPUS 8
#include <setjmp.h>

#include "check.h"

#define PAGE 4096
#define WRITERS 5
#define RW (PROT_READ | PROT_WRITE)

static char *volatile area;
static volatile long faults[WRITERS * 8], writes[WRITERS * 8];
static volatile int stop;
static __thread sigjmp_buf jump;

static void escape(int sig)
{
	(void)sig;
	siglongjmp(jump, 1);
}

/** Write to own bytes of the page as fast as possible; a fault is counted and tried again. */
static void *write_all_the_time(void *arg)
{
	long self = (long)arg;
	while (!stop) {
		if (sigsetjmp(jump, 0)) {
			faults[self * 8]++;
			sigset_t one;
			sigemptyset(&one);
			sigaddset(&one, SIGSEGV);
			pthread_sigmask(SIG_UNBLOCK, &one, NULL);
			sched_yield();
		}
		for (int i = 0; i < 100 && !stop; i++) {
			((volatile char *)area)[self]++;
			writes[self * 8]++;
		}
	}
	return NULL;
}

static void until_written(void)
{
	for (int i = 0; i < WRITERS; i++) {
		long before = writes[i * 8];
		while (writes[i * 8] == before)
			usleep(50);
	}
}

/** The page is read-only or gone now: its content must not change any more. */
static void check_still(const char *content)
{
	char first[WRITERS];
	memcpy(first, content, WRITERS);
	for (int i = 0; i < 20000; i++)
		CHECK(((volatile const char *)content)[i % WRITERS] == first[i % WRITERS]);
	sched_yield();
	CHECK(memcmp(first, content, WRITERS) == 0);
}

static void one_round(int fd, char *other, long round)
{
	until_written();
	CHECK_IS(mprotect(area, PAGE, PROT_READ), 0);
	check_still(area);
	CHECK_IS(mprotect(area, PAGE, RW), 0);
	until_written();
	CHECK_IS(munmap(area, PAGE), 0);
	check_still(other); // the same page of the file, seen elsewhere
	char *again = mmap(area, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0);
	CHECK(again == area);
	until_written();
	// another page in the same place: what is written after mmap returned goes there only
	CHECK(mmap(area, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area);
	check_still(other);
	until_written();
	if (round % 4 == 0) { // fork: the child's copy does not change
		pid_t child = check_fork();
		if (child == 0) {
			check_still(area);
			_exit(0);
		}
		CHECK_CHILD(child);
	}
	CHECK_IS(madvise(area, PAGE, MADV_DONTNEED), 0);
	CHECK(mmap(area, PAGE, RW, MAP_SHARED | MAP_FIXED, fd, 0) == area);
}

int main(void)
{
	int fd = scratch_file();
	CHECK_IS(ftruncate(fd, PAGE), 0);
	area = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	char *other = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(area != MAP_FAILED && other != MAP_FAILED);
	struct sigaction action = { .sa_handler = escape, .sa_flags = SA_NODEFER };
	CHECK_IS(sigaction(SIGSEGV, &action, NULL), 0);
	pthread_t threads[WRITERS];
	for (long i = 0; i < WRITERS; i++)
		threads[i] = start_thread(write_all_the_time, (void *)i);
	long count = rounds(20, 2000);
	for (long round = 0; round < count; round++)
		one_round(fd, other, round);
	stop = 1;
	long total = 0;
	for (int i = 0; i < WRITERS; i++) {
		CHECK_IS(pthread_join(threads[i], NULL), 0);
		total += faults[i * 8];
	}
	CHECK(total > 0);
	return 0;
}
