// SPDX-License-Identifier: MIT
// The shared object that the kernel maps into every program (proc/vdso.c): clocks without a system call.
// C libraries find it by AT_SYSINFO_EHDR and its functions by Linux's names. It has no data of its own; the
// page below it is the kernel's, and programs only read it.
#include <machine.h>
#include <uapi/vdso.h>

#define NS_PER_S 1000000000u
#define CLOCKS_READ 0xb3u // REALTIME, MONOTONIC, _RAW, both _COARSE and BOOTTIME, as bits

struct timespec {
	int64_t sec, nsec;
};
struct timeval {
	int64_t sec, usec;
};

/** The page below the image (vdso.ld). */
extern const volatile struct vdso_clock clock_page __attribute__((visibility("hidden")));

static inline uint64_t since_boot(const volatile struct vdso_clock *clock)
{
	uint64_t ticks = read_counter() - clock->boot_ticks;
	return (uint64_t)(((unsigned __int128)ticks * clock->ns_per_tick) >> VDSO_FACTOR_SHIFT);
}

static inline int is_realtime(unsigned id)
{
	return id == 0 || id == 5;
}

int VDSO(clock_gettime)(int id, struct timespec *at)
{
	const volatile struct vdso_clock *clock = &clock_page;
	unsigned number = (unsigned)id;
	if (number > 7 || !(CLOCKS_READ >> number & 1) || !clock->is_usable)
		return (int)call(NR_clock_gettime, id, (long)at, 0);
	uint64_t now = since_boot(clock) + (is_realtime(number) ? clock->realtime_offset : 0);
	at->sec = (int64_t)(now / NS_PER_S);
	at->nsec = (int64_t)(now % NS_PER_S);
	return 0;
}

int VDSO(clock_getres)(int id, struct timespec *at)
{
	return (int)call(NR_clock_getres, id, (long)at, 0);
}

int VDSO(gettimeofday)(struct timeval *at, void *zone)
{
	const volatile struct vdso_clock *clock = &clock_page;
	if (!at || zone || !clock->is_usable)
		return (int)call(NR_gettimeofday, (long)at, (long)zone, 0);
	uint64_t now = since_boot(clock) + clock->realtime_offset;
	at->sec = (int64_t)(now / NS_PER_S);
	at->usec = (int64_t)(now % NS_PER_S / 1000);
	return 0;
}

int64_t VDSO(time)(int64_t *at)
{
	const volatile struct vdso_clock *clock = &clock_page;
	if (!clock->is_usable)
		return call(NR_time, (long)at, 0, 0);
	int64_t now = (int64_t)((since_boot(clock) + clock->realtime_offset) / NS_PER_S);
	if (at)
		*at = now;
	return now;
}

int VDSO(getcpu)(unsigned *cpu, unsigned *node, void *unused)
{
	(void)unused;
	return get_cpu(cpu, node);
}
