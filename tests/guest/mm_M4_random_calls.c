// SPDX-License-Identifier: MIT
// Random system calls with arguments that are nearly right, from many processes and threads at once, on
// descriptors of every kind, as nobody and as root: none stops the kernel, and when all these processes
// are killed the kernel holds no page and no object more than before.
//
// Every argument has a kind, a letter; one in sixteen is of another kind. What would reach beyond the
// processes of this test (another's signals, the clock, mounts) is not called, or not by root. The
// seed is printed; `/test mm_M4_random_calls SEED CALLS` runs another sequence, and with names behind it
// only these calls, or with a minus before the first all but these.
// guest: CPUS 4
#include <dirent.h>
#include <ftw.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <uapi/ipc.h>

#include "inject.h"

#define NOBODY 65000
#define PROCESSES 6
#define ROUNDS 4
#define ARENA_PAGES 64
#define ARENA address(0x20000000) // far from all else: what reaches beyond its end finds nothing
#define FDS 40
enum { READ_END = 3, WRITE_END }; // of a pipe for copies that may fail

// Kinds of arguments:
// f descriptor   p pointer      a page of the arena   s name            l length       n small number
// b bits         o offset       t pointer to a time   g signal          i process      * anything
// c clock        m protection   k key or id of System V IPC
#define CALL(name, kinds) { #name, SYS_##name, kinds }
static const struct call {
	const char *name;
	long nr;
	const char *kinds;
} CALLS[] = {
	// files and names
	CALL(read, "fpl"), CALL(write, "fpl"), CALL(pread64, "fplo"), CALL(pwrite64, "fplo"),
	CALL(readv, "fpn"), CALL(writev, "fpn"), CALL(preadv2, "fpnoob"), CALL(pwritev2, "fpnoob"),
	CALL(openat, "fsbb"), CALL(openat, "fsnn"), CALL(openat2, "fspl"), CALL(close, "f"), CALL(close_range, "ffn"),
	CALL(dup, "f"), CALL(dup3, "ffb"), CALL(lseek, "fon"), CALL(fcntl, "fnb"), CALL(fcntl, "fnp"),
	CALL(fcntl, "fbn"), CALL(ioctl, "f*p"), CALL(ioctl, "fbp"), CALL(flock, "fn"), CALL(fsync, "f"),
	CALL(ftruncate, "fl"), CALL(truncate, "sl"), CALL(fallocate, "fnol"), CALL(copy_file_range, "fpfpln"),
	CALL(sendfile, "ffpl"), CALL(splice, "fpfpln"), CALL(tee, "ffln"), CALL(vmsplice, "fpnn"),
	CALL(mkdirat, "fsb"), CALL(mknodat, "fsbn"), CALL(unlinkat, "fsn"), CALL(unlinkat, "fsb"),
	CALL(symlinkat, "sfs"), CALL(linkat, "fsfsb"), CALL(renameat2, "fsfsn"), CALL(readlinkat, "fspl"),
	CALL(newfstatat, "fspb"), CALL(fstat, "fp"), CALL(statx, "fsbbp"), CALL(statfs, "sp"), CALL(fstatfs, "fp"),
	CALL(getdents64, "fpl"), CALL(getcwd, "pl"), CALL(chdir, "s"), CALL(fchdir, "f"), CALL(fchmod, "fb"),
	CALL(fchmodat, "fsb"), CALL(fchownat, "fsnnb"), CALL(utimensat, "fstb"), CALL(faccessat, "fsn"),
	CALL(umask, "b"), CALL(pipe2, "pb"), CALL(memfd_create, "sn"), CALL(getxattr, "sspl"),
	CALL(setxattr, "sspln"), CALL(fsetxattr, "fspln"), CALL(listxattr, "spl"), CALL(readahead, "fol"),
	CALL(fadvise64, "foln"), CALL(sync_file_range, "foln"),
	// waiting
	CALL(ppoll, "pntpn"), CALL(pselect6, "npppt*"), CALL(epoll_create1, "b"), CALL(epoll_ctl, "fnfp"),
	CALL(epoll_ctl, "fnfp"), CALL(epoll_pwait, "fpnnpn"), CALL(epoll_pwait2, "fpntpn"), CALL(eventfd2, "nb"),
	CALL(timerfd_create, "cb"), CALL(timerfd_settime, "fntp"), CALL(timerfd_gettime, "fp"),
	CALL(signalfd4, "fpnb"), CALL(inotify_init1, "b"), CALL(inotify_add_watch, "fsb"),
	CALL(inotify_rm_watch, "fn"), CALL(futex, "pntnpn"), CALL(futex, "pbnnpn"), CALL(set_robust_list, "pl"),
	CALL(get_robust_list, "ipp"), CALL(sched_yield, ""), CALL(nanosleep, "tp"), CALL(clock_nanosleep, "cntp"),
	// sockets
	CALL(socket, "nnn"), CALL(socketpair, "nbnp"), CALL(socketpair, "nnnp"), CALL(bind, "fpn"),
	CALL(connect, "fpn"), CALL(listen, "fn"), CALL(accept4, "fppb"), CALL(sendto, "fplbpn"),
	CALL(recvfrom, "fplbpp"), CALL(sendmsg, "fpb"), CALL(recvmsg, "fpb"), CALL(sendmmsg, "fpnb"),
	CALL(recvmmsg, "fpnbt"), CALL(shutdown, "fn"), CALL(getsockopt, "fnnpp"), CALL(setsockopt, "fnnpn"),
	CALL(getsockname, "fpp"), CALL(getpeername, "fpp"),
	// memory
	CALL(mmap, "almbfo"), CALL(mmap, "almnfo"), CALL(munmap, "al"), CALL(mremap, "allna"), CALL(mprotect, "alm"),
	CALL(madvise, "aln"), CALL(msync, "aln"), CALL(mincore, "alp"), CALL(mlock, "al"), CALL(munlock, "al"),
	CALL(mlock2, "aln"), CALL(brk, "*"), CALL(membarrier, "bnn"), CALL(process_vm_readv, "ipnpnn"),
	CALL(process_vm_writev, "ipnpnn"),
	// System V IPC
	CALL(shmget, "klb"), CALL(shmat, "kab"), CALL(shmdt, "a"), CALL(shmctl, "knp"), CALL(semget, "knb"),
	CALL(semop, "kpn"), CALL(semtimedop, "kpnt"), CALL(semctl, "knnp"), CALL(msgget, "kb"),
	CALL(msgsnd, "kplb"), CALL(msgrcv, "kplnb"), CALL(msgctl, "knp"),
	// processes and signals
	CALL(clone, "n"), CALL(wait4, "ipnp"), CALL(waitid, "nipnp"), CALL(kill, "ig"), CALL(tgkill, "iig"),
	CALL(rt_sigqueueinfo, "igp"), CALL(rt_sigprocmask, "nppn"), CALL(rt_sigpending, "pn"),
	CALL(rt_sigtimedwait, "pptn"), CALL(rt_sigsuspend, "pn"), CALL(sigaltstack, "pp"), CALL(pidfd_open, "in"),
	CALL(pidfd_send_signal, "fgpn"), CALL(pidfd_getfd, "ffn"), CALL(setpgid, "ii"), CALL(getpgid, "i"),
	CALL(setsid, ""), CALL(getsid, "i"), CALL(prctl, "bnnnn"), CALL(prctl, "bpnnn"), CALL(getrusage, "np"),
	CALL(times, "p"), CALL(prlimit64, "inpp"), CALL(getpriority, "ni"), CALL(setpriority, "nin"),
	CALL(sched_setaffinity, "ilp"), CALL(sched_getaffinity, "ilp"), CALL(sched_getattr, "ipnn"),
	CALL(sched_setattr, "ipn"), CALL(sched_setscheduler, "inp"), CALL(sched_rr_get_interval, "ip"),
	CALL(execveat, "fsppb"), CALL(setresuid, "nnn"), CALL(setresgid, "nnn"), CALL(setgroups, "np"),
	CALL(getgroups, "np"), CALL(capget, "pp"), CALL(capset, "pp"), CALL(set_tid_address, "p"),
	CALL(timer_create, "cpp"), CALL(timer_settime, "nntp"), CALL(timer_gettime, "np"), CALL(timer_delete, "n"),
	CALL(setitimer, "ntp"), CALL(getitimer, "np"), CALL(clock_gettime, "cp"), CALL(clock_getres, "cp"),
	CALL(uname, "p"), CALL(sysinfo, "p"), CALL(getcpu, "ppp"), CALL(getrandom, "plb"), CALL(rseq, "plnn"),
	CALL(kcmp, "iinff"),
	// native calls
	{ "ipc_endpoint", IPC_ENDPOINT, "n" }, { "ipc_restrict", IPC_RESTRICT, "fb" }, { "ipc_mint", IPC_MINT, "fb*" },
	{ "ipc_revoke", IPC_REVOKE, "fn" }, { "ipc_try_send", IPC_TRY_SEND, "fbnnnn" },
	{ "ipc_try_recv", IPC_TRY_RECV, "fbnnnn" }, { "ipc_reply", IPC_REPLY, "fbnnnn" },
};
#define CALL_COUNT (sizeof(CALLS) / sizeof(CALLS[0]))

/** Root is not let at what others share. */
static const char *const NOT_BY_ROOT[] = {"setpriority", "sched_setattr", "sched_setscheduler", "prlimit64"};

struct shared {
	_Atomic uint64_t calls, fuel; // made; still to be made
};
static struct shared *shared;
static char *arena;
static bool is_root;
static char **only; // names of calls, to the NULL

// ---- chance ---------------------------------------------------------------------------------------

static _Thread_local uint64_t state;

static uint64_t any(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static uint64_t below(uint64_t n)
{
	return (any() >> 11) % n;
}

// ---- arguments ------------------------------------------------------------------------------------

static const char *const NAMES[] = {"a", "b", "d", "d/a", "d/b", "l", "s", ".", "", "d/../a", "e/f", "/",
	"/proc/self/status", "/proc/self/fd/5", "/proc/self/maps", "/proc/self/fd", "/proc/self/exe", "/proc/1/stat",
	"/dev/null", "/dev/zero", "/dev/ptmx", "/dev/pts/0", "/dev/shm/x", "/proc/meminfo", "/sys/devices/system/cpu",
	"user.x", "a/b/c/d/e/f", "./././././d/./b"};

static long any_pointer(void)
{
	switch (below(16)) {
	case 0:
		return 0;
	case 1:
		return (long)any();
	case 2:
		return -(long)below(100000);
	default:
		return (long)(arena + (below(ARENA_PAGES * 4096) & (below(4) ? ~7ul : ~0ul)));
	}
}

static long any_length(void)
{
	switch (below(8)) {
	case 0:
		return (long)any();
	case 1:
		return (long)(below(ARENA_PAGES + 2) * 4096);
	case 2:
		return (long)below(100000);
	default:
		return (long)below(300);
	}
}

static long any_process(void)
{
	if (is_root)
		return below(2) ? 0 : getpid();
	return below(4) ? getpid() + (long)below(8) - 4 : below(8) ? 0 : -(long)below(3);
}

/** A time of at most a few ms, mostly. */
static long any_time(void)
{
	long *at = (long *)(arena + below(ARENA_PAGES) * 4096);
	long pipe_end = any_pointer();
	if (below(4) == 0)
		return pipe_end;
	for (int i = 0; i < 4; i += 2) {
		struct timespec time = {0, (long)below(3000000)};
		if (syscall(SYS_write, WRITE_END, &time, sizeof(time)) != sizeof(time) ||
		    syscall(SYS_read, READ_END, at + i, sizeof(time)) != sizeof(time))
			return pipe_end; // the page is not there
	}
	return (long)at;
}

static long any_argument(char kind)
{
	static const char KINDS[] = "fpaslnbotgicmk*";
	if (below(16) == 0 && !(is_root && kind == 'i'))
		kind = KINDS[below(sizeof(KINDS) - 1)];
	switch (kind) {
	case 'f':
		return below(12) ? (long)below(FDS) : below(2) ? AT_FDCWD : (long)any();
	case 'p':
		return any_pointer();
	case 'a':
		return (long)(arena + below(ARENA_PAGES) * 4096);
	case 's':
		return below(12) ? (long)NAMES[below(sizeof(NAMES) / sizeof(NAMES[0]))] : any_pointer();
	case 'l':
		return any_length();
	case 'n':
		return (long)below(12);
	case 'b':
		return below(2) ? 1l << below(32) : (long)(1l << below(20) | 1l << below(20) | below(8));
	case 'o':
		return below(4) ? (long)below(20000) : (long)any();
	case 't':
		return any_time();
	case 'g':
		return (long)below(66);
	case 'i':
		return any_process();
	case 'c':
		return (long)below(12);
	case 'm':
		return (long)below(8);
	case 'k':
		return below(2) ? (long)below(6) : 0x4a5b0000l + (long)below(4);
	default:
		return is_root ? (long)below(1 << 20) : (long)any();
	}
}

/** What pointers find: numbers that are descriptors, sizes, flags or pointers themselves. */
static void fill_arena(void)
{
	uint64_t words[32];
	for (int i = 0; i < 32; i++) {
		uint64_t r = below(8);
		words[i] = r < 2 ? below(FDS) : r < 4 ? (uint64_t)any_pointer() : r < 6 ? below(300) : r < 7 ? 0 : any();
	}
	size_t at = below(ARENA_PAGES * 4096 - sizeof(words)) & ~7ul;
	if (syscall(SYS_write, WRITE_END, words, sizeof(words)) > 0) // a copy that may fail
		syscall(SYS_read, READ_END, arena + at, sizeof(words));
}

// ---- processes ------------------------------------------------------------------------------------

static bool is_wanted(const char *name)
{
	bool is_listed = false, wants_listed = !*only || (*only)[0] != '-';
	for (size_t i = 0; is_root && i < sizeof(NOT_BY_ROOT) / sizeof(NOT_BY_ROOT[0]); i++) {
		if (strcmp(name, NOT_BY_ROOT[i]) == 0)
			return false;
	}
	for (char **listed = only; *listed; listed++)
		is_listed |= strcmp(name, *listed + (listed == only && !wants_listed)) == 0;
	return !*only || is_listed == wants_listed;
}

static void call_at_random(void)
{
	const struct call *call = &CALLS[below(CALL_COUNT)];
	long args[6] = {0};
	if (!is_wanted(call->name))
		return;
	for (int i = 0; i < 6; i++)
		args[i] = any_argument(i < (int)strlen(call->kinds) ? call->kinds[i] : 'n');
	if (call->nr == SYS_clone) { // a process: its stack is a copy
		args[0] = SIGCHLD;
		args[1] = args[2] = args[3] = args[4] = 0;
	}
	if (call->nr == SYS_close_range && below(8))
		args[0] = args[1];
	if (below(4) == 0)
		fill_arena();
	syscall(call->nr, args[0], args[1], args[2], args[3], args[4], args[5]);
}

static void *run_thread(void *seed)
{
	state = (uintptr_t)seed;
	while (atomic_load(&shared->fuel)) {
		atomic_fetch_sub(&shared->fuel, atomic_load(&shared->fuel) != 0);
		atomic_fetch_add(&shared->calls, 1);
		call_at_random();
	}
	return NULL;
}

static void open_everything(void)
{
	int ends[2];
	long fd;
	CHECK_IS(pipe2(ends, O_NONBLOCK), 0);
	CHECK(ends[0] == READ_END && ends[1] == WRITE_END);
	for (int type = SOCK_STREAM; type <= SOCK_SEQPACKET; type++)
		(void)!socketpair(AF_UNIX, type, 0, ends);
	(void)!pipe(ends);
	(void)!open("a", O_RDWR | O_CREAT, 0666);
	(void)!open("d", O_RDONLY | O_DIRECTORY);
	(void)!eventfd(1, 0);
	(void)!timerfd_create(CLOCK_MONOTONIC, 0);
	(void)!epoll_create1(0);
	(void)!inotify_init();
	(void)!memfd_create("m", MFD_ALLOW_SEALING);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	(void)!signalfd(-1, &set, 0);
	(void)!open("/proc/self/status", O_RDONLY);
	(void)!open("/dev/zero", O_RDWR);
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0)
		(void)!open(ptsname(master), O_RDWR | O_NOCTTY);
	(void)!syscall(SYS_pidfd_open, getpid(), 0);
	fd = syscall(IPC_ENDPOINT, 0, 0, 0, 0, 0, 0);
	if (fd >= 0)
		(void)!syscall(IPC_RESTRICT, fd, IPC_RIGHT_SEND, 0, 0, 0, 0);
}

static void on_alarm(int number)
{
	(void)number;
}

/** Who waits is woken now and then. */
static void start_alarm(void)
{
	struct sigaction action = {.sa_handler = on_alarm};
	struct itimerval every = {{0, 3000}, {0, 3000}};
	CHECK_IS(sigaction(SIGALRM, &action, NULL), 0);
	CHECK_IS(setitimer(ITIMER_REAL, &every, NULL), 0);
}

static void limit(int what, rlim_t most)
{
	CHECK_IS(setrlimit(what, &(struct rlimit){most, most}), 0);
}

_Noreturn static void run_process(uint64_t seed)
{
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	syscall(SYS_close_range, 3, ~0u, 0);
	arena = mmap(ARENA, ARENA_PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	open_everything();
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_AS, 64 << 20);
	limit(RLIMIT_MEMLOCK, 1 << 20);
	is_root = seed % 4 == 0;
	if (is_root) {
		CHECK_IS(chroot("."), 0);
		limit(RLIMIT_NPROC, 40);
	} else {
		limit(RLIMIT_NPROC, 24);
		CHECK_IS(setresgid(NOBODY, NOBODY, NOBODY), 0);
		CHECK_IS(setresuid(NOBODY, NOBODY, NOBODY), 0);
	}
	setpgid(0, 0);
	start_alarm();
	for (unsigned i = 0; i < 2; i++) {
		pthread_t thread;
		(void)!pthread_create(&thread, NULL, run_thread, address(seed * 31 + i + 1));
	}
	run_thread(address(seed));
	_exit(0);
}

// ---- the whole ------------------------------------------------------------------------------------

/** Kill every child, of whichever user; orphans of theirs become ours. */
static void kill_all(void)
{
	while (waitpid(-1, NULL, WNOHANG) >= 0) {
		char path[64], text[256];
		struct dirent *entry;
		DIR *dir = opendir("/proc");
		CHECK(dir);
		while ((entry = readdir(dir))) {
			int pid = atoi(entry->d_name), parent = 0;
			snprintf(path, sizeof(path), "/proc/%d/stat", pid);
			int fd = pid ? open(path, O_RDONLY) : -1;
			ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
			text[n > 0 ? n : 0] = '\0';
			char *end = strrchr(text, ')');
			if (end && sscanf(end, ") %*c %d", &parent) == 1 && parent == getpid())
				kill(pid, SIGKILL);
			close(fd);
		}
		closedir(dir);
	}
	CHECK(errno == ECHILD);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
	(void)info, (void)kind;
	return where->level ? remove(path) : 0;
}

/** Take away what the processes may have left: themselves, names, System V objects. */
static void clean(void)
{
	kill_all();
	CHECK_IS(nftw(".", remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
	(void)!remove("/dev/shm/x");
	for (int at = 0; at < 128; at++) { // by their places in the tables
		shmctl(shmctl(at, SHM_STAT, &(struct shmid_ds){0}), IPC_RMID, NULL);
		semctl(semctl(at, 0, SEM_STAT, &(struct semid_ds){0}), 0, IPC_RMID);
		msgctl(msgctl(at, MSG_STAT, &(struct msqid_ds){0}), IPC_RMID, NULL);
	}
}

/** Keep so many processes at it until the calls are made. */
static void drive(uint64_t seed)
{
	struct {
		pid_t pid;
		unsigned rounds;
	} processes[PROCESSES] = {0};
	CHECK_IS(mkdir("d", 0777), 0);
	CHECK_IS(chmod("d", 0777), 0);
	CHECK_IS(symlink("d/a", "l"), 0);
	while (shared->fuel) {
		pid_t ended;
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0) {
			for (int i = 0; i < PROCESSES; i++)
				processes[i].pid = processes[i].pid == ended ? 0 : processes[i].pid;
		}
		for (unsigned i = 0; i < PROCESSES; i++) {
			if (processes[i].pid && processes[i].rounds++ > 10 + 5 * i)
				kill(processes[i].pid, SIGKILL); // perhaps it has stopped for good
			if (processes[i].pid)
				continue;
			seed += 7919;
			processes[i].rounds = 0;
			processes[i].pid = check_fork();
			if (processes[i].pid == 0)
				run_process(seed * 2654435761u);
		}
		sleep_ms(5);
	}
	clean();
}

/** In a process of its own, so that this one's memory stays as it is. */
static void run(uint64_t seed, uint64_t calls)
{
	shared->calls = 0;
	shared->fuel = calls;
	pid_t pid = check_fork();
	if (pid == 0) {
		CHECK_IS(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
		drive(seed);
		_exit(0);
	}
	CHECK_CHILD(pid);
}

/** As many objects of each kind must be in use as @before. Returns the pages that are in use beyond. */
static long check_books(const struct books *before)
{
	static struct books after;
	long pages = 0;
	for (int i = 0; i < 100; i++) {
		books_read(&after);
		pages = before->pages - after.pages;
		after.pages = before->pages;
		if (books_are_equal(before, &after))
			return pages;
		sleep_ms(20);
	}
	books_close("random calls", before);
	return 0;
}

int main(int argc, char **argv)
{
	static struct books before;
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint64_t calls = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)rounds(ROUNDS * 5000, ROUNDS * 1000000);
	long lost = 1;
	only = argv + (argc > 2 ? 3 : argc);
	if (!is_halcyon() || geteuid() != 0)
		return SKIPPED;
	enter_scratch_folder();
	shared = shared_memory(sizeof(*shared));
	printf("seed %llu\n", (unsigned long long)seed);
	run(seed + 1000000, calls / ROUNDS); // what is made once is made now
	// Tables may grow in one round, and shrink in another. What is lost is lost in each.
	for (int i = 0; i < ROUNDS; i++) {
		books_open(&before);
		run(seed + (uint64_t)i, calls / ROUNDS);
		long pages = check_books(&before);
		printf("%llu calls, %ld pages\n", (unsigned long long)shared->calls, pages);
		fflush(stdout);
		lost = pages < lost ? pages : lost;
	}
	CHECK(lost <= 0);
	return 0;
}
