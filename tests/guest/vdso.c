// SPDX-License-Identifier: MIT
// The vDSO: its functions say what the system calls say, also after the clock was set; the C library uses it,
// so that reading a clock is no system call; time never runs backwards between CPUs.
// guest: CPUS 4
#include <link.h>
#include <sys/auxv.h>
#include <sys/klog.h>

#include "check.h"

#ifdef __aarch64__
#define NAME(name) "__kernel_" name
#else
#define NAME(name) "__vdso_" name
#endif

static int (*get_time)(clockid_t, struct timespec *);
static int (*get_day)(struct timeval *, void *);

/** A function of the image at @base; NULL: it has none of that name. */
static void *find(const char *base, const char *name)
{
	const ElfW(Ehdr) *head = (const void *)base;
	const ElfW(Phdr) *ph = (const void *)(base + head->e_phoff);
	const ElfW(Dyn) *dyn = NULL;
	const ElfW(Sym) *symbols = NULL;
	const char *names = NULL;
	const uint32_t *hash = NULL;
	CHECK(memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_type == ET_DYN);
	for (int i = 0; i < head->e_phnum; i++) {
		CHECK(ph[i].p_type != PT_LOAD || ph[i].p_vaddr == 0);
		if (ph[i].p_type == PT_DYNAMIC)
			dyn = (const void *)(base + ph[i].p_vaddr);
	}
	for (CHECK(dyn != NULL); dyn->d_tag != DT_NULL; dyn++) {
		if (dyn->d_tag == DT_SYMTAB)
			symbols = (const void *)(base + dyn->d_un.d_ptr);
		if (dyn->d_tag == DT_STRTAB)
			names = base + dyn->d_un.d_ptr;
		if (dyn->d_tag == DT_HASH)
			hash = (const void *)(base + dyn->d_un.d_ptr);
	}
	CHECK(symbols && names && hash);
	for (uint32_t i = 1; i < hash[1]; i++) {
		if (strcmp(names + symbols[i].st_name, name) == 0)
			return (void *)(base + symbols[i].st_value);
	}
	return NULL;
}

static int64_t in_ns(const struct timespec *time)
{
	return time->tv_sec * 1000000000ll + time->tv_nsec;
}

static int64_t by_call(clockid_t id)
{
	struct timespec time;
	CHECK_IS(syscall(SYS_clock_gettime, id, &time), 0);
	return in_ns(&time);
}

static void check_agreement(void)
{
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
					    CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
					    CLOCK_PROCESS_CPUTIME_ID };
	for (unsigned i = 0; i < 7000; i++) {
		struct timespec time;
		clockid_t id = clocks[i % 7];
		int64_t before = by_call(id);
		CHECK_IS(get_time(id, &time), 0);
		int64_t after = by_call(id);
		CHECK(before <= in_ns(&time) && in_ns(&time) <= after && time.tv_nsec < 1000000000);
	}
	struct timeval day;
	int64_t before = by_call(CLOCK_REALTIME) / 1000;
	CHECK_IS(get_day(&day, NULL), 0);
	int64_t now = day.tv_sec * 1000000ll + day.tv_usec;
	CHECK(before <= now && now <= by_call(CLOCK_REALTIME) / 1000);
	struct timespec unused;
	CHECK_IS(get_time(1000, &unused), -EINVAL);
}

static void check_setting(void)
{
	struct timespec was, later, now;
	CHECK_IS(clock_gettime(CLOCK_REALTIME, &was), 0);
	later = was;
	later.tv_sec += 1000;
	CHECK_IS(clock_settime(CLOCK_REALTIME, &later), 0);
	CHECK_IS(get_time(CLOCK_REALTIME, &now), 0);
	CHECK(in_ns(&now) >= in_ns(&later));
	now.tv_sec -= 1000;
	CHECK_IS(clock_settime(CLOCK_REALTIME, &now), 0);
	CHECK_IS(get_time(CLOCK_REALTIME, &now), 0);
	CHECK(in_ns(&now) >= in_ns(&was) && in_ns(&now) < in_ns(&was) + 100000000000ll);
}

static int64_t latest;

static void *watch_clock(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		struct timespec time;
		int64_t seen = __atomic_load_n(&latest, __ATOMIC_ACQUIRE);
		CHECK_IS(get_time(CLOCK_MONOTONIC, &time), 0);
		CHECK(in_ns(&time) >= seen);
		while (seen < in_ns(&time) &&
		       !__atomic_compare_exchange_n(&latest, &seen, in_ns(&time), false,
						    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
			;
	}
	return arg;
}

static void check_order(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		threads[i] = start_thread(watch_clock, NULL);
	for (int i = 0; i < 4; i++)
		CHECK_IS(pthread_join(threads[i], NULL), 0);
}

static int (*get_cpu)(unsigned *, unsigned *, void *);

/** It names the CPU to which the thread is bound; every part of the answer may be left out. */
static void check_cpu(void)
{
	cpu_set_t all, one;
	unsigned cpu, node;
	CHECK_IS(sched_getaffinity(0, sizeof(all), &all), 0);
	for (unsigned i = 0; get_cpu && i < CPU_SETSIZE; i++) {
		if (!CPU_ISSET(i, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(i, &one);
		CHECK_IS(sched_setaffinity(0, sizeof(one), &one), 0);
		CHECK_IS(get_cpu(&cpu, &node, NULL), 0);
		CHECK(cpu == i && node == 0);
		cpu = CPU_SETSIZE;
		CHECK_IS(get_cpu(&cpu, NULL, NULL), 0);
		CHECK_IS(cpu, i);
		CHECK_IS(get_cpu(NULL, &node, NULL), 0);
		CHECK_IS(sched_getcpu(), i);
	}
	CHECK_IS(sched_setaffinity(0, sizeof(all), &all), 0);
}

static void set_trace(int fd, const char *value)
{
	CHECK_IS(write(fd, value, 1), 1);
}

static void check_library(void)
{
	static char log[32769];
	struct timespec time_spec;
	struct timeval day;
	int fd = open("/proc/self/trace", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; // not Halcyon
	set_trace(fd, "1");
	(void)!access("/begin-of-clocks", F_OK);
	CHECK_IS(clock_gettime(CLOCK_MONOTONIC, &time_spec), 0);
	CHECK_IS(clock_gettime(CLOCK_REALTIME, &time_spec), 0);
	CHECK_IS(gettimeofday(&day, NULL), 0);
	CHECK(time(NULL) > 0);
#ifdef __x86_64__
	unsigned cpu;
	CHECK_IS(get_cpu(&cpu, NULL, NULL), 0);
#endif
	(void)!access("/end-of-clocks", F_OK);
	set_trace(fd, "0");
	close(fd);
	int n = klogctl(3, log, sizeof(log) - 1);
	CHECK(n > 0);
	char *begin = strstr(log, "begin-of-clocks"), *end = begin ? strstr(begin, "end-of-clocks") : NULL;
	CHECK(begin && end);
	*end = '\0';
	CHECK(!strstr(begin, "clock_gettime(") && !strstr(begin, "gettimeofday(") &&
	      !strstr(begin, " time(") && !strstr(begin, "getcpu("));
}

int main(void)
{
	const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
	CHECK(image != NULL);
	get_time = find(image, NAME("clock_gettime"));
	get_day = find(image, NAME("gettimeofday"));
	get_cpu = find(image, NAME("getcpu")); // none on AArch64, as in Linux
	CHECK(get_time && get_day && find(image, NAME("clock_getres")));
	check_agreement();
	check_order();
	if (getuid() == 0 && is_guest())
		check_setting();
	check_cpu();
	check_library();
	// The page below is the kernel's to write.
	pid_t child = check_fork();
	if (child == 0) {
		*(volatile char *)(image - 4096) = 0;
		_exit(0);
	}
	CHECK_IS(WTERMSIG(wait_status(child)), SIGSEGV);
	return 0;
}
