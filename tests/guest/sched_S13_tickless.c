// SPDX-License-Identifier: MIT
// A thread that has a processor for itself is interrupted by a timer at most once in a second, one that idles
// not at all; /proc/interrupts counts.
// guest: CPUS 4
#include "check.h"

#define SECONDS 5
#define LONE 3
#define IDLE 2

static void run_on(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK_IS(sched_setaffinity(0, sizeof(set), &set), 0);
}

static long timer_interrupts(int cpu)
{
	char text[4096];
	int fd = open("/proc/interrupts", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	CHECK(n > 0);
	close(fd);
	text[n] = '\0';
	char *at = strstr(text, "LOC:");
	CHECK(at);
	at += 4;
	for (int i = 0; i < cpu; i++)
		strtol(at, &at, 10);
	return strtol(at, NULL, 10);
}

int main(void)
{
	if (!is_halcyon())
		return SKIPPED;
	run_on(0);
	pid_t pid = check_fork();
	if (pid == 0) {
		run_on(LONE);
		for (;;)
			;
	}
	sleep_ms(1500); // it is known to be alone
	long lone = timer_interrupts(LONE), idle = timer_interrupts(IDLE);
	int busy_seconds = 0, quiet_seconds = 0;
	for (int i = 0; i < SECONDS; i++) {
		sleep_ms(1000);
		long lone_now = timer_interrupts(LONE), idle_now = timer_interrupts(IDLE);
		printf("a lone thread: %ld timer interrupts, an idle processor: %ld\n", lone_now - lone, idle_now - idle);
		busy_seconds += lone_now - lone > 1;
		quiet_seconds += idle_now == idle;
		lone = lone_now;
		idle = idle_now;
	}
	fflush(stdout);
	CHECK_IS(kill(pid, SIGKILL), 0);
	CHECK_IS(wait_status(pid), SIGKILL);
	// Once a thread of the kernel's may have had work on either.
	CHECK(busy_seconds <= 1);
	CHECK(quiet_seconds >= SECONDS - 1);
	return 0;
}
