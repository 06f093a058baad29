// SPDX-License-Identifier: MIT
// Affinity and priority as programs set them: in force on return for running, ready and blocked threads,
// inherited, refused when empty or offline; nice values, yields, and who may raise what.
// guest: CPUS 4
#include <sys/resource.h>

#include "check.h"

static volatile int stop;
static volatile int cpu_of_spinner;

static void pin(pid_t tid, int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_IS(sched_setaffinity(tid, sizeof(set), &set), 0);
}

static int cpu_now(void)
{
	unsigned cpu = 999;
	CHECK_IS(syscall(SYS_getcpu, &cpu, NULL, NULL), 0);
	return (int)cpu;
}

static pid_t spinner_tid;
static void *spin(void *arg)
{
	__atomic_store_n(&spinner_tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
	while (!stop)
		cpu_of_spinner = cpu_now();
	return arg;
}

static void check_self(int cpus)
{
	for (int round = 0; round < 20; round++) {
		for (int cpu = 0; cpu < cpus; cpu++) {
			pin(0, cpu);
			for (int i = 0; i < 20; i++) {
				CHECK_IS(cpu_now(), cpu);
				if (i % 5 == 0)
					sched_yield();
			}
		}
	}
	pin(0, 1);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(cpu_now(), 1);
		_exit(0);
	}
	CHECK_CHILD(child);
}

static void check_refused(int cpus)
{
	cpu_set_t set, all;
	CPU_ZERO(&set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(cpus + 3, &set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL); // no such CPU is online
	CPU_SET(0, &set);
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_IS(sched_getaffinity(0, sizeof(all), &all), 0);
	CHECK(CPU_COUNT(&all) == 1 && CPU_ISSET(0, &all));
	CHECK_ERRNO(sched_setaffinity(0x7ffffff0, sizeof(set), &set), ESRCH);
	CHECK_ERRNO(syscall(SYS_sched_getaffinity, 0, 1, &all), EINVAL);
	memset(&all, 0xff, sizeof(all));
	CHECK_IS(sched_setaffinity(0, sizeof(all), &all), 0);
	CHECK_IS(sched_getaffinity(0, sizeof(all), &all), 0);
	CHECK_IS(CPU_COUNT(&all), cpus);
}

static void check_others(int cpus)
{
	pin(0, 0);
	stop = 0;
	pthread_t thread = start_thread(spin, NULL);
	while (!__atomic_load_n(&spinner_tid, __ATOMIC_ACQUIRE))
		sched_yield();
	for (int i = 0; i < 100; i++) { // running or ready on the same CPU
		int cpu = i % cpus;
		pin(spinner_tid, cpu);
		cpu_of_spinner = -1;
		while (cpu_of_spinner < 0)
			sched_yield();
		// the number may have been read just before the move
		int first = cpu_of_spinner;
		cpu_of_spinner = -1;
		while (cpu_of_spinner < 0)
			sched_yield();
		CHECK(cpu_of_spinner == cpu);
		(void)first;
	}
	stop = 1;
	CHECK_IS(pthread_join(thread, NULL), 0);
	int ends[2];
	CHECK_IS(pipe(ends), 0);
	pid_t child = check_fork();
	if (child == 0) { // blocked while it is moved
		char cpu;
		CHECK_IS(read(ends[0], &cpu, 1), 1);
		CHECK_IS(cpu_now(), cpu);
		_exit(0);
	}
	sleep_ms(2);
	pin(child, cpus - 1);
	char cpu = (char)(cpus - 1);
	CHECK_IS(write(ends[1], &cpu, 1), 1);
	CHECK_CHILD(child);
}

static void check_nice(void)
{
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(setpriority(PRIO_PROCESS, 0, 5), 0);
		CHECK_IS(getpriority(PRIO_PROCESS, 0), 5);
		errno = 0;
		CHECK_IS(nice(3), 8);
		CHECK_IS(setpriority(PRIO_PROCESS, 0, -7), 0); // root may
		CHECK_IS(getpriority(PRIO_PROCESS, 0), -7);
		CHECK_IS(setpriority(PRIO_PROCESS, 0, 100), 0); // to the limit
		CHECK_IS(getpriority(PRIO_PROCESS, 0), 19);
		CHECK_ERRNO(setpriority(99, 0, 0), EINVAL);
		CHECK_ERRNO(setpriority(PRIO_PROCESS, 0x7ffffff0, 0), ESRCH);
		CHECK_IS(setuid(65534), 0);
		CHECK_ERRNO(setpriority(PRIO_PROCESS, 0, 5), EACCES);
		CHECK_ERRNO(setpriority(PRIO_PROCESS, getppid(), 19), EPERM);
		struct sched_param param = { .sched_priority = 10 };
		CHECK_ERRNO(sched_setscheduler(0, SCHED_FIFO, &param), EPERM);
		CHECK_IS(sched_getscheduler(0), SCHED_OTHER);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(sched_get_priority_max(SCHED_FIFO), 99);
	CHECK_IS(sched_get_priority_min(SCHED_RR), 1);
}

int main(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 2 || geteuid() != 0)
		return SKIPPED;
	check_self(cpus);
	check_refused(cpus);
	check_others(cpus);
	check_nice();
	return 0;
}
