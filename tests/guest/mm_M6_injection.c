// SPDX-License-Identifier: MIT
// Calls that make or change something, with a failure at each of their allocations: the error of memory's
// end, nothing half made, and nothing lost, to the page. A page fault tries again.
// guest: CPUS 4
#include <grp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include <uapi/ipc.h>

#include "inject.h"

static int ends[2], file_fd, endpoint_fd;
static char *area; // 16 pages

static long error_of(long result)
{
	return result < 0 ? -errno : result;
}

static void nothing(long result)
{
	(void)result;
}

static void close_fd(long fd)
{
	CHECK_IS(close((int)fd), 0);
}

static void close_ends(long result)
{
	(void)result;
	close_fd(ends[0]);
	close_fd(ends[1]);
}

// ---- files --------------------------------------------------------------------------------------

static long run_create(void)
{
	return error_of(open("created", O_RDWR | O_CREAT | O_EXCL, 0600));
}
static void undo_create(long fd)
{
	close_fd(fd);
	CHECK_IS(unlink("created"), 0);
}

static long run_open(void)
{
	return error_of(open("file", O_RDWR));
}

static long run_mkdir(void)
{
	return error_of(mkdir("made", 0700));
}
static void undo_mkdir(long result)
{
	(void)result;
	CHECK_IS(rmdir("made"), 0);
}

static long run_symlink(void)
{
	return error_of(symlink("a target", "link"));
}
static long run_link(void)
{
	return error_of(link("file", "link"));
}
static void undo_link(long result)
{
	(void)result;
	CHECK_IS(unlink("link"), 0);
}

static long run_rename(void)
{
	return error_of(rename("file", "folder/file"));
}
static void undo_rename(long result)
{
	(void)result;
	CHECK_IS(rename("folder/file", "file"), 0);
}

static long run_write(void)
{
	static char data[20000];
	return error_of(pwrite(file_fd, data, sizeof(data), 0));
}
static void undo_write(long result)
{
	(void)result;
	CHECK_IS(ftruncate(file_fd, 0), 0);
}

static long run_pipe(void)
{
	return error_of(pipe(ends));
}
static long run_pipe_write(void)
{
	char data[9000];
	if (pipe(ends) < 0)
		return -errno;
	memset(data, 1, sizeof(data));
	long result = error_of(write(ends[1], data, sizeof(data)));
	if (result < 0)
		close_ends(0);
	return result;
}

static long run_socketpair(void)
{
	return error_of(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
}
static long run_eventfd(void)
{
	return error_of(eventfd(0, 0));
}
static long run_memfd(void)
{
	return error_of(memfd_create("memory", 0));
}
static long run_ptmx(void)
{
	return error_of(open("/dev/ptmx", O_RDWR | O_NOCTTY));
}
static long run_proc(void)
{
	char text[512];
	int fd = open("/proc/self/status", O_RDONLY);
	if (fd < 0)
		return -errno;
	long result = error_of(read(fd, text, sizeof(text)));
	close_fd(fd);
	return result;
}
static long run_endpoint(void)
{
	long fd = syscall(IPC_ENDPOINT, 0, 0, 0, 0, 0, 0);
	return error_of(fd);
}
static long run_poll(void)
{
	struct pollfd fds[200];
	for (int i = 0; i < 200; i++)
		fds[i] = (struct pollfd){ file_fd, POLLIN, 0 };
	return error_of(poll(fds, 200, 0));
}
static long run_flock(void)
{
	return error_of(flock(file_fd, LOCK_EX));
}
static void undo_flock(long result)
{
	CHECK_IS(result, 0);
	CHECK_IS(flock(file_fd, LOCK_UN), 0);
}
static void undo_record(long result)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
	CHECK_IS(result, 0);
	CHECK_IS(fcntl(file_fd, F_SETLK, &lock), 0);
}
static long run_record(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	return error_of(fcntl(file_fd, F_SETLK, &lock));
}
// Part of the way is undone here: no call's failure may leave more behind.
static long run_epoll(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = epoll_create1(0), target = fd < 0 ? -1 : eventfd(0, 0);
	long result = error_of(target);
	if (target >= 0) {
		result = error_of(epoll_ctl(fd, EPOLL_CTL_ADD, target, &event));
		close_fd(target);
	}
	if (fd >= 0)
		close_fd(fd);
	return result;
}
static long run_timerfd(void)
{
	return error_of(timerfd_create(CLOCK_REALTIME, 0));
}
static long run_inotify(void)
{
	int fd = inotify_init1(0);
	if (fd < 0)
		return error_of(fd);
	long result = error_of(inotify_add_watch(fd, ".", IN_CREATE));
	close_fd(fd);
	return result < 0 ? result : 0;
}
static long run_send_fds(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { .head = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec piece = { "x", 1 };
	struct msghdr msg = { .msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control,
		.msg_controllen = sizeof(control) };
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair))
		return error_of(-1);
	memcpy(CMSG_DATA(&control.head), &file_fd, sizeof(int));
	long result = error_of(sendmsg(pair[0], &msg, 0));
	close_fd(pair[0]);
	close_fd(pair[1]);
	return result < 0 ? result : 0;
}
static long run_shm(void)
{
	return error_of(shmget(IPC_PRIVATE, 8192, 0600));
}
static void undo_shm(long id)
{
	CHECK_IS(shmctl((int)id, IPC_RMID, NULL), 0);
}
static long run_mint(void)
{
	return error_of(syscall(IPC_MINT, endpoint_fd, 1, 7, 0, 0, 0));
}

// ---- processes ------------------------------------------------------------------------------------

static long run_sigqueue(void)
{
	return error_of(sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 5 }));
}
static void undo_sigqueue(long result)
{
	siginfo_t info;
	sigset_t set;
	CHECK_IS(result, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK_IS(sigwaitinfo(&set, &info), SIGRTMIN);
	CHECK_IS(info.si_value.sival_int, 5);
}
static long run_setgroups(void)
{
	static const gid_t groups[] = { 5, 6 };
	return error_of(setgroups(2, groups));
}
static void undo_setgroups(long result)
{
	CHECK_IS(result, 0);
	CHECK_IS(getgroups(0, NULL), 2);
}

// ---- memory -------------------------------------------------------------------------------------

static long map(int flags, int fd, void *at)
{
	void *got = mmap(at, 16 * 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
	return got == MAP_FAILED ? -errno : (long)got;
}
static long run_mmap(void)
{
	return map(MAP_PRIVATE | MAP_ANONYMOUS, -1, NULL);
}
static long run_mmap_populate(void)
{
	return map(MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, NULL);
}
static long run_mmap_shared(void)
{
	return map(MAP_SHARED | MAP_ANONYMOUS, -1, NULL);
}
static long run_mmap_file(void)
{
	return map(MAP_PRIVATE, file_fd, NULL);
}
static void undo_mmap(long at)
{
	CHECK_IS(munmap(address((uintptr_t)at), 16 * 4096), 0);
}

static void check_area(void)
{
	for (int i = 0; i < 16; i++)
		CHECK_IS(area[i * 4096], i);
}
static long run_mprotect(void)
{
	long result = error_of(mprotect(area + 4096, 4096, PROT_READ));
	check_area();
	return result;
}
static void undo_mprotect(long result)
{
	(void)result;
	CHECK_IS(mprotect(area, 16 * 4096, PROT_READ | PROT_WRITE), 0);
}
static long run_munmap(void)
{
	return error_of(munmap(area + 4 * 4096, 4096));
}
static void undo_munmap(long result)
{
	CHECK_IS(result, 0);
	CHECK(mmap(area + 4 * 4096, 4096, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == area + 4 * 4096);
	area[4 * 4096] = 4;
	check_area();
}
// ---- page faults ----------------------------------------------------------------------------------

static void touch_everything(char *shared)
{
	volatile char deep[200000]; // the stack grows
	char *fresh = address((uintptr_t)run_mmap()), *file = address((uintptr_t)run_mmap_file());
	for (int i = 0; i < 16; i++) {
		fresh[i * 4096] = 1;
		shared[i * 4096] = 1;
		area[i * 4096] = 1;
	}
	file[0] = (char)(file[4096] + 1);
	deep[0] = deep[100000] = 1;
	CHECK(deep[0] == 1);
	_exit(0);
}

static void check_faults(void)
{
	static struct books before;
	int nth = 0, absorbed = 0;
	bool is_left;
	do {
		char *shared = address((uintptr_t)run_mmap_shared());
		pid_t child = check_fork();
		if (child == 0) {
			inject_arm("fault:", nth ? nth : 1000000);
			touch_everything(shared);
		}
		CHECK_CHILD(child);
		is_left = inject_disarm();
		undo_mmap((long)shared);
		absorbed += !is_left;
		if (nth == 0)
			books_open(&before);
		CHECK(nth < 1000);
		nth++;
	} while (!is_left || nth == 1);
	printf("page faults: %d tried again\n", absorbed);
	fflush(stdout);
	CHECK(absorbed > 40);
	check_area();
	books_close("page faults", &before);
}

/** More processes at a time than there have been, with numbers that none has had: the page tables of their
 *  stacks and the table of numbers shrink again. (Who counts over many short lives may meet the same.) */
static void check_many(void)
{
	static struct books before;
	static pid_t children[300];
	char c;
	memset(children, 0xff, sizeof(children)); // their page is there
	books_open(&before);
	CHECK_IS(pipe(ends), 0);
	for (int i = 0; i < 300; i++) {
		children[i] = check_fork();
		if (children[i] == 0) {
			close_fd(ends[1]);
			_exit(read(ends[0], &c, 1) != 0);
		}
	}
	close_ends(0);
	for (int i = 0; i < 300; i++)
		CHECK_CHILD(children[i]);
	books_close("many processes", &before);
}

static const struct inject_case cases[] = {
	{"open, new", run_create, undo_create, 0, false},
	{"open", run_open, close_fd, 0, false},
	{"mkdir", run_mkdir, undo_mkdir, 0, false},
	{"symlink", run_symlink, undo_link, 0, false},
	{"link", run_link, undo_link, 0, false},
	{"rename", run_rename, undo_rename, 0, false},
	{"write", run_write, undo_write, 0, true},
	{"pipe", run_pipe, close_ends, 0, false},
	{"write, pipe", run_pipe_write, close_ends, 0, true},
	{"socketpair", run_socketpair, close_ends, 0, false},
	{"eventfd", run_eventfd, close_fd, 0, false},
	{"memfd_create", run_memfd, close_fd, 0, false},
	{"ptmx", run_ptmx, close_fd, 0, false},
	{"/proc", run_proc, nothing, 0, false},
	{"endpoint", run_endpoint, close_fd, 0, false},
	{"poll", run_poll, nothing, 0, false},
	{"flock", run_flock, undo_flock, ENOLCK, false},
	{"fcntl, lock", run_record, undo_record, ENOLCK, false},
	{"epoll", run_epoll, nothing, 0, false},
	{"timerfd", run_timerfd, close_fd, 0, false},
	{"inotify", run_inotify, nothing, 0, true}, // the last event of a watch may be lost
	{"sendmsg, descriptors", run_send_fds, nothing, 0, false},
	{"shmget", run_shm, undo_shm, 0, false},
	{"mint", run_mint, close_fd, 0, false},
	{"sigqueue", run_sigqueue, undo_sigqueue, EAGAIN, false},
	{"setgroups", run_setgroups, undo_setgroups, 0, false},
	{"mmap", run_mmap, undo_mmap, 0, false},
	{"mmap, populate", run_mmap_populate, undo_mmap, 0, true},
	{"mmap, shared", run_mmap_shared, undo_mmap, 0, false},
	{"mmap, file", run_mmap_file, undo_mmap, 0, false},
	{"mprotect", run_mprotect, undo_mprotect, 0, false},
	{"munmap", run_munmap, undo_munmap, 0, false},
};

int main(void)
{
	if (!inject_is_there())
		return SKIPPED;
	enter_scratch_folder();
	CHECK_IS(mkdir("folder", 0700), 0);
	file_fd = open("file", O_RDWR | O_CREAT, 0600);
	endpoint_fd = (int)run_endpoint();
	CHECK(file_fd >= 0 && endpoint_fd >= 0);
	sigset_t queued;
	sigemptyset(&queued);
	sigaddset(&queued, SIGRTMIN);
	CHECK_IS(sigprocmask(SIG_BLOCK, &queued, NULL), 0);
	area = address((uintptr_t)run_mmap());
	for (int i = 0; i < 16; i++)
		area[i * 4096] = (char)i;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		inject_sweep(&cases[i]);
	CHECK_IS(ftruncate(file_fd, 16 * 4096), 0);
	check_faults();
	check_many();
	return 0;
}
