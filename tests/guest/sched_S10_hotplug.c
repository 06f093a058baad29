// SPDX-License-Identifier: MIT
// Each CPU that may leave is taken off and brought back, ten times (or argv[1] times), while threads
// compute, sleep, pass bytes through pipes and fork: all of them go on, /proc and /sys follow, and the
// interrupts of the console have somewhere to go. A bound thread, and the last CPU, are not taken away.
// guest: CPUS 4
#include "check.h"

#define CPUS_MAX_HERE 64
#define KINDS 4

static volatile int stop;
static char text[1 << 16];

static const char *read_text(const char *path)
{
	int fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	size_t len = 0;
	ssize_t got;
	while ((got = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	CHECK_IS(got, 0);
	close(fd);
	text[len] = 0;
	return text;
}

static int set_online(int cpu, const char *value)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	int fd = open(path, O_WRONLY);
	CHECK(fd >= 0);
	ssize_t done = write(fd, value, strlen(value));
	int error = errno;
	close(fd);
	errno = error;
	return done == (ssize_t)strlen(value) ? 0 : -1;
}

static int is_online(int cpu)
{
	char path[64];
	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
	return atoi(read_text(path));
}

/** How many lines of @path begin with @word. */
static int count_lines(const char *path, const char *word)
{
	int count = 0;
	for (const char *at = read_text(path); at; at = strchr(at, '\n'), at = at ? at + 1 : NULL)
		count += strncmp(at, word, strlen(word)) == 0;
	return count;
}

/** The console's interrupt is in a column of a CPU that is online, with all that came so far. */
static long console_interrupts(void)
{
	long sum = 0;
	char *name = strstr(read_text("/proc/interrupts"), "  tty");
	if (!name)
		return 0;
	*name = 0;
	char *at = strrchr(text, '\n');
	at = strchr(at ? at : text, ':');
	while (at && *++at) {
		sum += strtol(at, &at, 10);
		at = strchr(at, ' ');
	}
	return sum;
}

struct worker {
	volatile long turns;
	int kind;
	int ends[2];
};

static void *work(void *arg)
{
	struct worker *self = arg;
	while (!stop) {
		char byte = 7;
		switch (self->kind) {
		case 0: // compute
			for (volatile int i = 0; i < 2000; i++) {
			}
			break;
		case 1: // sleep
			usleep(1000);
			break;
		case 2: // block and be woken, through the kernel
			CHECK_IS(write(self->ends[1], &byte, 1), 1);
			CHECK_IS(read(self->ends[0], &byte, 1), 1);
			usleep(100);
			break;
		default: { // address spaces come and go
			pid_t child = check_fork();
			if (child == 0)
				_exit(0);
			CHECK_CHILD(child);
			usleep(3000); // each costs the CPUs that emulate these dear
		}
		}
		self->turns++;
	}
	return NULL;
}

static struct worker workers[KINDS + 1];

/** Every thread makes progress from here on. */
static void check_nobody_is_lost(int count)
{
	for (int i = 0; i < count; i++) {
		long before = workers[i].turns;
		int64_t deadline = now_ns(CLOCK_MONOTONIC) + 60 * 1000000000ll;
		while (workers[i].turns == before) {
			CHECK(now_ns(CLOCK_MONOTONIC) < deadline);
			usleep(200);
		}
	}
}

static void check_counts(int online)
{
	CHECK_IS(sysconf(_SC_NPROCESSORS_ONLN), online);
	CHECK_IS(count_lines("/proc/cpuinfo", "processor\t"), online);
	CHECK_IS(count_lines("/proc/stat", "cpu"), online + 1);
}

/** Returns whether @cpu may leave at all. */
static bool off_and_on(int cpu, int cpus, int count, long interrupts)
{
	if (set_online(cpu, "0") != 0) {
		CHECK_IS(errno, EBUSY);
		CHECK_IS(cpu, 0); // a PC's boot CPU
		CHECK_IS(is_online(cpu), 1);
		return false;
	}
	CHECK_IS(is_online(cpu), 0);
	CHECK_IS(set_online(cpu, "0\n"), 0);
	check_counts(cpus - 1);
	CHECK(console_interrupts() >= interrupts);
	unsigned here;
	CHECK_IS(syscall(SYS_getcpu, &here, NULL, NULL), 0);
	CHECK((int)here != cpu);
	check_nobody_is_lost(count);
	CHECK_IS(set_online(cpu, "1\n"), 0);
	CHECK_IS(is_online(cpu), 1);
	check_counts(cpus);
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pid_t child = check_fork();
	if (child == 0) { // it works there
		CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
		CHECK_IS(syscall(SYS_getcpu, &here, NULL, NULL), 0);
		CHECK_IS(here, cpu);
		usleep(200);
		_exit(0);
	}
	CHECK_CHILD(child);
	return true;
}

static void check_refused(int cpus)
{
	CHECK_ERRNO(set_online(1, "2"), EINVAL);
	CHECK_ERRNO(set_online(1, "10"), EINVAL);
	CHECK_ERRNO(set_online(1, "\n"), EINVAL);
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_ERRNO(set_online(1, "0"), EBUSY); // this thread is bound to it
	memset(&set, 0xff, sizeof(set));
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
	bool stays[CPUS_MAX_HERE] = {0};
	int left = cpus;
	for (int cpu = 0; cpu < cpus; cpu++) {
		stays[cpu] = set_online(cpu, "0") != 0;
		left -= !stays[cpu];
	}
	CHECK_IS(left, 1); // the last one
	CHECK_IS(sysconf(_SC_NPROCESSORS_ONLN), 1);
	for (int cpu = 0; cpu < cpus; cpu++)
		CHECK_IS(set_online(cpu, "1"), 0);
	check_counts(cpus);
}

int main(int argc, char **argv)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (!is_guest() || !is_halcyon() || cpus < 2 || cpus > CPUS_MAX_HERE || geteuid() != 0)
		return SKIPPED;
	check_refused(cpus);
	long wanted = argc > 1 ? atol(argv[1]) : 10;
	pthread_t threads[KINDS + 1];
	int count = KINDS + 1;
	for (int i = 0; i < count; i++) {
		workers[i].kind = i % KINDS;
		CHECK_IS(pipe(workers[i].ends), 0);
		threads[i] = start_thread(work, &workers[i]);
	}
	long interrupts = console_interrupts();
	for (long round = 0; round < wanted; round++) {
		for (int cpu = 0; cpu < cpus; cpu++)
			off_and_on(cpu, cpus, count, interrupts);
		if ((round + 1) % 100 == 0)
			fprintf(stderr, "%ld rounds of %d CPUs\n", round + 1, cpus);
	}
	stop = 1;
	for (int i = 0; i < count; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
	return 0;
}
