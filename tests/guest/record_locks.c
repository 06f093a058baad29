// SPDX-License-Identifier: MIT
// Record locks of fcntl: who excludes whom, splitting and joining, waiting, deadlock found, what close,
// fork and exec do to them; locks of open files; and flock beside them.
// guest: CPUS 4
#include <sys/file.h>

#include "check.h"

static int fd;
static int to_child[2], from_child[2];

static int lock_by(int on, int command, int type, off_t start, off_t len)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
	return fcntl(on, command, &lock);
}

static int set(int type, off_t start, off_t len)
{
	return lock_by(fd, F_SETLK, type, start, len);
}

// The first lock that excludes one of @type there.
static struct flock get(int on, int command, int type, off_t start, off_t len)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };
	CHECK_IS(fcntl(on, command, &lock), 0);
	return lock;
}

static bool is_free(int type, off_t start, off_t len)
{
	return get(fd, F_GETLK, type, start, len).l_type == F_UNLCK;
}

// Run @check in a child, while the parent holds what it has.
static void in_child(void (*check)(void))
{
	pid_t child = check_fork();
	if (child == 0) {
		check();
		_exit(0);
	}
	CHECK_CHILD(child);
}

static void check_errors(void)
{
	int reader = open("file", O_RDONLY), writer = open("file", O_WRONLY);
	struct flock lock = { .l_type = 7, .l_whence = SEEK_SET };
	CHECK_ERRNO(fcntl(fd, F_SETLK, &lock), EINVAL);
	lock = (struct flock){ .l_type = F_RDLCK, .l_whence = 9 };
	CHECK_ERRNO(fcntl(fd, F_SETLK, &lock), EINVAL);
	CHECK_ERRNO(set(F_RDLCK, -1, 1), EINVAL);
	CHECK_ERRNO(set(F_RDLCK, 5, -6), EINVAL);
	CHECK_ERRNO(lock_by(reader, F_SETLK, F_WRLCK, 0, 1), EBADF);
	CHECK_ERRNO(lock_by(writer, F_SETLK, F_RDLCK, 0, 1), EBADF);
	CHECK_ERRNO(fcntl(fd, F_SETLK, address(8)), EFAULT);
	CHECK_ERRNO(lock_by(999, F_SETLK, F_RDLCK, 0, 1), EBADF);
	lock = (struct flock){ .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_pid = 1 };
	CHECK_ERRNO(fcntl(fd, F_OFD_SETLK, &lock), EINVAL);
	close(reader);
	close(writer);
}

static void expect_shared(void)
{
	CHECK_ERRNO(set(F_WRLCK, 0, 1), EAGAIN);
	CHECK_IS(set(F_RDLCK, 0, 10), 0);
	CHECK_IS(set(F_WRLCK, 10, 1), 0);
	struct flock lock = get(fd, F_GETLK, F_WRLCK, 0, 0);
	CHECK(lock.l_type == F_RDLCK && lock.l_start == 0 && lock.l_len == 10 && lock.l_pid == getppid());
	CHECK(lock.l_whence == SEEK_SET);
}


static void expect_joined(void)
{
	struct flock lock = get(fd, F_GETLK, F_WRLCK, 0, 0);
	CHECK(lock.l_start == 0 && lock.l_len == 0); // to the end, whatever that is
	CHECK(!is_free(F_RDLCK, 1ll << 40, 1));
}

static void expect_nothing(void)
{
	CHECK(is_free(F_WRLCK, 0, 0));
	CHECK_IS(set(F_WRLCK, 0, 0), 0);
}

static void check_ranges(void)
{
	CHECK_IS(set(F_RDLCK, 0, 10), 0);
	CHECK(is_free(F_WRLCK, 0, 10)); // not against oneself
	in_child(expect_shared);
	CHECK_IS(set(F_WRLCK, 0, 50), 0);
	CHECK_IS(set(F_UNLCK, 30, 10), 0);
	CHECK_IS(set(F_RDLCK, 10, 5), 0);
	CHECK_IS(set(F_WRLCK, 15, 0), 0);
	CHECK_IS(set(F_UNLCK, 50, 0), 0);
	CHECK_IS(set(F_UNLCK, 30, 10), 0);
	CHECK_IS(set(F_WRLCK, 10, 5), 0);
	CHECK_IS(set(F_WRLCK, 0, 30), 0);
	CHECK_IS(set(F_RDLCK, 10, 5), 0);
	pid_t child = check_fork();
	if (child == 0) {
		struct flock lock = get(fd, F_GETLK, F_RDLCK, 0, 0);
		CHECK(lock.l_start == 0 && lock.l_len == 10);
		CHECK(is_free(F_RDLCK, 10, 5));
		CHECK(is_free(F_WRLCK, 30, 10) && !is_free(F_WRLCK, 29, 1) && !is_free(F_WRLCK, 49, 1));
		CHECK(is_free(F_WRLCK, 50, 0));
		_exit(0);
	}
	CHECK_CHILD(child);
	for (off_t at = 0; at < 100; at += 10)
		CHECK_IS(set(F_WRLCK, at, 10), 0);
	CHECK_IS(set(F_WRLCK, 100, 0), 0);
	in_child(expect_joined);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = -100 };
	CHECK_IS(set(F_UNLCK, 0, 0), 0);
	CHECK_IS(fcntl(fd, F_SETLK, &lock), 0); // the bytes before
	child = check_fork();
	if (child == 0) {
		CHECK(is_free(F_WRLCK, 100, 0) && !is_free(F_WRLCK, 99, 1));
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(set(F_UNLCK, 0, 0), 0);
	in_child(expect_nothing);
}

// Any close of the file gives the locks back; those of open files stay.
static void check_close(void)
{
	CHECK_IS(set(F_WRLCK, 0, 0), 0);
	close(open("file", O_RDONLY));
	in_child(expect_nothing);
	CHECK_IS(set(F_WRLCK, 0, 0), 0);
	CHECK_IS(dup2(fd, dup(fd)) >= 0, 1); // closes a descriptor of it, too
	in_child(expect_nothing);
	int own = open("file", O_RDWR);
	CHECK_IS(lock_by(own, F_OFD_SETLK, F_WRLCK, 0, 10), 0);
	close(open("file", O_RDONLY));
	CHECK_ERRNO(set(F_RDLCK, 0, 1), EAGAIN); // excludes the process's own as well
	CHECK_ERRNO(lock_by(fd, F_OFD_SETLK, F_RDLCK, 0, 1), EAGAIN);
	CHECK_IS(get(fd, F_GETLK, F_RDLCK, 0, 1).l_pid, -1);
	int copy = dup(own);
	CHECK_IS(lock_by(copy, F_OFD_SETLK, F_RDLCK, 0, 10), 0); // the same open file
	CHECK_IS(set(F_RDLCK, 0, 1), 0);
	close(own);
	CHECK_ERRNO(set(F_WRLCK, 0, 1), EAGAIN);
	close(copy);
	CHECK_IS(set(F_WRLCK, 0, 1), 0);
	CHECK_IS(set(F_UNLCK, 0, 0), 0);
}

static void tell(int *ends)
{
	CHECK_IS(write(ends[1], "x", 1), 1);
}

static void hear(int *ends)
{
	char c;
	CHECK_IS(read(ends[0], &c, 1), 1);
}

static void check_waiting(void)
{
	CHECK_IS(set(F_WRLCK, 0, 10), 0);
	pid_t child = check_fork();
	if (child == 0) {
		tell(from_child);
		CHECK_IS(lock_by(fd, F_SETLKW, F_WRLCK, 5, 10), 0);
		tell(from_child);
		_exit(0); // and so gives it back
	}
	hear(from_child);
	sleep_ms(10);
	CHECK(fcntl(from_child[0], F_SETFL, O_NONBLOCK) == 0);
	char c;
	CHECK_ERRNO(read(from_child[0], &c, 1), EAGAIN); // still waits
	fcntl(from_child[0], F_SETFL, 0);
	CHECK_IS(set(F_UNLCK, 0, 10), 0);
	hear(from_child);
	CHECK_IS(lock_by(fd, F_SETLKW, F_WRLCK, 0, 0), 0);
	CHECK_CHILD(child);
	CHECK_IS(set(F_UNLCK, 0, 0), 0);
}

static void check_deadlock(void)
{
	CHECK_IS(set(F_WRLCK, 0, 1), 0);
	pid_t child = check_fork();
	if (child == 0) {
		CHECK_IS(set(F_WRLCK, 1, 1), 0);
		tell(from_child);
		CHECK_IS(lock_by(fd, F_SETLKW, F_WRLCK, 0, 1), 0); // until the parent gives up
		_exit(0);
	}
	hear(from_child);
	sleep_ms(20); // into its wait
	CHECK_ERRNO(lock_by(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	CHECK_IS(set(F_UNLCK, 0, 1), 0);
	CHECK_CHILD(child);
}

static void handler(int sig)
{
	(void)sig;
}

static void check_interrupted(void)
{
	struct sigaction action = { .sa_handler = handler };
	sigaction(SIGALRM, &action, NULL);
	CHECK_IS(set(F_WRLCK, 0, 1), 0);
	pid_t child = check_fork();
	if (child == 0) {
		struct itimerval timer = { { 0, 10000 }, { 0, 10000 } };
		setitimer(ITIMER_REAL, &timer, NULL);
		CHECK_ERRNO(lock_by(fd, F_SETLKW, F_WRLCK, 0, 1), EINTR);
		_exit(0);
	}
	CHECK_CHILD(child);
	CHECK_IS(set(F_UNLCK, 0, 0), 0);
}

// Many processes add to a counter in the file, each under its lock.
static void check_counter(void)
{
	enum { CHILDREN = 4 };
	long count = rounds(200, 20000), value = 0;
	pid_t children[CHILDREN];
	CHECK_IS(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
	for (int i = 0; i < CHILDREN; i++) {
		children[i] = check_fork();
		for (long n = 0; children[i] == 0 && n < count; n++) {
			CHECK_IS(lock_by(fd, F_SETLKW, F_WRLCK, 0, sizeof(value)), 0);
			CHECK_IS(pread(fd, &value, sizeof(value), 0), sizeof(value));
			value++;
			if (n % 16 == 0)
				sched_yield();
			CHECK_IS(pwrite(fd, &value, sizeof(value), 0), sizeof(value));
			CHECK_IS(set(F_UNLCK, 0, sizeof(value)), 0);
		}
		if (children[i] == 0)
			_exit(0);
	}
	for (int i = 0; i < CHILDREN; i++)
		CHECK_CHILD(children[i]);
	CHECK_IS(pread(fd, &value, sizeof(value), 0), sizeof(value));
	CHECK_IS(value, CHILDREN * count);
}

static void check_flock(void)
{
	int other = open("file", O_RDWR);
	CHECK_IS(flock(fd, LOCK_EX), 0);
	CHECK_ERRNO(flock(other, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	CHECK_IS(lock_by(other, F_OFD_SETLK, F_WRLCK, 0, 0), 0); // another kind
	CHECK_IS(flock(fd, LOCK_SH), 0);
	CHECK_IS(flock(other, LOCK_SH | LOCK_NB), 0);
	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	close(other);
	CHECK_IS(flock(fd, LOCK_EX | LOCK_NB), 0);
	CHECK_ERRNO(flock(fd, 77), EINVAL);
	CHECK_IS(flock(fd, LOCK_UN), 0);
}

int main(void)
{
	enter_scratch_folder();
	CHECK(pipe(to_child) == 0 && pipe(from_child) == 0);
	fd = open("file", O_RDWR | O_CREAT, 0600);
	check_errors();
	check_ranges();
	check_close();
	check_waiting();
	check_deadlock();
	check_interrupted();
	check_counter();
	check_flock();
	return 0;
}
