// SPDX-License-Identifier: MIT
// What a process has used: time in the kernel and time of its own, told apart and never sinking; timers of
// either; page faults, the most memory, and the same of children that were waited for.
#include <sys/resource.h>
#include <sys/times.h>

#include "check.h"

#define MS 1000000ll
#define PAGES 300

static int64_t ns(const struct timeval *tv)
{
	return tv->tv_sec * 1000 * MS + tv->tv_usec * 1000;
}

/** Spend @time in system calls; in long ones, for most of it to be the kernel's. */
static void work_in_kernel(int64_t time)
{
	static char buffer[1 << 20];
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	CHECK(fd >= 0);
	for (int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + time; now_ns(CLOCK_PROCESS_CPUTIME_ID) < end;) {
		for (int i = 0; i < 10; i++)
			CHECK(read(fd, buffer, sizeof(buffer)) > 0); // less if a signal comes
	}
	close(fd);
}

static void work_in_user(int64_t time)
{
	volatile unsigned sum = 0;
	for (int64_t end = now_ns(CLOCK_PROCESS_CPUTIME_ID) + time; now_ns(CLOCK_PROCESS_CPUTIME_ID) < end;) {
		for (int i = 0; i < 1000000; i++)
			sum += (unsigned)i;
	}
}

/** A child that does @work: what it used, by its own account and by the parent's. */
static void run(void (*work)(int64_t), struct rusage *usage)
{
	struct rusage own, before, after;
	struct tms times_before, times_after;
	CHECK_IS(getrusage(RUSAGE_CHILDREN, &before), 0);
	CHECK(times(&times_before) != -1);
	pid_t pid = check_fork();
	if (pid == 0) {
		struct rusage last;
		CHECK_IS(getrusage(RUSAGE_SELF, &last), 0);
		CHECK(ns(&last.ru_utime) + ns(&last.ru_stime) <= now_ns(CLOCK_PROCESS_CPUTIME_ID)); // its own
		for (int i = 0; i < 8; i++) {
			work(100 * MS);
			CHECK_IS(getrusage(RUSAGE_SELF, &own), 0);
			CHECK(ns(&own.ru_utime) >= ns(&last.ru_utime));
			CHECK(ns(&own.ru_stime) >= ns(&last.ru_stime));
			last = own;
		}
		CHECK(ns(&own.ru_utime) + ns(&own.ru_stime) >= 790 * MS);
		struct rusage thread;
		CHECK_IS(getrusage(RUSAGE_THREAD, &thread), 0);
		CHECK(ns(&thread.ru_utime) + ns(&thread.ru_stime) >= 790 * MS);
		_exit(0);
	}
	int status;
	CHECK_IS(wait4(pid, &status, 0, usage), pid);
	CHECK_IS(status, 0);
	CHECK_IS(getrusage(RUSAGE_CHILDREN, &after), 0);
	CHECK(labs(ns(&after.ru_utime) - ns(&before.ru_utime) - ns(&usage->ru_utime)) <= 1000); // rounded
	CHECK(labs(ns(&after.ru_stime) - ns(&before.ru_stime) - ns(&usage->ru_stime)) <= 1000);
	CHECK(times(&times_after) != -1);
	int64_t ticks = times_after.tms_cstime - times_before.tms_cstime - ns(&usage->ru_stime) / (10 * MS);
	CHECK(ticks >= -1 && ticks <= 1);
}

static void check_split(void)
{
	struct rusage usage;
	run(work_in_kernel, &usage);
	CHECK(ns(&usage.ru_stime) > ns(&usage.ru_utime)); // by samples, of which some may hit the other side
	run(work_in_user, &usage);
	CHECK(ns(&usage.ru_utime) > ns(&usage.ru_stime));
}

static volatile sig_atomic_t signals[NSIG];
static void count(int sig)
{
	signals[sig]++;
}

/** ITIMER_PROF runs in the kernel, too; ITIMER_VIRTUAL, of user time, hardly does. */
static void check_timers(void)
{
	pid_t pid = check_fork();
	if (pid == 0) {
		struct itimerval second = {{0, 0}, {0, 400000}};
		struct sigaction action = {.sa_handler = count};
		struct rusage usage;
		do { // until it is known that the time is the kernel's: before, all counts as user time
			work_in_kernel(20 * MS);
			CHECK_IS(getrusage(RUSAGE_SELF, &usage), 0);
		} while (ns(&usage.ru_stime) == 0);
		CHECK_IS(sigaction(SIGVTALRM, &action, NULL), 0);
		CHECK_IS(sigaction(SIGPROF, &action, NULL), 0);
		CHECK_IS(setitimer(ITIMER_VIRTUAL, &second, NULL), 0);
		CHECK_IS(setitimer(ITIMER_PROF, &second, NULL), 0);
		work_in_kernel(600 * MS);
		CHECK_IS(signals[SIGVTALRM], 0);
		while (!signals[SIGPROF]) // it comes by a thread
			work_in_kernel(MS);
		while (!signals[SIGVTALRM])
			work_in_user(100 * MS);
		_exit(0);
	}
	CHECK_CHILD(pid);
}

static void check_faults(void)
{
	struct rusage before, after;
	size_t size = PAGES * 4096;
	CHECK_IS(getrusage(RUSAGE_SELF, &before), 0);
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(memory != MAP_FAILED);
	memset(memory, 1, size);
	CHECK_IS(munmap(memory, size), 0);
	CHECK_IS(getrusage(RUSAGE_SELF, &after), 0);
	long faults = after.ru_minflt - before.ru_minflt;
	CHECK(faults >= PAGES && faults < PAGES + 50);
	CHECK(after.ru_maxrss >= PAGES * 4);
	long peak = after.ru_maxrss;
	pid_t pid = check_fork();
	if (pid == 0) {
		CHECK_IS(getrusage(RUSAGE_SELF, &after), 0);
		CHECK(after.ru_minflt < 100 && after.ru_maxrss < peak); // its own, not the parent's
		memory = mmap(NULL, 4 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		CHECK(memory != MAP_FAILED);
		memset(memory, 1, 4 * size);
		_exit(0);
	}
	int status;
	CHECK_IS(wait4(pid, &status, 0, &after), pid);
	CHECK_IS(status, 0);
	CHECK(after.ru_minflt >= 4 * PAGES && after.ru_maxrss >= 4 * PAGES * 4);
	CHECK_IS(getrusage(RUSAGE_CHILDREN, &before), 0);
	CHECK(before.ru_minflt >= after.ru_minflt && before.ru_maxrss >= after.ru_maxrss);
}

static void *sleep_often(void *arg)
{
	for (int i = 0; i < 20; i++)
		sleep_ms(1);
	return arg;
}

/** Switches of all threads count, also of those that ended. */
static void check_switches(void)
{
	struct rusage before, after;
	CHECK_IS(getrusage(RUSAGE_SELF, &before), 0);
	pthread_t one = start_thread(sleep_often, NULL), two = start_thread(sleep_often, NULL);
	CHECK_IS(pthread_join(one, NULL), 0);
	CHECK_IS(pthread_join(two, NULL), 0);
	CHECK_IS(getrusage(RUSAGE_SELF, &after), 0);
	CHECK(after.ru_nvcsw - before.ru_nvcsw >= 40);
	CHECK_ERRNO(getrusage(2, &after), EINVAL);
}

int main(void)
{
	check_split();
	check_timers();
	check_faults();
	check_switches();
	return 0;
}
