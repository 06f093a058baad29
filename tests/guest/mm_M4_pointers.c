// SPDX-License-Identifier: MIT
// Bad pointers of every kind to every pointer argument of the usual calls: -EFAULT (or the error that
// comes before), never a crash, nothing of the kernel read or written; the same for halves of buffers.
// guest: CPUS 4
#include <grp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/utsname.h>

#include "check.h"

#define PAGE 4096
#define PIPE_IN 100
#define FILE_RW 102

static char *edge; // the last byte of a page before nothing
static char *locked; // a page that may be read only

/** Calls whose argument @which is a pointer that is used whenever the others are as given. */
static const struct {
	const char *name;
	long nr;
	int which;
	bool is_out; // the kernel writes there
	long args[6];
} CALLS[] = {
#define OUT(name, which, ...) { #name, SYS_##name, which, true, { __VA_ARGS__ } }
#define IN(name, which, ...) { #name, SYS_##name, which, false, { __VA_ARGS__ } }
	OUT(read, 1, FILE_RW, 0, 64), IN(write, 1, PIPE_IN + 1, 0, 64), IN(write, 1, FILE_RW, 0, 64),
	OUT(pread64, 1, FILE_RW, 0, 64, 0), IN(pwrite64, 1, FILE_RW, 0, 64, 0),
	IN(readv, 1, FILE_RW, 0, 2), IN(writev, 1, FILE_RW, 0, 2), IN(preadv, 1, FILE_RW, 0, 2, 0),
	IN(openat, 1, AT_FDCWD, 0, O_RDONLY), IN(mkdirat, 1, AT_FDCWD, 0, 0755),
	IN(unlinkat, 1, AT_FDCWD, 0, 0), IN(symlinkat, 0, 0, AT_FDCWD, (long)"/tmp/x"),
	IN(symlinkat, 2, (long)"/tmp/x", AT_FDCWD, 0), IN(linkat, 1, AT_FDCWD, 0, AT_FDCWD, (long)"/tmp/x"),
	IN(renameat2, 1, AT_FDCWD, 0, AT_FDCWD, (long)"/tmp/x"), IN(chdir, 0, 0), IN(faccessat, 1, AT_FDCWD, 0, 0),
	IN(readlinkat, 1, AT_FDCWD, 0, (long)"12345678", 8), IN(mknodat, 1, AT_FDCWD, 0, S_IFREG, 0),
	OUT(readlinkat, 2, AT_FDCWD, (long)"/proc/self/exe", 0, 64), OUT(getcwd, 0, 0, 64),
	IN(newfstatat, 1, AT_FDCWD, 0, (long)"", 0), OUT(newfstatat, 2, AT_FDCWD, (long)"/", 0, 0),
	OUT(fstat, 1, FILE_RW, 0), OUT(statfs, 1, (long)"/", 0), IN(statfs, 0, 0, 0), OUT(fstatfs, 1, FILE_RW, 0),
	OUT(statx, 4, AT_FDCWD, (long)"/", 0, STATX_BASIC_STATS, 0), IN(truncate, 0, 0, 0),
	IN(fchmodat, 1, AT_FDCWD, 0, 0600), IN(fchownat, 1, AT_FDCWD, 0, 0, 0, 0),
	IN(utimensat, 2, AT_FDCWD, (long)"/tmp", 0, 0), OUT(getdents64, 1, 103, 0, 4096), OUT(pipe2, 0, 0, 0),
	IN(execve, 0, 0, 0, 0), IN(execve, 1, (long)"/proc/self/exe", 0, 0),
	IN(execve, 2, (long)"/proc/self/exe", 0, 0),
	OUT(ppoll, 0, 0, 1, 0, 0, 0), IN(ppoll, 2, 0, 0, 0, 0, 0), IN(ppoll, 3, 0, 0, 0, 0, 8),
	IN(pselect6, 1, 64, 0, 0, 0, 0, 0), IN(nanosleep, 0, 0, 0), OUT(clock_gettime, 1, CLOCK_MONOTONIC, 0),
	OUT(clock_getres, 1, CLOCK_REALTIME, 0), IN(clock_nanosleep, 2, CLOCK_MONOTONIC, 0, 0, 0),
	OUT(gettimeofday, 0, 0, 0), OUT(getitimer, 1, ITIMER_REAL, 0), IN(futex, 0, 0, 0, 0, 0),
	IN(futex, 3, 0, 0, 0, 0), IN(rt_sigaction, 1, SIGUSR1, 0, 0, 8), OUT(rt_sigaction, 2, SIGUSR1, 0, 0, 8),
	IN(rt_sigprocmask, 1, SIG_BLOCK, 0, 0, 8), OUT(rt_sigprocmask, 2, SIG_BLOCK, 0, 0, 8),
	OUT(rt_sigpending, 0, 0, 8), IN(rt_sigsuspend, 0, 0, 8), IN(rt_sigtimedwait, 0, 0, 0, 0, 8),
	IN(rt_sigqueueinfo, 2, 0, SIGUSR1, 0), IN(sigaltstack, 0, 0, 0), OUT(sigaltstack, 1, 0, 0),
	OUT(getrlimit, 1, RLIMIT_NOFILE, 0), IN(setrlimit, 1, RLIMIT_NOFILE, 0),
	IN(prlimit64, 2, 0, RLIMIT_NOFILE, 0, 0), OUT(prlimit64, 3, 0, RLIMIT_NOFILE, 0, 0),
	OUT(getrusage, 1, RUSAGE_SELF, 0), OUT(times, 0, 0), OUT(uname, 0, 0), OUT(sysinfo, 0, 0),
	OUT(getrandom, 0, 0, 64, 0), OUT(getgroups, 1, 3, 0), IN(setgroups, 1, 3, 0),
	OUT(getresuid, 0, 0, (long)"", (long)""), OUT(sched_getaffinity, 2, 0, 128, 0),
	IN(sched_setaffinity, 2, 0, 128, 0), IN(sched_setscheduler, 2, 0, SCHED_OTHER, 0),
	OUT(sched_getparam, 1, 0, 0), OUT(getcpu, 0, 0, 0, 0), OUT(get_robust_list, 1, 0, 0, 0),
};
#define CALL_COUNT (sizeof(CALLS) / sizeof(CALLS[0]))

static bool may_be_null(size_t i)
{
	static const char *const NULLABLE[] = { "rt_sigaction", "rt_sigprocmask", "sigaltstack", "prlimit64",
		"ppoll", "pselect6", "utimensat", "times", "clock_getres", "gettimeofday", "getcpu", "futex",
		"execve", "sched_setscheduler", "sched_getparam" };
	for (size_t n = 0; n < sizeof(NULLABLE) / sizeof(NULLABLE[0]); n++) {
		if (strcmp(NULLABLE[n], CALLS[i].name) == 0)
			return true;
	}
	return false;
}

static long try_call(size_t i, long pointer)
{
	long args[6];
	memcpy(args, CALLS[i].args, sizeof(args));
	args[CALLS[i].which] = pointer;
	if (CALLS[i].nr == SYS_rt_sigqueueinfo)
		args[0] = getpid();
	if (CALLS[i].nr == SYS_futex && CALLS[i].which == 3)
		args[0] = (long)locked;
	if (CALLS[i].nr == SYS_ppoll && CALLS[i].which != 0)
		args[0] = (long)edge, args[1] = 0; // no descriptors
	CHECK_IS(lseek(FILE_RW, 0, SEEK_SET), 0);
	errno = 0;
	long got = syscall(CALLS[i].nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	return got == -1 ? -errno : got;
}

static void check_call(size_t i)
{
	const long BAD[] = { 1, 8, (long)(edge + 1), (long)(edge + 1) + 8 * PAGE,
		-4096l, -1l, -8l, (long)0xffff800000000000ul, (long)0xffffffff80000000ul,
		(long)0xffffffc000000000ul, (long)0x8000000000000000ul, (long)0x0000800000000000ul,
		(long)0x00007ffffffff000ul, 0x0000004000000000l - 1, CALLS[i].is_out ? (long)locked : 8,
		may_be_null(i) ? 8 : 0 };
	for (size_t n = 0; n < sizeof(BAD) / sizeof(BAD[0]); n++) {
		long got = try_call(i, BAD[n]);
		bool is_crooked = CALLS[i].nr == SYS_futex && (BAD[n] & 3) && got == -EINVAL;
		if (got != -EFAULT && !is_crooked) {
			printf("%s, argument %d = %#lx: %ld\n", CALLS[i].name, CALLS[i].which,
				(unsigned long)BAD[n], got);
			exit(1);
		}
	}
}

/** Half a buffer: what is there is moved, or it is -EFAULT; the neighbours stay as they are. */
static void check_halves(void)
{
	char *half = edge - 15;
	memset(edge - PAGE + 1, 'e', PAGE);
	long got = pread(FILE_RW, half, 64, 0);
	CHECK(got == 16 || (got == -1 && errno == EFAULT));
	CHECK(half[-1] == 'e');
	got = syscall(SYS_write, PIPE_IN + 1, half, 64);
	CHECK((got > 0 && got <= 16) || (got == -1 && errno == EFAULT));
	*edge = 'e'; // a name without end
	CHECK_ERRNO(open(edge, O_RDONLY), EFAULT);
	CHECK_ERRNO(syscall(SYS_uname, half), EFAULT);
	struct iovec parts[2] = { { half, 16 }, { edge + 1, 16 } };
	got = preadv(FILE_RW, parts, 2, 0);
	CHECK(got == 16 || (got == -1 && errno == EFAULT));
	parts[1].iov_base = address(0xffff800000000000ul);
	CHECK_ERRNO(syscall(SYS_readv, FILE_RW, edge - 7, 2), EFAULT);
	got = syscall(SYS_read, FILE_RW, (long)half, -1ul); // a length round the end of memory
	CHECK(got <= 16);
	for (int i = 0; i < PAGE; i++)
		CHECK_IS(locked[i], 'l');
}

int main(void)
{
	locked = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(locked, 'l', PAGE);
	*(uint32_t *)locked = 0x6c6c6c6c;
	CHECK_IS(mprotect(locked, PAGE, PROT_READ), 0);
	char *at = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(at != MAP_FAILED);
	CHECK_IS(munmap(at + PAGE, 15 * PAGE), 0);
	edge = at + PAGE - 1;
	int ends[2], fd = scratch_file(), folder = open("/", O_RDONLY | O_DIRECTORY);
	CHECK_IS(pipe(ends), 0);
	CHECK(dup2(ends[0], PIPE_IN) >= 0 && dup2(ends[1], PIPE_IN + 1) >= 0);
	CHECK(dup2(fd, FILE_RW) >= 0 && dup2(folder, 103) == 103);
	CHECK_IS(ftruncate(FILE_RW, 65536), 0);
	gid_t groups[3] = { 0, 1, 2 };
	if (geteuid() == 0)
		CHECK_IS(setgroups(3, groups), 0);
	for (size_t i = 0; i < CALL_COUNT; i++)
		check_call(i);
	check_halves();
	return 0;
}
